/**
 * The tables of a store in SQLite, and how a file comes to have them.
 *
 * Rule: the file may be the application's own. All names begin with `gapless_`, the schema's version is kept in
 * `gapless_meta` (`user_version` and `application_id` belong to the application), and migrations only go forward.
 */
import { randomBytes } from "node:crypto";
import { DeliveryError } from "../core/error.ts";
import type { Epoch } from "../core/position.ts";
import { encodeAnswers } from "./answer-text.ts";
import { prepare, prepareRows, prepareValue, type SqliteDatabase } from "./sqlite-driver.ts";

/** Offsets of one generation of a file: it changes with every opening, so what a crash took back is never given out again. */
export const GENERATION_SIZE: number = 2 ** 32;

/** For so many openings of the file the last batch of a writer is remembered. */
const KEPT_GENERATIONS = 100;

/** Generations for which an offset is a safe integer. */
const GENERATIONS = 2 ** 21;

/**
 * `off` is `generation * 2^32 + number`. `gapless_audience` begins with the segment (`off div 8192`) so that all that is
 * being appended lands on the same few pages, and a segment can be dropped as one range.
 */
const VERSION_1 = `
CREATE TABLE gapless_meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  secret BLOB NOT NULL,
  generation INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE gapless_log (
  off INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  keys TEXT NOT NULL,
  except_keys TEXT,
  data ANY NOT NULL,
  at INTEGER NOT NULL,
  crc INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX gapless_log_id ON gapless_log (id);
CREATE TABLE gapless_audience (
  seg INTEGER NOT NULL,
  key INTEGER NOT NULL,
  off INTEGER NOT NULL,
  PRIMARY KEY (seg, key, off)
) STRICT, WITHOUT ROWID;
CREATE TABLE gapless_session (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL,
  principal TEXT,
  generation INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  arrived INTEGER NOT NULL,
  position INTEGER NOT NULL,
  inbox_settled INTEGER NOT NULL,
  inbox_above TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gapless_session_seen ON gapless_session (seen);
CREATE INDEX gapless_session_principal ON gapless_session (principal) WHERE principal IS NOT NULL;
CREATE TABLE gapless_membership (
  session TEXT NOT NULL,
  key TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY (session, key, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX gapless_membership_until ON gapless_membership (session, until) WHERE until IS NOT NULL;
CREATE TABLE gapless_answer (
  session TEXT NOT NULL,
  seq INTEGER NOT NULL,
  answer ANY NOT NULL,
  PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE gapless_writer (
  name TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  head INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE gapless_dead_letter (
  id TEXT PRIMARY KEY,
  session TEXT NOT NULL,
  direction TEXT NOT NULL,
  namespace TEXT NOT NULL,
  message TEXT NOT NULL,
  data ANY NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
`;

/** Answers that were kept in one step are one row, which took a quarter of the time that a row for each took. */
const VERSION_2 = `
CREATE TABLE gapless_answers (
  session TEXT NOT NULL,
  first INTEGER NOT NULL,
  answers TEXT NOT NULL,
  PRIMARY KEY (session, first)
) STRICT, WITHOUT ROWID;
`;

/** Changes the tables of one version into those of the next, inside a transaction of the caller's. */
export type Migration = (db: SqliteDatabase) => void;

/** Each leads from the version that is its index to the next. */
export const MIGRATIONS: readonly Migration[] = [
  (db) => {
    db.exec(VERSION_1);
    prepare(db, "INSERT INTO gapless_meta VALUES (1, 1, ?, ?, 0, 0, 0, 0)").run(
      randomBytes(8).toString("hex"),
      randomBytes(32),
    );
  },
  (db) => {
    db.exec(VERSION_2);
    const rows = prepareRows(db, "SELECT session, seq, answer FROM gapless_answer").all();
    const put = prepare(db, "INSERT INTO gapless_answers VALUES (?, ?, ?)");
    for (const [session, seq, answer] of rows as [string, number, string | Uint8Array][]) {
      put.run(session, seq, encodeAnswers([[seq, answer]]));
    }
    db.exec("DROP TABLE gapless_answer");
  },
];

/** What identifies the log in a file. */
export interface LogIdentity {
  readonly epoch: Epoch;
  readonly secret: Uint8Array;
  /** This opening's. */
  readonly generation: number;
}

/**
 * Refuses, without a write, a file whose tables this version does not understand. Throws `STORE_TOO_NEW`; throws
 * `STORE_CORRUPT` when the tables are not what their names promise.
 */
export function checkVersion(db: SqliteDatabase, migrations: readonly Migration[] = MIGRATIONS): void {
  const version = schemaVersion(db);
  if (version <= migrations.length) return;
  throw new DeliveryError(
    "STORE_TOO_NEW",
    `the file has schema version ${version}, this package knows up to ${migrations.length}. The file was not changed; ` +
      "upgrade gapless-io, or open another file.",
  );
}

/**
 * Brings the tables up to date and starts a new generation. Runs inside a write transaction. Throws `STORE_CORRUPT`
 * when the log is not the one of the epoch that was expected. `migrations` are an argument so that tests can add the next.
 */
export function migrate(
  db: SqliteDatabase,
  expected?: Epoch,
  migrations: readonly Migration[] = MIGRATIONS,
): LogIdentity {
  checkVersion(db, migrations);
  const version = schemaVersion(db);
  for (const migration of migrations.slice(version)) migration(db);
  const head = (prepareValue(db, "SELECT max(off) FROM gapless_log").get() as number | null) ?? 0;
  const row = prepareRows(db, "SELECT epoch, secret, generation, floor FROM gapless_meta").get();
  if (!Array.isArray(row)) throw damaged();
  const [epoch, secret, last, floor] = row as [string, Uint8Array, number, number];
  if (expected !== undefined && expected !== epoch) {
    throw new DeliveryError("STORE_CORRUPT", "the file was replaced by another one. Restart the server.");
  }
  const generation = Math.max(last, Math.floor(Math.max(head, floor) / GENERATION_SIZE)) + 1;
  if (generation >= GENERATIONS) {
    throw new DeliveryError(
      "STORE_CORRUPT",
      `the file was opened ${last} times and has no offsets left. Start a new file; clients then start over.`,
    );
  }
  // A writer repeats only its last batch, and soon: those of many openings ago are gone.
  prepare(db, "DELETE FROM gapless_writer WHERE head < ?").run((generation - KEPT_GENERATIONS) * GENERATION_SIZE);
  prepare(db, "UPDATE gapless_meta SET version = ?, generation = ?").run(migrations.length, generation);
  return { epoch, secret: new Uint8Array(secret), generation };
}

function schemaVersion(db: SqliteDatabase): number {
  const known = prepareValue(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'gapless_meta'").get();
  if (known === undefined) return 0;
  let version: unknown;
  try {
    version = prepareValue(db, "SELECT version FROM gapless_meta WHERE one = 1").get();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "SQLITE_ERROR") throw damaged(error);
    throw error;
  }
  if (!Number.isSafeInteger(version) || (version as number) < 1) throw damaged();
  return version as number;
}

function damaged(cause?: unknown): DeliveryError {
  return new DeliveryError(
    "STORE_CORRUPT",
    "the table gapless_meta is not what this package makes. Open another file, or restore a backup.",
    { cause },
  );
}
