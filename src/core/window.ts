/**
 * What was sent on one connection and is not acknowledged.
 *
 * Rule: frames are numbered 1, 2, 3… and acknowledged up to a number. An acknowledgement beyond what was sent, or below
 * what was acknowledged, is none.
 */

/** One frame under way. */
interface Sent<T> {
  readonly number: number;
  readonly entries: number;
  readonly bytes: number;
  readonly cargo: T;
}

/** The window of a connection. `T` is what the sender wants back when the frame is acknowledged. */
export class Window<T> {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #sent: Sent<T>[] = [];
  #last = 0;
  #entries = 0;
  #bytes = 0;

  /** How much may be under way: the first bound that is reached closes the window. An empty window takes anything. */
  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** Number of the last frame sent. */
  get last(): number {
    return this.#last;
  }

  /** Entries under way. */
  get entries(): number {
    return this.#entries;
  }

  /** Whether anything is under way. */
  get outstanding(): boolean {
    return this.#sent.length > 0;
  }

  /** How many more entries may be sent now. */
  get room(): number {
    return this.#bytes >= this.#maxBytes ? 0 : Math.max(0, this.#maxEntries - this.#entries);
  }

  /** How many more bytes may be sent now. */
  get roomBytes(): number {
    return Math.max(0, this.#maxBytes - this.#bytes);
  }

  /** Numbers the next frame and puts it under way. */
  send(entries: number, bytes: number, cargo: T): number {
    this.#sent.push({ number: ++this.#last, entries, bytes, cargo });
    this.#entries += entries;
    this.#bytes += bytes;
    return this.#last;
  }

  /** The peer has everything up to this frame. Answers what these frames carried, oldest first. */
  acknowledge(number: number): T[] {
    if (number > this.#last) return [];
    let count = 0;
    while (count < this.#sent.length && (this.#sent[count] as Sent<T>).number <= number) count++;
    const acknowledged = this.#sent.slice(0, count);
    this.#sent = this.#sent.slice(count);
    for (const frame of acknowledged) {
      this.#entries -= frame.entries;
      this.#bytes -= frame.bytes;
    }
    return acknowledged.map((frame) => frame.cargo);
  }

  /** Everything under way is to be sent again, in frames with new numbers. Answers what it carried, oldest first. */
  rewind(): T[] {
    const cargo = this.#sent.map((frame) => frame.cargo);
    this.#sent = [];
    this.#entries = 0;
    this.#bytes = 0;
    return cargo;
  }
}
