/**
 * Where connections come from, and what is required of them: the driver's guard, pragmas, transactions.
 *
 * Rule: a connection that the application made is never closed, and its durability is only ever raised.
 */
import { closeSync, fdatasync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { DeliveryError } from "../core/error.ts";

/** What is used of a prepared statement of better-sqlite3. */
export interface SqliteStatement {
  run(...parameters: unknown[]): { readonly changes: number };
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
  raw(on?: boolean): unknown;
  pluck(on?: boolean): unknown;
  safeIntegers(on?: boolean): unknown;
}

/** What is used of a `Database` of better-sqlite3. */
export interface SqliteDatabase {
  readonly memory: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  pragma(source: string, options?: { simple?: boolean }): unknown;
  close(): unknown;
}

/** Makes connections for one store. */
export interface ConnectionSource {
  /** Whether the connection is the store's own, to be closed and replaced by it. */
  readonly owned: boolean;
  /** Whether what is written is lost with the connection. */
  readonly inMemory: boolean;
  /** `again`: the file was there before and must still be. */
  connect(again: boolean): SqliteDatabase;
  /** The write-ahead log beside a connection. Absent, or `undefined`: SQLite has to sync it within each commit. */
  openWal?(): WalFile | undefined;
}

/** The write-ahead log as a file. */
export interface WalFile {
  /** Resolves when everything that was written to it by now is on the disk; rejects as the system does. */
  sync(): Promise<void>;
  /** Writes all that is in it once more. Nobody else may write to it meanwhile. */
  rewrite(): void;
  /** Its size. */
  bytes(): number;
  close(): void;
}

/** How long SQLite waits for a lock of another process. It waits on the event loop, hence no longer. */
const LOCK_WAIT_MS = 1000;

const NORMAL = 1;
const FULL = 2;

/** Connections of the store's own to a file. */
export function fileSource(path: string): ConnectionSource {
  return {
    owned: true,
    inMemory: path === "" || path === ":memory:",
    connect(again) {
      const Database = loadDriver();
      return new Database(path, { timeout: LOCK_WAIT_MS, fileMustExist: again });
    },
    openWal: () => openWal(`${path}-wal`),
  };
}

function openWal(path: string): WalFile | undefined {
  let file: number;
  try {
    // Windows syncs only what is open for writing.
    file = openSync(path, "r+");
  } catch {
    return undefined;
  }
  return {
    // Not of the data alone where that is less than it says: libuv asks macOS for a full sync in `fsync` and `fdatasync` alike.
    sync: () => new Promise((resolve, reject) => fdatasync(file, (error) => (error ? reject(error) : resolve()))),
    rewrite() {
      const contents = Buffer.alloc(fstatSync(file).size);
      const bytes = readSync(file, contents, 0, contents.length, 0);
      writeSync(file, contents, 0, bytes, 0);
    },
    bytes: () => fstatSync(file).size,
    close: () => closeSync(file),
  };
}

/** The connection that the application made. */
export function givenSource(database: SqliteDatabase): ConnectionSource {
  return { owned: false, inMemory: database.memory, connect: () => database };
}

type Driver = new (path: string, options: { timeout: number; fileMustExist: boolean }) => SqliteDatabase;

function loadDriver(): Driver {
  const require = createRequire(import.meta.url);
  let version: string;
  try {
    ({ version } = require("better-sqlite3/package.json") as { version: string });
  } catch (error) {
    const advice = "Install it beside this package: npm install better-sqlite3";
    throw new DeliveryError("DRIVER_UNSUPPORTED", `the package better-sqlite3 was not found. ${advice}`, {
      cause: error,
    });
  }
  checkDriver(version, process.versions.node);
  return require("better-sqlite3") as Driver;
}

/**
 * Refuses a driver that would end the process: better-sqlite3 from 13 on crashes in its constructor on Node before 22,
 * where nothing can be caught any more. Throws `DRIVER_UNSUPPORTED`.
 */
export function checkDriver(driverVersion: string, nodeVersion: string): void {
  if (Number.parseInt(driverVersion, 10) < 13 || Number.parseInt(nodeVersion, 10) >= 22) return;
  throw new DeliveryError(
    "DRIVER_UNSUPPORTED",
    `better-sqlite3 ${driverVersion} crashes on Node ${nodeVersion}. Install better-sqlite3@12, or use Node 22 or later.`,
  );
}

/** A statement that answers numbers, whatever the connection's default for integers is. */
export function prepare(db: SqliteDatabase, sql: string): SqliteStatement {
  const statement = db.prepare(sql);
  statement.safeIntegers(false);
  return statement;
}

/** A query that answers rows as arrays. */
export function prepareRows(db: SqliteDatabase, sql: string): SqliteStatement {
  const statement = prepare(db, sql);
  statement.raw(true);
  return statement;
}

/** A query that answers its first column. */
export function prepareValue(db: SqliteDatabase, sql: string): SqliteStatement {
  const statement = prepare(db, sql);
  statement.pluck(true);
  return statement;
}

/**
 * Sets a connection up, with full durability; {@link relax} lowers it afterwards where that was asked for. Throws
 * `STORE_FAILED` when SQLite does not take the setting.
 */
export function configure(db: SqliteDatabase, source: ConnectionSource): void {
  if (source.owned) {
    // Entries of 1 KB and more are written a third faster to larger pages. Only an empty file can still choose.
    if (readPragma(db, "page_count") === 0) db.pragma("page_size = 8192");
    // What is being appended, and its indexes, fit; a larger one is filled with what nobody reads again.
    db.pragma("cache_size = -4096");
  }
  if (!source.inMemory && db.pragma("journal_mode", { simple: true }) !== "wal") db.pragma("journal_mode = WAL");
  // Said aloud, and after the switch to WAL: the driver is built to run WAL with NORMAL, from the first write on, unless
  // it is told otherwise, and until then answers FULL when asked.
  db.pragma(`synchronous = ${source.owned ? FULL : Math.max(FULL, readPragma(db, "synchronous"))}`);
  // Elsewhere without effect; on macOS a plain fsync leaves the data in the drive's own cache.
  db.pragma("fullfsync = ON");
  db.pragma("checkpoint_fullfsync = ON");
  if (readPragma(db, "synchronous") < FULL) {
    throw new DeliveryError(
      "STORE_FAILED",
      "SQLite did not accept synchronous = FULL. Do not set it on this connection.",
    );
  }
}

/**
 * Carries the write-ahead log over into the main file, as far as no other connection still reads it. What was found in that
 * log may be there only because it is cached: after a sync that failed the system takes its pages for clean, and a later
 * sync does not write them. And damage to that log then takes back no generation, so no offset is given twice.
 */
export function carryOver(db: SqliteDatabase): void {
  db.pragma("wal_checkpoint(PASSIVE)");
}

/** Lowers a connection to what survives a killed process, but not power loss. A given one not below the level that it had. */
export function relax(db: SqliteDatabase, source: ConnectionSource, level: number): void {
  if (source.owned) db.pragma("fullfsync = OFF");
  if (source.owned) db.pragma(`synchronous = ${NORMAL}`);
  else if (level < FULL) db.pragma(`synchronous = ${Math.max(level, NORMAL)}`);
}

/**
 * Leaves it to the caller to sync the write-ahead log after each commit, and to carry it over when it has reached a size, which is
 * answered, in bytes. SQLite would carry it over, and so sync it, before the caller does, and say nothing when that fails.
 */
export function leaveSyncing(db: SqliteDatabase): number {
  const pages = readPragma(db, "wal_autocheckpoint");
  db.pragma("wal_autocheckpoint = 0");
  // When the log begins anew, its file is cut, so that its size is what is in it.
  db.pragma("journal_size_limit = 0");
  db.pragma(`synchronous = ${NORMAL}`);
  return pages * readPragma(db, "page_size");
}

/** The connection's level of `synchronous`: 0 is OFF, 1 NORMAL, 2 FULL, 3 EXTRA. */
export function synchronousLevel(db: SqliteDatabase): number {
  return readPragma(db, "synchronous");
}

function readPragma(db: SqliteDatabase, name: string): number {
  return Number(db.pragma(name, { simple: true }));
}

/** Transactions on one connection: all of the body, or nothing of it. */
export class Transactions {
  readonly #db: SqliteDatabase;
  readonly #beginWrite: SqliteStatement;
  readonly #beginRead: SqliteStatement;
  readonly #commit: SqliteStatement;
  readonly #rollback: SqliteStatement;

  constructor(db: SqliteDatabase) {
    this.#db = db;
    this.#beginWrite = db.prepare("BEGIN IMMEDIATE");
    this.#beginRead = db.prepare("BEGIN");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  /** Takes the write lock first, so that everything the body reads still holds when it is committed. */
  write<T>(body: () => T): T {
    return this.#within(this.#beginWrite, this.#commit, body);
  }

  /** One view of the file for several queries. Ends by ROLLBACK: COMMIT fails after a damaged page was met. */
  read<T>(body: () => T): T {
    return this.#within(this.#beginRead, this.#rollback, body);
  }

  #within<T>(begin: SqliteStatement, end: SqliteStatement, body: () => T): T {
    begin.run();
    try {
      const result = body();
      end.run();
      return result;
    } catch (error) {
      // A COMMIT that met a lock leaves the transaction open, and so it would be kept by the next one.
      if (this.#db.inTransaction) this.#undo(error);
      throw error;
    }
  }

  #undo(cause: unknown): void {
    try {
      this.#rollback.run();
    } catch {
      throw new DeliveryError("STORE_FAILED", "a transaction could not be rolled back. Repeat it.", { cause });
    }
  }
}
