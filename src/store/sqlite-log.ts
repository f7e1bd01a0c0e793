/**
 * The log in SQLite: appending, following, trimming.
 *
 * Rule: where the log ends is read anew inside every transaction and never remembered beyond it: other processes, and
 * the application's own transactions, append to the same file.
 */
import type { Offset } from "../core/position.ts";
import { dataBytes } from "./batch.ts";
import { prepare, prepareRows, prepareValue, type SqliteDatabase, type SqliteStatement } from "./sqlite-driver.ts";
import { checksum, decodeRow, hashKey, ROW_COLUMNS, type Row, ulidToBytes } from "./sqlite-row.ts";
import { GENERATION_SIZE } from "./sqlite-schema.ts";
import type { CommitId, Entry, NewEntry, Outcome, Retention } from "./store.ts";
import type { Stretch } from "./tails.ts";

/** Offsets of one segment of the audience index. Part of the file format. */
export const SEGMENT_SIZE = 8192;

/** Where the log begins and ends at one moment, and how much it holds. */
export interface LogBounds {
  readonly head: Offset;
  readonly floor: Offset;
  readonly entries: number;
  readonly bytes: number;
}

/** The log on one connection. All methods run inside a transaction of the caller's, except {@link SqliteLog.after}. */
export class SqliteLog {
  readonly #generationStart: Offset;
  readonly #bounds: SqliteStatement;
  readonly #insert: SqliteStatement;
  readonly #index: SqliteStatement;
  readonly #byId: SqliteStatement;
  readonly #idAt: SqliteStatement;
  readonly #addTotals: SqliteStatement;
  readonly #after: SqliteStatement;
  readonly #oldest: SqliteStatement;
  readonly #removeUpTo: SqliteStatement;
  readonly #raiseFloor: SqliteStatement;
  readonly #dropSegments: SqliteStatement;
  readonly #lastBatch: SqliteStatement;
  readonly #remember: SqliteStatement;

  constructor(db: SqliteDatabase, generation: number) {
    this.#generationStart = generation * GENERATION_SIZE;
    this.#bounds = prepareRows(
      db,
      "SELECT (SELECT max(off) FROM gapless_log), floor, entries, bytes FROM gapless_meta WHERE one = 1",
    );
    this.#insert = prepare(db, "INSERT INTO gapless_log VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
    this.#index = prepare(db, "INSERT OR IGNORE INTO gapless_audience VALUES (?, ?, ?)");
    this.#byId = prepareValue(db, "SELECT off FROM gapless_log WHERE id = ?");
    this.#idAt = prepareValue(db, "SELECT id FROM gapless_log WHERE off = ?");
    this.#addTotals = prepare(
      db,
      "UPDATE gapless_meta SET entries = max(0, entries + ?), bytes = max(0, bytes + ?) WHERE one = 1",
    );
    this.#after = prepareRows(db, `SELECT off, ${ROW_COLUMNS} FROM gapless_log WHERE off > ? ORDER BY off LIMIT ?`);
    this.#oldest = prepareRows(db, "SELECT off, at, octet_length(data) FROM gapless_log ORDER BY off LIMIT ?");
    this.#removeUpTo = prepare(db, "DELETE FROM gapless_log WHERE off <= ?");
    this.#raiseFloor = prepare(db, "UPDATE gapless_meta SET floor = max(floor, ?) WHERE one = 1");
    this.#dropSegments = prepare(db, "DELETE FROM gapless_audience WHERE seg < ?");
    this.#lastBatch = prepareValue(db, "SELECT head FROM gapless_writer WHERE name = ? AND number = ?");
    this.#remember = prepare(
      db,
      "INSERT INTO gapless_writer VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET number = excluded.number, head = excluded.head",
    );
  }

  /** Where the log begins and ends now. */
  bounds(): LogBounds {
    const [last, floor, entries, bytes] = this.#bounds.get() as [number | null, number, number, number];
    return { head: Math.max(last ?? 0, floor), floor, entries, bytes };
  }

  /** Begins to append; all of it belongs to the transaction that is open. */
  appender(): Appender {
    const { head } = this.bounds();
    return new Appender(head, Math.max(head, this.#generationStart), {
      insert: this.#insert,
      index: this.#index,
      byId: this.#byId,
      addTotals: this.#addTotals,
    });
  }

  /** The head before a batch, if that was the writer's last one and is performed already. */
  headBefore({ writer, number }: CommitId): Offset | undefined {
    return this.#lastBatch.get(writer, number) as Offset | undefined;
  }

  /** The batch is the writer's last one; the log's head is what it was before it. */
  remember({ writer, number }: CommitId, headBefore: Offset): void {
    this.#remember.run(writer, number, headBefore);
  }

  /** Where the log holds this message. */
  find(id: string): Offset | undefined {
    return this.#byId.get(ulidToBytes(id)) as Offset | undefined;
  }

  /** Up to `limit` rows that follow an offset. Damaged ones are left out: `read` reports them. */
  after(offset: Offset, limit: number): Stretch {
    const rows = this.#after.all(offset, limit) as Row[];
    const entries: Entry[] = [];
    for (const row of rows) {
      const entry = decodeRow(row);
      if (entry !== undefined) entries.push(entry);
    }
    return { entries, end: rows.at(-1)?.[0] ?? offset, more: rows.length === limit };
  }

  /** As `Store.check`. */
  check(offset: Offset, id: string): "match" | "trimmed" | "forked" {
    if (offset <= this.bounds().floor) return "trimmed";
    const kept = this.#idAt.get(offset);
    return kept instanceof Uint8Array && ulidToBytes(id).equals(kept) ? "match" : "forked";
  }

  /** As `Store.trim`. */
  trim(retention: Retention, now: number, limit: number): { readonly floor: Offset; readonly more: boolean } {
    let { floor, entries, bytes } = this.bounds();
    const oldest = this.#oldest.all(limit + 1) as [off: number, at: number, size: number][];
    const before = now - retention.maxAgeMs;
    let removed = 0;
    let removedBytes = 0;
    let more = false;
    for (const [offset, at, size] of oldest) {
      if (entries <= retention.maxEntries && bytes <= retention.maxBytes && at >= before) break;
      if (removed === limit) {
        more = true;
        break;
      }
      floor = offset;
      entries--;
      bytes -= size;
      removed++;
      removedBytes += size;
    }
    if (removed === 0) return { floor, more };
    this.#removeUpTo.run(floor);
    this.#raiseFloor.run(floor);
    this.#addTotals.run(-removed, -removedBytes);
    // Index rows go segment by segment; those that outlive their entries in between are below the floor and not read.
    this.#dropSegments.run(Math.floor((floor + 1) / SEGMENT_SIZE));
    return { floor, more };
  }
}

interface AppendStatements {
  readonly insert: SqliteStatement;
  readonly index: SqliteStatement;
  readonly byId: SqliteStatement;
  readonly addTotals: SqliteStatement;
}

/** What one transaction appends. */
export class Appender {
  /** The head before the transaction. */
  readonly headBefore: Offset;
  /** What was appended, in order; duplicates are not among it. */
  readonly entries: Entry[] = [];
  readonly #statements: AppendStatements;
  #head: Offset;
  #last: Offset;
  #bytes = 0;

  constructor(head: Offset, last: Offset, statements: AppendStatements) {
    this.headBefore = head;
    this.#head = head;
    this.#last = last;
    this.#statements = statements;
  }

  /** The log's head, with what was appended so far. */
  get head(): Offset {
    return this.#head;
  }

  /** Appends one entry, unless the log holds its id. */
  append(entry: NewEntry): Outcome {
    const { insert, index, byId } = this.#statements;
    const { id, data, publishedAt } = entry;
    const offset = this.#last + 1;
    const bytes = ulidToBytes(id);
    const keys = JSON.stringify(entry.keys);
    const except = entry.except.length === 0 ? null : JSON.stringify(entry.except);
    const crc = checksum(offset, id, keys, except, data, publishedAt);
    if (insert.run(offset, bytes, keys, except, data, publishedAt, crc).changes === 0) {
      return { offset: byId.get(bytes) as Offset, duplicate: true };
    }
    const segment = Math.floor(offset / SEGMENT_SIZE);
    for (const key of entry.keys) index.run(segment, hashKey(key), offset);
    this.#last = offset;
    this.#head = offset;
    this.#bytes += dataBytes(data);
    this.entries.push({ id, keys: entry.keys, except: entry.except, data, publishedAt, offset });
    return { offset, duplicate: false };
  }

  /** Adds what was appended to the log's totals. The last step before the transaction ends. */
  finish(): void {
    if (this.entries.length > 0) this.#statements.addTotals.run(this.entries.length, this.#bytes);
  }
}
