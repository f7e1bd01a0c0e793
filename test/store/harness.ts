/**
 * Engines made ready for tests.
 *
 * Rule: every store has a directory of its own, which goes away with it.
 */
import { existsSync, realpathSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { memory } from "../../src/store/memory.ts";
import { type SqliteOptions, sqlite } from "../../src/store/sqlite.ts";
import type { StoreHarness } from "../../src/testing/store-suite.ts";

/** A file that does not exist yet, in a directory of its own. */
export async function temporaryFile(
  place: string = tmpdir(),
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(place, "gapless-"));
  return { path: join(directory, "log.db"), remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Where files go that no disk needs to see: in memory, where the system has such a place. An absolute path without links. */
export function placeInMemory(): string {
  return realpathSync(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
}

/** The memory engine. */
export async function memoryHarness(): Promise<StoreHarness> {
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
export async function pathHarness(options?: SqliteOptions, place?: string): Promise<StoreHarness> {
  const file = await temporaryFile(place);
  let store = sqlite(file.path, options);
  return {
    store,
    async reopen() {
      await store.close();
      store = sqlite(file.path, options);
      return store;
    },
    async cleanup() {
      await store.close();
      await file.remove();
    },
  };
}

/** SQLite, given a connection of the application's. */
export async function databaseHarness(): Promise<StoreHarness> {
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
