/**
 * Waiting for many things, equally long for each.
 *
 * Rule: one timer, for the one that has waited longest. A thing whose wait is over is told once.
 */
import type { Clock } from "../core/clock.ts";

/** Things that are waited for. */
export class Waits<T> {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #over: (thing: T) => void;
  /** When each has been waited for long enough; the longest waiting first. */
  #due: Map<T, number> | undefined;
  #armed = false;

  /** @param over Called with what was waited for in vain. */
  constructor(clock: Clock, waitMs: number, over: (thing: T) => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#over = over;
  }

  /** Begins to wait for it, anew if it is waited for already. */
  start(thing: T): void {
    const dueAt = this.#clock.now() + this.#waitMs;
    this.#due ??= new Map();
    this.#due.delete(thing);
    this.#due.set(thing, dueAt);
    if (!this.#armed) this.#arm(dueAt, this.#waitMs);
  }

  /** It is not waited for any more. Answers whether it was. */
  stop(thing: T): boolean {
    return this.#due?.delete(thing) === true;
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
    for (const [thing, dueAt] of this.#due ?? []) {
      if (dueAt > now) {
        // Not longer than a whole wait, whatever the clock says.
        if (!this.#armed) this.#arm(dueAt, Math.min(dueAt - now, this.#waitMs));
        return;
      }
      this.#due?.delete(thing);
      this.#over(thing);
    }
  }
}
