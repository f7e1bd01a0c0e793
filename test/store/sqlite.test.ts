/** What holds for SQLite in particular: durability, failures and recovery, damage, shared files, transactions, cost. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import {
  type ConnectionSource,
  checkDriver,
  fileSource,
  type SqliteDatabase,
  type SqliteStatement,
} from "../../src/store/sqlite-driver.ts";
import { windowSql } from "../../src/store/sqlite-replay.ts";
import { bytesToUlid, hashKey, ulidToBytes } from "../../src/store/sqlite-row.ts";
import { SqliteStore } from "../../src/store/sqlite-store.ts";
import type { Entry, Outcome, Store } from "../../src/store/store.ts";
import { append, codeOf, entry, everything, nthId, offsetsOf, until } from "./given.ts";
import { temporaryFile } from "./harness.ts";

let path: string;
let cleanups: (() => unknown)[];

beforeEach(async () => {
  const file = await temporaryFile();
  path = file.path;
  cleanups = [file.remove];
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** A connection as an application makes it; waits for no lock. */
function database(options: Database.Options = {}): Database.Database {
  const db = new Database(path, { timeout: 0, ...options });
  cleanups.push(() => db.close());
  return db;
}

async function opened(store: Store): Promise<Store> {
  await store.open();
  cleanups.push(() => store.close());
  return store;
}

function ids(entries: readonly Entry[]): string[] {
  return entries.map(({ id }) => id);
}

async function kept(store: Store): Promise<string[]> {
  return ids((await store.read(everything())).entries);
}

/** Connections to the file whose statements pass through `intercept`; the latest is in `connections`. */
function watched(intercept: (sql: string, statement: SqliteStatement) => SqliteStatement): {
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
function failingCommit(): {
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

describe("durability", () => {
  test("a store on a path really syncs every commit, after the first write too", async () => {
    const { source, connections } = watched((_, statement) => statement);
    const store = await opened(new SqliteStore(source, "disk"));
    await store.commit([append(1)]);
    expect(store.durability).toBe("disk");
    expect(connections[0]?.pragma("synchronous", { simple: true })).toBe(2);
    expect(connections[0]?.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(connections[0]?.pragma("page_size", { simple: true })).toBe(8192);
  });

  test("asked for no more than a killed process, it syncs at checkpoints only", async () => {
    const { source, connections } = watched((_, statement) => statement);
    const store = await opened(new SqliteStore(source, "os"));
    await store.commit([append(1)]);
    expect(store.durability).toBe("os");
    expect(connections[0]?.pragma("synchronous", { simple: true })).toBe(1);
  });

  test("a given connection is raised to full durability and never lowered", async () => {
    const db = database();
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = OFF");
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    db.pragma("synchronous = EXTRA");
    await opened(sqlite(db));
    expect(db.pragma("synchronous", { simple: true })).toBe(3);
    await opened(sqlite(db, { durability: "os" }));
    expect(db.pragma("synchronous", { simple: true })).toBe(3);
    db.pragma("synchronous = OFF");
    await opened(sqlite(db, { durability: "os" }));
    expect(db.pragma("synchronous", { simple: true })).toBe(1);
  });

  test("a new given file is synced at every commit, though the driver defaults to less", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
  });

  test("a database in memory does not claim to be durable", () => {
    expect(sqlite(":memory:").durability).toBe("memory");
    expect(sqlite(new Database(":memory:")).durability).toBe("memory");
  });
});

describe("files", () => {
  test("a file of a newer schema is refused and left as it is", async () => {
    const store = sqlite(path);
    await store.open();
    await store.commit([append(1)]);
    await store.close();
    const db = new Database(path);
    db.pragma("journal_mode = DELETE");
    db.exec("UPDATE gapless_meta SET version = 2");
    db.close();
    const before = await readFile(path);
    expect(await codeOf(sqlite(path).open())).toBe("STORE_TOO_NEW");
    expect(before.equals(await readFile(path))).toBe(true);
  });

  test("a file that is no database, and one whose tables are not ours, are refused", async () => {
    await writeFile(path, "this is a letter to a friend, and no database. ".repeat(50));
    expect(await codeOf(sqlite(path).open())).toBe("STORE_CORRUPT");
    await rm(path);
    database().exec("CREATE TABLE gapless_meta (a, b)");
    expect(await codeOf(sqlite(path).open())).toBe("STORE_CORRUPT");
  });

  test("lives beside the application's tables and its user_version", async () => {
    const db = database();
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY); PRAGMA user_version = 42; PRAGMA application_id = 7");
    const store = await opened(sqlite(path));
    await store.commit([append(1)]);
    expect(db.pragma("user_version", { simple: true })).toBe(42);
    expect(db.pragma("application_id", { simple: true })).toBe(7);
    expect(await kept(store)).toEqual([nthId(1)]);
  });

  test("a file that went away is a new log of another epoch", async () => {
    const first = sqlite(path);
    const { epoch } = await first.open();
    await first.close();
    await rm(path);
    const second = sqlite(path);
    cleanups.push(() => second.close());
    const state = await second.open();
    expect(state.epoch).not.toBe(epoch);
    expect(state.head).toBe(0);
  });

  test("a folder that does not exist is named as the reason", async () => {
    const store = sqlite(`${path}/no/such/folder`);
    await expect(store.open()).rejects.toThrow(/^STORE_FAILED: opening the store failed: .*folder/);
  });

  test("a store that could not be opened may be opened again", async () => {
    const holder = database();
    const db = database();
    holder.pragma("journal_mode = WAL");
    holder.exec("BEGIN IMMEDIATE");
    const store = sqlite(db);
    expect(await codeOf(store.open())).toBe("STORE_BUSY");
    holder.exec("ROLLBACK");
    await opened(store);
    expect(await codeOf(store.open())).toBe("INVALID");
  });

  test("a connection that answers integers as bigints makes no difference", async () => {
    const db = database();
    db.defaultSafeIntegers(true);
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    const { entries } = await store.read(everything());
    expect(typeof entries[0]?.offset).toBe("number");
    expect(typeof entries[0]?.publishedAt).toBe("number");
    expect((await store.usage()).entries).toBe(1);
  });

  test("better-sqlite3 13 is refused before Node 22, where it crashes", () => {
    expect(() => checkDriver("13.0.1", "20.19.0")).toThrow(/^DRIVER_UNSUPPORTED: .*better-sqlite3@12/);
    expect(() => checkDriver("14.1.0", "21.0.0")).toThrow(/^DRIVER_UNSUPPORTED/);
    expect(() => checkDriver("12.11.1", "20.19.0")).not.toThrow();
    expect(() => checkDriver("13.0.1", "22.12.0")).not.toThrow();
  });
});

describe("failures", () => {
  test("a full disk keeps nothing of the batch, reads go on, and the next commit works once there is space", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true })) + 1}`);
    const large = [append(2), append(3, ["k"], { data: "x".repeat(200_000) })];
    expect(await codeOf(store.commit(large))).toBe("STORE_FULL");
    expect(db.inTransaction).toBe(false);
    expect(await kept(store)).toEqual([nthId(1)]);
    db.pragma("max_page_count = 1000000");
    const outcomes = await store.commit(large);
    expect(outcomes.map((outcome) => outcome?.duplicate)).toEqual([false, false]);
    expect((await store.usage()).entries).toBe(3);
  });

  test("a read-only file is refused at opening, and keeps nothing when it becomes so later", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(await codeOf(sqlite(database({ readonly: true })).open())).toBe("STORE_READONLY");
    db.pragma("query_only = ON");
    expect(await codeOf(store.commit([append(2)]))).toBe("STORE_READONLY");
    expect(await kept(store)).toEqual([nthId(1)]);
    db.pragma("query_only = OFF");
    await store.commit([append(2)]);
    expect(await kept(store)).toEqual([nthId(1), nthId(2)]);
  });

  test("a lock of another process keeps nothing, and the next commit works once it is gone", async () => {
    const store = await opened(sqlite(database()));
    const holder = database();
    holder.exec("BEGIN IMMEDIATE");
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_BUSY");
    expect(await kept(store)).toEqual([]);
    holder.exec("ROLLBACK");
    const [outcome] = await store.commit([append(1)]);
    expect(outcome?.duplicate).toBe(false);
  });

  test("a lock that is met only at COMMIT keeps nothing, now or with the next commit", async () => {
    const { source, connections, faults } = failingCommit();
    const store = await opened(new SqliteStore(source, "disk"));
    faults.push({ code: "SQLITE_BUSY", kept: false });
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_BUSY");
    expect(connections[0]?.inTransaction).toBe(false);
    await store.commit([append(2)]);
    expect(await kept(store)).toEqual([nthId(2)]);
    expect(connections.length).toBe(1);
  });

  test.each([true, false])(
    "a disk that fails at COMMIT leaves the outcome unknown (kept: %s); the batch is repeated on a new connection",
    async (wasKept) => {
      const { source, connections, faults } = failingCommit();
      const store = await opened(new SqliteStore(source, "disk"));
      const seen: Entry[] = [];
      store.tail(0, (entries) => seen.push(...entries));
      const [first = 0] = await offsetsOf(store, [append(1)]);
      faults.push({ code: "SQLITE_IOERR_FSYNC", kept: wasKept });
      expect(await codeOf(store.commit([append(2)]))).toBe("STORE_FAILED");
      const [again] = await store.commit([append(2)]);
      expect(again?.duplicate).toBe(wasKept);
      expect(connections.length).toBe(2);
      const [third = 0] = await offsetsOf(store, [append(3)]);
      expect(Math.floor(third / 2 ** 32)).toBe(Math.floor(first / 2 ** 32) + 1);
      await until(() => seen.length === 3);
      expect(ids(seen)).toEqual([1, 2, 3].map(nthId));
      expect(await kept(store)).toEqual([1, 2, 3].map(nthId));
    },
  );

  test("a failed file that was replaced behind the store's back is not taken for the old log", async () => {
    const { source, faults } = failingCommit();
    const store = await opened(new SqliteStore(source, "disk"));
    faults.push({ code: "SQLITE_IOERR_WRITE", kept: false });
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_FAILED");
    for (const end of ["", "-wal", "-shm"]) await rm(path + end, { force: true });
    await expect(store.commit([append(1)])).rejects.toThrow(/^STORE_FAILED: .*repeat it/);
    const other = sqlite(path);
    await other.open();
    await other.close();
    const failed = await store.commit([append(1)]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "STORE_FAILED", cause: { code: "STORE_CORRUPT" } });
  });
});

describe("damage", () => {
  test("a damaged or missing row is reported and never delivered; its neighbours are", async () => {
    const store = await opened(sqlite(path));
    const offsets = await offsetsOf(
      store,
      Array.from({ length: 8 }, (_, n) => append(n)),
    );
    const db = database();
    const damage = [
      "data = '\"x\"'",
      "keys = '[\"other\"]'",
      "at = at + 1",
      "except_keys = '[\"k\"]'",
      "crc = crc + 1",
    ];
    for (const [n, change] of damage.entries())
      db.exec(`UPDATE gapless_log SET ${change} WHERE off = ${offsets[n + 1]}`);
    db.exec(`DELETE FROM gapless_log WHERE off = ${offsets[6]}`);
    for (const reverse of [false, true]) {
      const page = await store.read(everything("k", { reverse }));
      expect(ids(page.entries).toSorted()).toEqual([nthId(0), nthId(7)]);
      expect(page.corrupt.toSorted()).toEqual(offsets.slice(1, 7));
      expect(page.more).toBe(false);
    }
    const part = await store.read(everything("k", { limit: 3 }));
    expect([part.entries.length, part.corrupt.length, part.more, part.end]).toEqual([1, 2, true, offsets[2]]);
    const seen: Entry[] = [];
    store.tail(0, (entries) => seen.push(...entries));
    await until(() => seen.length === 2);
    expect(ids(seen)).toEqual([nthId(0), nthId(7)]);
  });

  test("a row that SQLite cannot read is reported, and its neighbours are delivered", async () => {
    const first = sqlite(path);
    await first.open();
    const offsets = await offsetsOf(first, [append(1), append(2, ["k"], { data: "y".repeat(100_000) }), append(3)]);
    await first.close();
    const file = await readFile(path);
    // A page that holds nothing but the long text begins with the number of the next such page.
    const page = Array.from({ length: file.length / 8192 }, (_, n) => n * 8192).find(
      (at) => file.subarray(at + 4, at + 8000).every((byte) => byte === 0x79) && file.readUInt32BE(at) !== 0,
    );
    file.writeUInt32BE(0x7fffffff, page ?? 0);
    await writeFile(path, file);
    const store = await opened(sqlite(path));
    for (const reverse of [false, true]) {
      const { entries, corrupt } = await store.read(everything("k", { reverse }));
      expect(ids(entries).toSorted()).toEqual([nthId(1), nthId(3)]);
      expect(corrupt).toEqual([offsets[1]]);
    }
  });
});

describe("one file, two stores", () => {
  test("P3: the tails of both see all entries of both, in the order of the log", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const seen: Entry[][] = [[], []];
    a.tail(0, (entries) => seen[0]?.push(...entries));
    b.tail(0, (entries) => seen[1]?.push(...entries));
    for (let n = 0; n < 200; n++) {
      await (n % 3 === 0 ? a : b).commit([append(2 * n), append(2 * n + 1)]);
      // Turns of the event loop in between let the ways of memory and of the file alternate.
      if (n % 7 === 0) await nextTurn();
    }
    await until(() => seen.every((entries) => entries.length >= 400));
    const expected = Array.from({ length: 400 }, (_, n) => nthId(n));
    for (const entries of seen) {
      expect(ids(entries)).toEqual(expected);
      const offsets = entries.map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
    }
  });

  test("P5: an id that one appended is a duplicate for the other", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const [one] = await a.commit([append(1)]);
    const [two] = await b.commit([append(1)]);
    expect(two).toEqual({ offset: one?.offset, duplicate: true });
  });

  test("counts what is kept over both", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    await a.commit([append(1, ["k"], { data: "abc" })]);
    await b.commit([append(2, ["k"], { data: "é" })]);
    const step = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 2, maxEntries: 9 };
    expect(await a.usage()).toMatchObject({ entries: 2, bytes: 5 });
    await b.trim(step, 0, 10);
    expect(await a.usage()).toMatchObject({ entries: 1, bytes: 2 });
  });

  test("a session that one resumed is closed to the other", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const open = {
      kind: "open",
      session: "s",
      namespace: "/",
      principal: null,
      keys: [],
      inboxSettled: 0,
      at: 1,
    } as const;
    await a.commit([open]);
    await b.commit([{ kind: "resume", session: "s", at: 2 }]);
    expect(await a.commit([{ kind: "join", session: "s", generation: 1, key: "k" }])).toEqual([undefined]);
  });
});

describe("the application's own transaction", () => {
  async function given(): Promise<{ db: Database.Database; store: Store; seen: Entry[] }> {
    const db = database();
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    const store = await opened(sqlite(db));
    const seen: Entry[] = [];
    store.tail(0, (entries) => seen.push(...entries));
    return { db, store, seen };
  }

  test("an event is kept with it, found at its place, and handed to tails", async () => {
    const { db, store, seen } = await given();
    await store.commit([append(1)]);
    let outcome: Promise<Outcome> | undefined;
    db.transaction(() => {
      db.exec("INSERT INTO orders VALUES (1)");
      outcome = store.appendInTransaction?.(() => entry(2));
    })();
    expect(await outcome).toMatchObject({ duplicate: false });
    await store.commit([append(3)]);
    await until(() => seen.length === 3);
    expect(ids(seen)).toEqual([1, 2, 3].map(nthId));
    expect(seen[1]?.offset).toBe((await outcome)?.offset);
    expect(await store.usage()).toMatchObject({ entries: 3 });
  });

  test("an event is gone with it when it is rolled back, and its place was never seen", async () => {
    const { db, store, seen } = await given();
    db.exec("BEGIN");
    const outcome = store.appendInTransaction?.(() => entry(1));
    const code = codeOf(outcome as Promise<unknown>);
    const tick = Promise.all(Array.from({ length: 5 }, () => nextTurn()));
    await tick;
    db.exec("ROLLBACK");
    expect(await code).toBe("ROLLED_BACK");
    await store.commit([append(2)]);
    await until(() => seen.length === 1);
    expect(ids(seen)).toEqual([nthId(2)]);
    expect(await store.usage()).toMatchObject({ entries: 1 });
  });

  test("a rolled back savepoint takes its events with it and leaves the others", async () => {
    const { db, store } = await given();
    db.exec("BEGIN; SAVEPOINT inner");
    const inner = codeOf(store.appendInTransaction?.(() => entry(1)) as Promise<unknown>);
    db.exec("ROLLBACK TO inner; RELEASE inner");
    const outer = store.appendInTransaction?.(() => entry(2));
    db.exec("COMMIT");
    expect(await inner).toBe("ROLLED_BACK");
    expect((await outer)?.duplicate).toBe(false);
    expect(await kept(store)).toEqual([nthId(2)]);
  });

  test("commits and reads wait for its end, keep their order, and see nothing of it before", async () => {
    const { db, store, seen } = await given();
    db.exec("BEGIN");
    void store.appendInTransaction?.(() => entry(1));
    const done: string[] = [];
    const steps = [
      store.commit([append(2)]).then(() => done.push("commit 2")),
      store.read(everything()).then(({ entries }) => done.push(`read ${entries.length}`)),
      store.commit([append(3)]).then(() => done.push("commit 3")),
    ];
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect([done, seen]).toEqual([[], []]);
    db.exec("COMMIT");
    steps.push(store.commit([append(4)]).then(() => done.push("commit 4")));
    await Promise.all(steps);
    expect(done).toEqual(["commit 2", "read 2", "commit 3", "commit 4"]);
    await until(() => seen.length === 4);
    expect(ids(seen)).toEqual([1, 2, 3, 4].map(nthId));
  });

  test("there is none outside of a transaction, or on a connection of the store's own", async () => {
    const { store } = await given();
    expect(store.appendInTransaction?.(() => entry(1))).toBeUndefined();
    const own = await opened(sqlite(`${path}.own`));
    expect(own.appendInTransaction?.(() => entry(1))).toBeUndefined();
  });

  test("an event that the log holds already is a duplicate, whatever becomes of the transaction", async () => {
    const { db, store } = await given();
    const [first] = await store.commit([append(1)]);
    db.exec("BEGIN");
    const outcome = store.appendInTransaction?.(() => entry(1));
    db.exec("ROLLBACK");
    expect(await outcome).toEqual({ offset: first?.offset, duplicate: true });
  });

  test("an event that cannot be kept throws at once and leaves the transaction as it was", async () => {
    const { db, store } = await given();
    db.exec("BEGIN; INSERT INTO orders VALUES (1)");
    expect(() => store.appendInTransaction?.(() => entry(1, ["k"], { id: "no ulid" }))).toThrow(/^INVALID/);
    db.exec("COMMIT");
    db.pragma(`max_page_count = ${db.pragma("page_count", { simple: true })}`);
    const insert = db.transaction(() => {
      db.exec("INSERT INTO orders VALUES (2)");
      void store.appendInTransaction?.(() => entry(2, ["k"], { data: "x".repeat(500_000) }));
    });
    expect(() => insert()).toThrow(/^STORE_FULL/);
    expect(db.prepare("SELECT id FROM orders").pluck().all()).toEqual([1]);
    expect(await kept(store)).toEqual([]);
  });

  test("closing waits for what was begun and leaves the connection open", async () => {
    const { db, store } = await given();
    let outcome: Promise<Outcome> | undefined;
    db.transaction(() => {
      outcome = store.appendInTransaction?.(() => entry(1));
    })();
    await store.close();
    expect((await outcome)?.duplicate).toBe(false);
    expect(db.open).toBe(true);
    expect(db.prepare("SELECT count(*) FROM gapless_log").pluck().get()).toBe(1);
  });
});

describe("cost", () => {
  test("P12: a page searches the index and the log, and scans neither", async () => {
    const db = database();
    await opened(sqlite(db));
    for (const order of ["ASC", "DESC"] as const) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${windowSql(order)}`).all("[]", "[]", 0, 0, 1) as {
        detail: string;
      }[];
      const steps = plan.map(({ detail }) => detail);
      expect(steps).toContain("SEARCH a USING PRIMARY KEY (seg=? AND key=? AND off>? AND off<?)");
      expect(steps.filter((detail) => /gapless|SCAN [al]\b/.test(detail))).toEqual([]);
      expect(steps.filter((detail) => /SEARCH l USING INTEGER PRIMARY KEY/.test(detail)).length).toBe(1);
      expect(steps.filter((detail) => detail.includes("ORDER BY"))).toEqual([]);
    }
  });

  test("P12: what a replay asks of SQLite depends on what was missed, not on the size of the log", async () => {
    let queries = 0;
    let rows = 0;
    const { source } = watched((_, statement) => {
      for (const method of ["get", "all", "iterate"] as const) {
        const original = statement[method].bind(statement) as (...parameters: unknown[]) => never;
        statement[method] = (...parameters: unknown[]) => {
          queries++;
          if (method !== "iterate") return original(...parameters);
          return (function* count(): IterableIterator<unknown> {
            for (const row of original(...parameters) as Iterable<unknown>) {
              rows++;
              yield row;
            }
          })() as never;
        };
      }
      return statement;
    });
    const store = await opened(new SqliteStore(source, "os"));
    const keys = Array.from({ length: 50 }, (_, n) => `room ${n}`);
    const costs: unknown[] = [];
    let next = 0;
    const fill = async (count: number) => {
      for (let n = 0; n < count; n += 1000) {
        await store.commit(Array.from({ length: 1000 }, () => append(next, [keys[next++ % 500] ?? "other"])));
      }
    };
    for (const grow of [1000, 9000, 40_000]) {
      await fill(grow);
      const [after = 0] = await offsetsOf(store, [append(next++, ["mark"])]);
      await fill(2000);
      queries = 0;
      rows = 0;
      const page = await store.read({
        keys: keys.map((key) => ({ key, after, upTo: Number.MAX_SAFE_INTEGER })),
        limit: 1000,
        maxBytes: 1e9,
      });
      expect(page.entries.length).toBe(200);
      costs.push(rows);
      expect(queries).toBeLessThan(15);
    }
    expect(costs).toEqual([200, 200, 200]);
  });

  test("P4: pages agree with the log over many segments and generations", async () => {
    const all: { offset: number; keys: readonly string[] }[] = [];
    let store = sqlite(path, { durability: "os" });
    let n = 0;
    for (let generation = 0; generation < 3; generation++) {
      await store.open();
      for (let batch = 0; batch < 10; batch++) {
        const entries = Array.from({ length: 1000 }, () => {
          n++;
          return entry(n, n % 4000 === 7 ? ["rare", "busy"] : n % 3 === 0 ? ["busy"] : ["some", `one ${n % 40}`]);
        });
        const offsets = await offsetsOf(
          store,
          entries.map((one) => ({ kind: "append", entry: one })),
        );
        for (const [i, offset] of offsets.entries()) all.push({ offset, keys: entries[i]?.keys ?? [] });
      }
      await store.close();
      store = sqlite(path, { durability: "os" });
    }
    await opened(store);
    const somewhere = fc.nat({ max: all.length - 1 }).map((rank) => all[rank]?.offset ?? 0);
    const key = fc.constantFrom("rare", "busy", "some", "one 1", "one 2", "none");
    const bounds = fc.record({ key, after: fc.oneof(somewhere, fc.constant(0)), upTo: somewhere });
    const query = fc.record({
      keys: fc.array(bounds, { minLength: 1, maxLength: 5 }),
      limit: fc.constantFrom(1, 10, 700, 20_000),
      maxBytes: fc.constant(1e9),
      reverse: fc.boolean(),
    });
    const property = fc.asyncProperty(query, async (asked) => {
      const wanted = all.filter((one) =>
        asked.keys.some(({ key, after, upTo }) => after < one.offset && one.offset <= upTo && one.keys.includes(key)),
      );
      if (asked.reverse) wanted.reverse();
      const page = await store.read(asked);
      expect(page.entries.map(({ offset }) => offset)).toEqual(
        wanted.slice(0, asked.limit).map(({ offset }) => offset),
      );
      expect(page.more).toBe(wanted.length > asked.limit);
    });
    await fc.assert(property, { seed: 20_260_118, numRuns: 150 });
  }, 60_000);

  test("trimming drops the index of segments that the floor has passed, and only of those", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    for (let n = 0; n < 20_000; n += 1000) await store.commit(Array.from({ length: 1000 }, (_, i) => append(n + i)));
    const keep = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 1e12, maxEntries: 5000 };
    while ((await store.trim(keep, 0, 1024)).more);
    const segments = db.prepare("SELECT DISTINCT seg - (1 << 19) FROM gapless_audience").pluck().all();
    expect(segments).toEqual([1, 2]);
    const page = await store.read(everything("k", { limit: 10_000 }));
    expect([page.entries.length, page.corrupt]).toEqual([5000, []]);
  });
});

describe("rows", () => {
  test("a ULID and its 16 bytes are each other's image, in the same order", () => {
    const letter = fc.constantFrom(..."0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    const ulid = fc
      .tuple(fc.constantFrom(..."01234567"), fc.array(letter, { minLength: 25, maxLength: 25 }))
      .map(([first, rest]) => first + rest.join(""));
    fc.assert(
      fc.property(ulid, ulid, (a, b) => {
        expect(bytesToUlid(ulidToBytes(a))).toBe(a);
        expect(Math.sign(ulidToBytes(a).compare(ulidToBytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
      { seed: 1 },
    );
    expect(ulidToBytes("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").every((byte) => byte === 255)).toBe(true);
  });

  test("the hash of a key is part of the file format and stays what it is", () => {
    expect([hashKey(""), hashKey("a"), hashKey("room 1")]).toMatchInlineSnapshot(`
      [
        3338908027751811,
        7929297801672961,
        2821322834459937,
      ]
    `);
    expect(Number.isSafeInteger(hashKey("x".repeat(1000)))).toBe(true);
  });
});
