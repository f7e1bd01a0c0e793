/**
 * When a page of the log is full, and what it speaks for.
 *
 * Rule: rows come in the query's order and each is either in the page or makes it end with `more`; a damaged row takes
 * a place like any other, so that a page of damaged rows is as bounded as a page of entries.
 */
import type { Offset } from "../core/position.ts";
import { dataBytes } from "./batch.ts";
import type { Entry, Page, ReadQuery } from "./store.ts";

/** As long as a page can be; beyond it, numbers stop being counts of rows. */
const LONGEST = 2 ** 31;

/** Builds one {@link Page}; the same for every engine. */
export class PageBuilder {
  readonly #query: ReadQuery;
  readonly #limit: number;
  readonly #entries: Entry[] = [];
  readonly #corrupt: Offset[] = [];
  #bytes = 0;
  #last: Offset | undefined;
  #more = false;

  constructor(query: ReadQuery) {
    this.#query = query;
    // A page that can hold nothing would never move the reader on.
    this.#limit = Math.max(1, Math.min(query.limit, LONGEST));
  }

  /** How many more rows fit by number. */
  get room(): number {
    return this.#limit - this.#entries.length - this.#corrupt.length;
  }

  /** The offset of the last row taken. */
  get last(): Offset | undefined {
    return this.#last;
  }

  /** Takes the next row in order, `undefined` for a damaged one. Answers `false`, and takes nothing, when the page is full. */
  take(offset: Offset, entry: Entry | undefined): boolean {
    if (this.room <= 0 || (this.#entries.length > 0 && this.#bytes >= this.#query.maxBytes)) {
      this.#more = true;
      return false;
    }
    this.#last = offset;
    if (entry === undefined) {
      this.#corrupt.push(offset);
    } else {
      this.#entries.push(entry);
      this.#bytes += dataBytes(entry.data);
    }
    return true;
  }

  /** The page, once no row is left or one was not taken. */
  finish(floor: Offset, head: Offset): Page {
    const end = this.#more && this.#last !== undefined ? this.#last : wholeEnd(this.#query, floor, head);
    return { entries: this.#entries, more: this.#more, end, floor, corrupt: this.#corrupt };
  }
}

/**
 * What a page speaks for that holds all that was asked for: up to the highest bound, but not beyond the head, where
 * entries may yet appear; against the order, from just above the lowest bound or the floor.
 */
function wholeEnd(query: ReadQuery, floor: Offset, head: Offset): Offset {
  if (query.reverse === true) {
    const lowest = query.keys.reduce((least, key) => Math.min(least, key.after), Number.POSITIVE_INFINITY);
    return Math.max(Number.isFinite(lowest) ? lowest : 0, floor) + 1;
  }
  if (query.keys.length === 0) return head;
  return Math.min(
    query.keys.reduce((most, key) => Math.max(most, key.upTo), 0),
    head,
  );
}
