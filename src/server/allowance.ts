/**
 * How fast a session may send.
 *
 * Rule: a bucket of one second's worth, which fills steadily; what finds it empty comes again later.
 */

/** A rate limit. */
export class Allowance {
  readonly #perSecond: number;
  #left: number;
  #at: number | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** Whether one more is allowed at `now`, milliseconds. */
  take(now: number): boolean {
    const passedMs = Math.max(0, now - (this.#at ?? now));
    this.#left = Math.min(this.#perSecond, this.#left + (passedMs / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
