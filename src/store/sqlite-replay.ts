/**
 * Reads pages of the log through the audience index.
 *
 * Rule: the cost of a page follows what it returns. The index is walked in windows of offsets; the first is no wider than
 * the page is long, so a busy audience costs no more rows than it is given, and each next one is as wide as the yield of
 * the last suggests, so a quiet audience costs few queries. A window ends where a key's bounds begin or end, so that
 * within it all keys are alike. Stretches without any segment (between generations, trimmed) are skipped.
 */
import type { Offset } from "../core/position.ts";
import { PageBuilder } from "./page.ts";
import { prepareRows, prepareValue, type SqliteDatabase, type SqliteStatement } from "./sqlite-driver.ts";
import { isDamage } from "./sqlite-error.ts";
import { type LogBounds, SEGMENT_SIZE } from "./sqlite-log.ts";
import { decodeRow, hashKey, ROW_COLUMNS, type Row } from "./sqlite-row.ts";
import type { Page, ReadQuery } from "./store.ts";

/** Offsets in the first window of a page, at least. */
const NARROWEST = 512;
/** How much wider the next window may be: what is quiet here may be busy there, and is then read in vain. */
const GROWTH = 16;
const WIDEST = 256 * SEGMENT_SIZE;

/** Offsets in order under the hashes `?2`, in the segments `?1`, above `?3` and up to `?4`; at most `?5`. */
function offsetsSql(order: "ASC" | "DESC"): string {
  // CROSS JOIN fixes the order of the loops: for each segment and key, one range of the index.
  return `SELECT DISTINCT a.off AS off FROM json_each(?) s CROSS JOIN json_each(?) k CROSS JOIN gapless_audience a
    ON a.seg = s.value AND a.key = k.value AND a.off > ? AND a.off <= ? ORDER BY 1 ${order} LIMIT ?`;
}

/** The query for one window, with the entries themselves; those whose row is missing have an offset only. */
export function windowSql(order: "ASC" | "DESC"): string {
  return `SELECT x.off, ${ROW_COLUMNS} FROM (${offsetsSql(order)}) x LEFT JOIN gapless_log l ON l.off = x.off`;
}

type Bound = readonly [hash: number, after: Offset, upTo: Offset];

/** A window `after < offset <= upTo`, and what to look for in it. */
interface Window {
  readonly segments: readonly number[];
  readonly hashes: readonly number[];
  readonly after: Offset;
  readonly upTo: Offset;
}

/** Statements for one direction. */
interface Direction {
  readonly reverse: boolean;
  /** The nearest segment beyond one. */
  readonly beyond: SqliteStatement;
  readonly window: SqliteStatement;
  readonly offsets: SqliteStatement;
}

/** The index on one connection. */
export class Replay {
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #row: SqliteStatement;

  constructor(db: SqliteDatabase) {
    this.#up = {
      reverse: false,
      beyond: prepareValue(db, "SELECT seg FROM gapless_audience WHERE seg > ? ORDER BY seg LIMIT 1"),
      window: prepareRows(db, windowSql("ASC")),
      offsets: prepareValue(db, offsetsSql("ASC")),
    };
    this.#down = {
      reverse: true,
      beyond: prepareValue(db, "SELECT seg FROM gapless_audience WHERE seg < ? ORDER BY seg DESC LIMIT 1"),
      window: prepareRows(db, windowSql("DESC")),
      offsets: prepareValue(db, offsetsSql("DESC")),
    };
    this.#row = prepareRows(db, `SELECT off, ${ROW_COLUMNS} FROM gapless_log WHERE off = ?`);
  }

  /** As `Store.read`. Runs inside the transaction in which the bounds were read. */
  read(query: ReadQuery, { floor, head }: LogBounds): Page {
    const page = new PageBuilder(query);
    const bounds: Bound[] = [];
    for (const { key, after, upTo } of query.keys) {
      // Index rows outlive their trimmed entries; below the floor nothing is missing, it is gone.
      const bound: Bound = [hashKey(key), Math.max(after, floor), Math.min(upTo, head)];
      if (bound[1] < bound[2]) bounds.push(bound);
    }
    if (query.reverse === true) this.#walkDown(page, bounds);
    else this.#walkUp(page, bounds);
    return page.finish(floor, head);
  }

  #walkUp(page: PageBuilder, bounds: readonly Bound[]): void {
    const end = bounds.reduce((most, bound) => Math.max(most, bound[2]), 0);
    let from = bounds.reduce((least, bound) => Math.min(least, bound[1]), end);
    let width = Math.max(page.room, NARROWEST);
    while (from < end) {
      const first = nearest(this.#up, segmentOf(from + 1) - 1);
      if (first === undefined) return;
      from = Math.max(from, first * SEGMENT_SIZE - 1);
      let to = Math.min(end, from + width);
      for (const [, after, upTo] of bounds) {
        if (from < after && after < to) to = after;
        if (from < upTo && upTo < to) to = upTo;
      }
      const segments: number[] = [];
      for (let next: number | undefined = first; next !== undefined && next <= segmentOf(to); ) {
        segments.push(next);
        next = nearest(this.#up, next);
      }
      const room = page.room;
      if (!this.#take(page, this.#up, { segments, hashes: throughout(bounds, from, to), after: from, upTo: to }))
        return;
      width = nextWidth(Math.abs(to - from), room - page.room, page.room);
      from = to;
    }
  }

  #walkDown(page: PageBuilder, bounds: readonly Bound[]): void {
    const end = bounds.reduce((least, bound) => Math.min(least, bound[1]), Number.MAX_SAFE_INTEGER);
    let from = bounds.reduce((most, bound) => Math.max(most, bound[2]), 0);
    let width = Math.max(page.room, NARROWEST);
    while (from > end) {
      const first = nearest(this.#down, segmentOf(from) + 1);
      if (first === undefined) return;
      from = Math.min(from, (first + 1) * SEGMENT_SIZE - 1);
      let to = Math.max(end, from - width);
      for (const [, after, upTo] of bounds) {
        if (to < after && after < from) to = after;
        if (to < upTo && upTo < from) to = upTo;
      }
      const segments: number[] = [];
      for (let next: number | undefined = first; next !== undefined && next >= segmentOf(to + 1); ) {
        segments.push(next);
        next = nearest(this.#down, next);
      }
      const room = page.room;
      if (!this.#take(page, this.#down, { segments, hashes: throughout(bounds, to, from), after: to, upTo: from }))
        return;
      width = nextWidth(Math.abs(to - from), room - page.room, page.room);
      from = to;
    }
  }

  /** Takes the rows of one window into the page; `false` when the page is full. */
  #take(page: PageBuilder, direction: Direction, { segments, hashes, after, upTo }: Window): boolean {
    if (segments.length === 0 || hashes.length === 0) return true;
    const where = [JSON.stringify(segments), JSON.stringify(hashes), after, upTo];
    try {
      // Row by row and no further than the page is long: a page bounded by size must not load entries it has no room for.
      for (const row of direction.window.iterate(...where, page.room + 1) as IterableIterator<Row>) {
        if (!page.take(row[0], decodeRow(row))) return false;
      }
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#takeAround(page, direction, where);
    }
  }

  /** As {@link Replay.#take} where SQLite cannot read some of the rows: each by itself, so that the others are delivered. */
  #takeAround(page: PageBuilder, direction: Direction, where: readonly unknown[]): boolean {
    const last = page.last;
    const taken = (offset: Offset) => last !== undefined && (direction.reverse ? offset >= last : offset <= last);
    for (const offset of direction.offsets.all(...where, Number.MAX_SAFE_INTEGER) as Offset[]) {
      if (!taken(offset) && !page.take(offset, this.#readAlone(offset))) return false;
    }
    return true;
  }

  #readAlone(offset: Offset): ReturnType<typeof decodeRow> {
    try {
      const row = this.#row.get(offset) as Row | undefined;
      return row === undefined ? undefined : decodeRow(row);
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }
}

function nearest(direction: Direction, segment: number): number | undefined {
  return direction.beyond.get(segment) as number | undefined;
}

function segmentOf(offset: Offset): number {
  return Math.floor(offset / SEGMENT_SIZE);
}

/** The keys that are asked for in the whole window; no other is asked for in any part of it. */
function throughout(bounds: readonly Bound[], after: Offset, upTo: Offset): number[] {
  const hashes: number[] = [];
  for (const [hash, lower, upper] of bounds) {
    if (lower <= after && upper >= upTo) hashes.push(hash);
  }
  return hashes;
}

/** How many offsets to look through next, to find `wanted` rows where the last `width` offsets had `found`. */
function nextWidth(width: number, found: number, wanted: number): number {
  const growth = found === 0 ? GROWTH : Math.min(GROWTH, (1.5 * wanted) / found);
  return Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(width * growth)));
}
