/**
 * Publishing as fast as the clients take it.
 *
 * Rule: what may be outstanding is bounded by what is known to have been received, in the same way for every peer; otherwise the
 * growth of buffers would be measured.
 */

/** What bounds a flow. */
export interface FlowOptions {
  /** Messages published in one turn of the event loop. */
  readonly perTurn: number;
  /** What may be published and not received. */
  readonly outstanding: number;
  /** Publishes message `n`, from 0, and answers for how much it counts. */
  readonly publish: (n: number) => number;
  /** After so many it ends by itself. Default: never. */
  readonly count?: number;
}

/** Publishes in turns until it is stopped. */
export class Flow {
  published = 0;
  readonly #options: FlowOptions;
  #due = 0;
  #received = 0;
  #scheduled = false;
  #stopped = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** So much is received. */
  take(received: number): void {
    this.#received = received;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
  }

  #turn(): void {
    this.#scheduled = false;
    const { perTurn, outstanding, publish, count = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#stopped || this.#due - this.#received + perTurn > outstanding) return;
    for (let i = 0; i < perTurn && this.published < count; i++) this.#due += publish(this.published++);
    if (this.published < count) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }
}
