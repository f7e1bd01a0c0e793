/**
 * The receiving end of an ordered flow: what is new, what was seen, and up to where everything is dealt with.
 *
 * Rule: numbers arrive in increasing order, holes allowed; each is handed out once, also while it is still being
 * handled; the cursor never passes one that is not settled.
 *
 * Both directions use it: offsets of log entries at the client, sequence numbers of outbox messages at the server.
 */
export class Receiver {
  #received: number;
  #cursor: number;
  /** Numbers handed out above the cursor, in order; whether each is settled. The first is never settled. */
  readonly #open = new Map<number, boolean>();
  /** Settled in an earlier life above the cursor, and not come again yet. */
  readonly #known: Set<number>;

  /**
   * @param cursor Where an earlier life stopped.
   * @param above What that life had settled above its cursor.
   */
  constructor(cursor = 0, above: readonly number[] = []) {
    this.#received = cursor;
    this.#cursor = cursor;
    this.#known = new Set(above);
  }

  /** The highest number that came. */
  get received(): number {
    return this.#received;
  }

  /** Everything up to here is settled. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Settled numbers above the cursor, ascending. */
  get above(): number[] {
    const settled = [...this.#known];
    for (const [number, done] of this.#open) if (done) settled.push(number);
    return settled.sort((a, b) => a - b);
  }

  /** How many were handed out and are not settled. */
  get unsettled(): number {
    let count = 0;
    for (const done of this.#open.values()) if (!done) count++;
    return count;
  }

  /** Whether to hand this number out. "seen": it was handed out before, or settled in an earlier life. */
  accept(number: number): "new" | "seen" {
    if (number <= this.#received) return "seen";
    this.#received = number;
    if (!this.#known.delete(number)) {
      this.#open.set(number, false);
      return "new";
    }
    if (this.#open.size > 0) this.#open.set(number, true);
    else this.#cursor = number;
    return "seen";
  }

  /** The number is dealt with, one way or another. Answers whether the cursor moved. */
  settle(number: number): boolean {
    if (this.#open.get(number) !== false) return false;
    this.#open.set(number, true);
    const before = this.#cursor;
    for (const [first, done] of this.#open) {
      if (!done) return this.#cursor > before;
      this.#open.delete(first);
      this.#cursor = first;
    }
    this.#cursor = this.#received;
    return true;
  }

  /** Nothing up to this number will come any more: it was meant for others, or is lost and reported. */
  skipTo(number: number): void {
    if (number > this.#received) this.#received = number;
    for (const known of this.#known) if (known <= this.#received) this.#known.delete(known);
    if (this.#open.size === 0) this.#cursor = this.#received;
  }
}
