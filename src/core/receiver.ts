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
  /** Handed out and not settled, ascending. */
  readonly #open: number[] = [];
  /** Settled above the cursor, now or in an earlier life. */
  #settled: Set<number> | undefined;

  /**
   * @param cursor Where an earlier life stopped.
   * @param above What that life had settled above its cursor.
   */
  constructor(cursor = 0, above: readonly number[] = []) {
    this.#received = cursor;
    if (above.length > 0) this.#settled = new Set(above);
  }

  /** The highest number that came. */
  get received(): number {
    return this.#received;
  }

  /** Everything up to here is settled. */
  get cursor(): number {
    const first = this.#open[0];
    return first === undefined ? this.#received : first - 1;
  }

  /** Settled numbers above the cursor, ascending. */
  get above(): number[] {
    return [...(this.#settled ?? [])].sort((a, b) => a - b);
  }

  /** Whether to hand this number out: it was not handed out before, nor settled in an earlier life. */
  accept(number: number): boolean {
    if (number <= this.#received) return false;
    // Numbers come in order: what is below and did not come never will, and what was settled there is below the cursor now.
    this.skipTo(number - 1);
    const fresh = !this.#settled?.has(number);
    if (fresh) this.#open.push(number);
    this.skipTo(number);
    return fresh;
  }

  /** The number is dealt with, one way or another. */
  settle(number: number): void {
    const at = this.#open.indexOf(number);
    if (at < 0) return;
    this.#open.splice(at, 1);
    if (at > 0) {
      this.#settled ??= new Set();
      this.#settled.add(number);
    } else this.skipTo(number);
  }

  /** Nothing up to this number will come any more: it came, was meant for others, or is lost and reported. */
  skipTo(number: number): void {
    this.#received = Math.max(this.#received, number);
    const { cursor } = this;
    if (this.#settled && cursor >= number) {
      for (const settled of this.#settled) if (settled <= cursor) this.#settled.delete(settled);
    }
  }
}
