/**
 * Writes that wait for their turn behind durable events.
 *
 * Rule: in order, each when the last durable event that was published before it is sent.
 */
import type { Offset } from "../core/position.ts";

/** Where a durable event is, once that is known. */
export interface Place {
  /** `undefined` while its commit is under way. */
  offset: Offset | undefined;
}

/** A bounded queue of writes, each with the place that it comes after. */
export class Turns {
  readonly #max: number;
  #queue: { readonly place: Place; readonly write: () => void }[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  /** Offsets that are waited for, as far as they are known. */
  offsets(): Offset[] {
    return this.#queue.flatMap(({ place }) => (place.offset === undefined ? [] : [place.offset]));
  }

  /** Puts a write at the end; false when there is no room. */
  add(place: Place, write: () => void): boolean {
    if (this.#queue.length >= this.#max) return false;
    this.#queue.push({ place, write });
    return true;
  }

  /** Does the writes whose turn has come: the log is sent up to this offset. */
  release(sent: Offset): void {
    for (let first = this.#queue[0]; first && (first.place.offset ?? sent + 1) <= sent; first = this.#queue[0]) {
      this.#queue.shift();
      first.write();
    }
  }

  /** Does all of them, whatever they wait for. */
  flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const { write } of queue) write();
  }

  clear(): void {
    this.#queue = [];
  }
}
