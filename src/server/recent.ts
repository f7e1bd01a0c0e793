/**
 * The end of the log, as this node has just read it.
 *
 * Rule: without a hole from its start to the last entry that was dispatched; so a replay that has come this far ends here, in
 * one turn of the event loop, with nothing between it and live delivery.
 */
import type { Offset } from "../core/position.ts";
import type { Entry } from "../store/store.ts";

/** A bounded run of the newest entries. */
export class Recent {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #entries: Entry[] = [];
  #first = 0;
  #bytes = 0;
  #after: Offset;

  /** @param after Entries after this offset will be pushed. */
  constructor(after: Offset, maxEntries: number, maxBytes: number) {
    this.#after = after;
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** Every entry after this offset is here. */
  get after(): Offset {
    return this.#after;
  }

  /** Adds the next entry of the log. */
  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
    while (this.#entries.length - this.#first > this.#maxEntries || this.#bytes > this.#maxBytes) {
      const oldest = this.#entries[this.#first++] as Entry;
      this.#bytes -= oldest.data.length;
      this.#after = oldest.offset;
    }
    if (this.#first > 1_000 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Calls `visit` with the entries after an offset, oldest first, until it answers false. */
  read(after: Offset, visit: (entry: Entry) => boolean): void {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as Entry).offset <= after) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.#entries.length; i++) if (!visit(this.#entries[i] as Entry)) return;
  }
}
