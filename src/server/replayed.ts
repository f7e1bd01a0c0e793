/**
 * Chunks that were made for replays a moment ago.
 *
 * Rule: clients that come back together and missed the same are sent the same chunks. Bounded in size, the oldest are forgotten
 * first; all of them when the log goes on, because whoever comes then has missed more.
 */
import type { Offset } from "../core/position.ts";
import type { Entry } from "../store/store.ts";
import type { Chunk } from "./chunk.ts";

/** Chunks by what is in them. */
export class Replayed {
  readonly #make: (entries: readonly Entry[], upTo: Offset) => readonly Chunk[];
  readonly #maxBytes: number;
  #known = new Map<string, { readonly entries: readonly Entry[]; readonly chunks: readonly Chunk[] }>();
  #bytes = 0;

  constructor(make: (entries: readonly Entry[], upTo: Offset) => readonly Chunk[], maxBytes: number) {
    this.#make = make;
    this.#maxBytes = maxBytes;
  }

  /** The chunks of these entries. */
  of(entries: readonly Entry[], upTo: Offset): readonly Chunk[] {
    const [first] = entries;
    if (!first) return [];
    const likely = `${first.offset}.${entries.length}.${upTo}`;
    const known = this.#known.get(likely);
    // One place in the log holds one entry, however often it was read.
    if (known?.entries.every(({ offset }, i) => offset === entries[i]?.offset)) return known.chunks;
    const chunks = this.#make(entries, upTo);
    if (known) return chunks;
    this.#known.set(likely, { entries, chunks });
    this.#bytes += bytesOf(chunks);
    for (const [name, { chunks: oldest }] of this.#known) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#known.delete(name);
      this.#bytes -= bytesOf(oldest);
    }
    return chunks;
  }

  /** The log goes on. */
  clear(): void {
    if (this.#known.size > 0) this.#known = new Map();
    this.#bytes = 0;
  }
}

function bytesOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { bytes }) => sum + bytes, 0);
}
