/**
 * Who may read what: the stretches of the log in which a session belonged to an audience.
 *
 * Rule: an entry is for a session exactly when, at the entry's offset, the session was in one of the entry's audiences and
 * in none of those excepted. Live delivery and replay ask this one question, so neither shows what was published before
 * a join or after a leave.
 */
import type { Offset } from "./position.ts";

/** Entries with `since < offset <= until` belong to it; `until` is `null` while it lasts. */
export interface Interval {
  readonly key: string;
  readonly since: Offset;
  readonly until: Offset | null;
}

/** The part of an entry that decides who may read it. */
export interface Addressed {
  readonly offset: Offset;
  readonly keys: readonly string[];
  readonly except: readonly string[];
}

/** The memberships of one session. */
export class Memberships {
  readonly #intervals = new Map<string, Interval[]>();

  constructor(intervals: readonly Interval[] = []) {
    for (const interval of intervals) this.#add(interval);
  }

  /** Becomes a member after `since`. A member already: nothing changes. */
  join(key: string, since: Offset): void {
    if (!this.has(key)) this.#add({ key, since, until: null });
  }

  /** Membership ends after `until`. */
  leave(key: string, until: Offset): void {
    const intervals = this.#intervals.get(key);
    const last = intervals?.at(-1);
    if (!intervals || last?.until !== null) return;
    if (until > last.since) intervals[intervals.length - 1] = { ...last, until };
    else intervals.pop();
    if (intervals.length === 0) this.#intervals.delete(key);
  }

  /** Nothing after `position` belongs to it, whenever it ended. */
  clip(key: string, position: Offset): void {
    const clipped = (this.#intervals.get(key) ?? [])
      .filter(({ since }) => since < position)
      .map((interval) => ({ ...interval, until: Math.min(interval.until ?? position, position) }));
    if (clipped.length > 0) this.#intervals.set(key, clipped);
    else this.#intervals.delete(key);
  }

  /** Drops what ended at or before `position`: nothing before it will be read again. */
  forget(position: Offset): void {
    for (const [key, intervals] of this.#intervals) {
      const lasts = ({ until }: Interval) => until === null || until > position;
      if (intervals.every(lasts)) continue;
      const kept = intervals.filter(lasts);
      if (kept.length === 0) this.#intervals.delete(key);
      else this.#intervals.set(key, kept);
    }
  }

  /** Whether the session is a member now. */
  has(key: string): boolean {
    return this.since(key) !== undefined;
  }

  /** After which offset the membership that lasts began; `undefined` when there is none. */
  since(key: string): Offset | undefined {
    const last = this.#intervals.get(key)?.at(-1);
    return last?.until === null ? last.since : undefined;
  }

  /** Whether the session is, or was, a member at any offset after this one. */
  reaches(key: string, offset: Offset): boolean {
    const last = this.#intervals.get(key)?.at(-1);
    return last !== undefined && (last.until === null || last.until > offset);
  }

  /** How many audiences the session is, or was not long ago, a member of. */
  get size(): number {
    return this.#intervals.size;
  }

  /** Keys of the memberships that last. */
  open(): string[] {
    return [...this.#intervals.keys()].filter((key) => this.has(key));
  }

  /** All that is known, for keeping. */
  all(): Interval[] {
    return [...this.#intervals.values()].flat();
  }

  /** Whether the session was a member at this offset. */
  covers(key: string, offset: Offset): boolean {
    const intervals = this.#intervals.get(key);
    if (!intervals) return false;
    for (const { since, until } of intervals) if (since < offset && (until === null || offset <= until)) return true;
    return false;
  }

  /** Whether the session was a member at all offsets from the first to the last. False is no proof of the contrary: it may have come and gone. */
  spans(key: string, first: Offset, last: Offset): boolean {
    const interval = this.#intervals.get(key)?.at(-1);
    return interval !== undefined && interval.since < first && (interval.until === null || last <= interval.until);
  }

  /** Whether the entry is for this session. */
  entitled({ offset, keys, except }: Addressed): boolean {
    for (const key of except) if (this.covers(key, offset)) return false;
    for (const key of keys) if (this.covers(key, offset)) return true;
    return false;
  }

  /** What to read for a replay of `(after, upTo]`. */
  between(after: Offset, upTo: Offset): { key: string; after: Offset; upTo: Offset }[] {
    const bounds = [];
    for (const { key, since, until } of this.all()) {
      const from = Math.max(after, since);
      const to = Math.min(upTo, until ?? upTo);
      if (from < to) bounds.push({ key, after: from, upTo: to });
    }
    return bounds;
  }

  #add(interval: Interval): void {
    const intervals = this.#intervals.get(interval.key);
    if (intervals) intervals.push(interval);
    else this.#intervals.set(interval.key, [interval]);
  }
}
