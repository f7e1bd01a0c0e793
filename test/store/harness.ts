/**
 * Engines made ready for tests.
 *
 * Rule: every store has a directory of its own, which goes away with it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { memory } from "../../src/store/memory.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Harness } from "./given.ts";

/** A file that does not exist yet, in a directory of its own. */
export async function temporaryFile(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "gapless-"));
  return { path: join(directory, "log.db"), remove: () => rm(directory, { recursive: true, force: true }) };
}

/** The memory engine. */
export async function memoryHarness(): Promise<Harness> {
  const store = memory();
  return {
    store,
    async reopen() {
      await store.close();
      return store;
    },
    cleanup: () => store.close(),
  };
}

/** SQLite, given a path. */
export async function pathHarness(): Promise<Harness> {
  const file = await temporaryFile();
  let store = sqlite(file.path);
  return {
    store,
    async reopen() {
      await store.close();
      store = sqlite(file.path);
      return store;
    },
    async cleanup() {
      await store.close();
      await file.remove();
    },
  };
}

/** SQLite, given a connection of the application's. */
export async function databaseHarness(): Promise<Harness> {
  const file = await temporaryFile();
  let db = new Database(file.path);
  let store = sqlite(db);
  return {
    store,
    async reopen() {
      await store.close();
      db.close();
      db = new Database(file.path);
      store = sqlite(db);
      return store;
    },
    async cleanup() {
      await store.close();
      db.close();
      await file.remove();
    },
  };
}
