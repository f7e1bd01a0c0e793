/**
 * What the tests of SQLite in particular are made of: a file for each test, connections and stores on it, and statements that
 * can be watched or made to fail.
 *
 * Rule: whatever a test opens is closed after it, the last first.
 */
import Database from "better-sqlite3";
import { afterEach, beforeEach } from "vitest";
import {
  type ConnectionSource,
  fileSource,
  type SqliteDatabase,
  type SqliteStatement,
} from "../../src/store/sqlite-driver.ts";
import type { Store } from "../../src/store/store.ts";
import { everything, ids } from "../../src/testing/store-suite/given.ts";
import { temporaryFile } from "./harness.ts";

/** The file of the test that runs. It does not exist yet when the test begins. */
export let path: string;
let cleanups: (() => unknown)[] = [];

/** Gives every test of the file that calls this a file of its own. */
export function eachOnItsOwnFile(): void {
  beforeEach(async () => {
    const file = await temporaryFile();
    path = file.path;
    cleanups = [file.remove];
  });

  afterEach(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
}

/** Has something done after the test. */
export function afterwards(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** A connection as an application makes it; waits for no lock. */
export function database(options: Database.Options = {}): Database.Database {
  const db = new Database(path, { timeout: 0, ...options });
  cleanups.push(() => db.close());
  return db;
}

/** Opens a store. */
export async function opened(store: Store): Promise<Store> {
  await store.open();
  cleanups.push(() => store.close());
  return store;
}

/** The ids of all that a store holds under the usual key. */
export async function kept(store: Store): Promise<string[]> {
  return ids((await store.read(everything())).entries);
}

/** Connections to the file whose statements pass through `intercept`; the latest is in `connections`. */
export function watched(intercept: (sql: string, statement: SqliteStatement) => SqliteStatement): {
  source: ConnectionSource;
  connections: SqliteDatabase[];
} {
  const connections: SqliteDatabase[] = [];
  const source: ConnectionSource = {
    ...fileSource(path),
    connect(again) {
      const db = fileSource(path).connect(again);
      connections.push(db);
      return new Proxy(db, {
        get(target, property) {
          if (property === "prepare") return (sql: string) => intercept(sql, target.prepare(sql));
          const value: unknown = Reflect.get(target, property, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
  return { source, connections };
}

/** COMMIT fails as `fault` says, before or after it was done, as often as it is armed. */
export function failingCommit(): {
  source: ConnectionSource;
  connections: SqliteDatabase[];
  faults: { code: string; kept: boolean }[];
} {
  const faults: { code: string; kept: boolean }[] = [];
  const { source, connections } = watched((sql, statement) => {
    if (sql !== "COMMIT") return statement;
    const run = statement.run.bind(statement);
    statement.run = () => {
      const fault = faults.shift();
      if (fault === undefined || fault.kept) {
        const result = run();
        if (fault === undefined) return result;
      }
      throw Object.assign(new Error("injected"), { code: fault.code });
    };
    return statement;
  });
  return { source, connections, faults };
}
