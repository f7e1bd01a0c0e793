/**
 * Attempts at handling one message.
 *
 * Rule: a message that fails is handled again after a wait, until it has failed `maxDeliveries` times; then it is dead.
 */
import { type Backoff, backoffMs } from "./backoff.ts";

/** What follows a failed attempt. */
export type AfterFailure =
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "dead"; readonly attempts: number };

/** The attempts made at messages that are under way. */
export class Attempts {
  readonly #made = new Map<number, number>();
  readonly #maxDeliveries: number;
  readonly #backoff: Backoff;

  constructor(maxDeliveries: number, backoff: Backoff) {
    this.#maxDeliveries = maxDeliveries;
    this.#backoff = backoff;
  }

  /** Counts an attempt that begins now; 1 for the first. */
  begin(number: number): number {
    const attempt = (this.#made.get(number) ?? 0) + 1;
    this.#made.set(number, attempt);
    return attempt;
  }

  /** The attempt failed. @param chance A number in [0, 1). */
  failed(number: number, chance: number): AfterFailure {
    const attempts = this.#made.get(number) ?? 1;
    if (attempts < this.#maxDeliveries) {
      return { kind: "again", afterMs: backoffMs(this.#backoff, attempts, chance) };
    }
    this.#made.delete(number);
    return { kind: "dead", attempts };
  }

  /** The message is dealt with. */
  settled(number: number): void {
    this.#made.delete(number);
  }
}
