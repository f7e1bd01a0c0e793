/**
 * Waiting for many things, equally long for each.
 *
 * Rule: one timer, for the one that has waited longest. A thing whose wait is over is told once.
 */
import type { Clock } from "../core/clock.ts";

/** Something to wait for. */
export interface Awaited {
  /** When it has been waited for long enough; absent while nobody waits. Written by {@link Waits} only. */
  dueAt: number | undefined;
}

/** Things that are waited for. */
export class Waits<T extends Awaited> {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #over: (thing: T) => void;
  /** In the order in which their waits began, some of which have ended; used again from its beginning. */
  readonly #queue: T[] = [];
  #first = 0;
  #armed = false;

  /** @param over Called with what was waited for in vain. */
  constructor(clock: Clock, waitMs: number, over: (thing: T) => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#over = over;
  }

  /** Begins to wait for it. Not said of what is waited for already. */
  start(thing: T): void {
    const dueAt = this.#clock.now() + this.#waitMs;
    thing.dueAt = dueAt;
    this.#queue.push(thing);
    if (!this.#armed) this.#arm(dueAt, this.#waitMs);
  }

  /** It is not waited for any more. Answers whether it was. */
  stop(thing: T): boolean {
    if (thing.dueAt === undefined) return false;
    thing.dueAt = undefined;
    while (this.#first < this.#queue.length && this.#queue[this.#first]?.dueAt === undefined) this.#first++;
    if (this.#first === this.#queue.length) {
      this.#queue.length = 0;
      this.#first = 0;
    } else if (this.#first > 1_000 && this.#first * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    return true;
  }

  #arm(dueAt: number, waitMs: number): void {
    this.#armed = true;
    this.#clock.at(this.#clock.now() + waitMs, () => {
      this.#armed = false;
      this.#look(dueAt);
    });
  }

  /** @param waitedFor The moment that was waited for: the clock may have been set back meanwhile. */
  #look(waitedFor: number): void {
    const now = Math.max(waitedFor, this.#clock.now());
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { dueAt = now } = next;
      if (dueAt > now) {
        // Not longer than a whole wait, whatever the clock says.
        if (!this.#armed) this.#arm(dueAt, Math.min(dueAt - now, this.#waitMs));
        return;
      }
      this.stop(next);
      this.#over(next);
    }
  }

  /** The one that has waited longest. */
  #next(): T | undefined {
    return this.#queue.slice(this.#first).find(({ dueAt }) => dueAt !== undefined);
  }
}
