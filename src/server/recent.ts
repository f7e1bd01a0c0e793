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
  /**
   * Used round and round, and emptied behind the oldest: an array that is cut off instead would keep its entries, until the next
   * full garbage collection, from being collected.
   */
  #slots: (Entry | undefined)[] = new Array(256);
  #first = 0;
  #size = 0;
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
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#size++) % this.#slots.length] = entry;
    this.#bytes += entry.data.length;
    while (this.#size > this.#maxEntries || this.#bytes > this.#maxBytes) {
      const oldest = this.#at(0);
      this.#slots[this.#first] = undefined;
      this.#first = (this.#first + 1) % this.#slots.length;
      this.#size--;
      this.#bytes -= oldest.data.length;
      this.#after = oldest.offset;
    }
  }

  /** Calls `visit` with the entries after an offset, oldest first, until it answers false. */
  read(after: Offset, visit: (entry: Entry) => boolean): void {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at(middle).offset <= after) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.#size; i++) if (!visit(this.#at(i))) return;
  }

  #at(i: number): Entry {
    return this.#slots[(this.#first + i) % this.#slots.length] as Entry;
  }

  #grow(): void {
    const entries = Array.from({ length: this.#size }, (_, i) => this.#at(i));
    this.#slots = new Array<Entry | undefined>(2 * this.#size);
    for (const [i, entry] of entries.entries()) this.#slots[i] = entry;
    this.#first = 0;
  }
}
