/**
 * Writes that wait for their turn behind durable events.
 *
 * Rule: in order, each when everything that was published before it is sent.
 */

/** A bounded queue of writes, each with the ticket of the last durable event before it. */
export class Turns {
  readonly #max: number;
  #queue: { readonly ticket: number; readonly write: () => void }[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  /** Puts a write at the end; false when there is no room. */
  add(ticket: number, write: () => void): boolean {
    if (this.#queue.length >= this.#max) return false;
    this.#queue.push({ ticket, write });
    return true;
  }

  /** Does the writes up to this ticket. */
  release(upTo: number): void {
    let done = 0;
    const queue = this.#queue;
    while (done < queue.length && (queue[done] as { ticket: number }).ticket <= upTo) queue[done++]?.write();
    // A write may end the connection, and its queue with it.
    if (done > 0 && this.#queue === queue) this.#queue = queue.slice(done);
  }

  clear(): void {
    this.#queue = [];
  }
}
