/**
 * Entries as they go into frames.
 *
 * Rule: an entry's arguments are spliced in as the text they were stored as, and a chunk is built once for all connections
 * that are to get the same entries. An entry with attachments is alone in its chunk and is left to Socket.IO to encode.
 */
import type { Offset } from "../core/position.ts";
import type { WireEntry } from "../core/wire.ts";
import type { Entry } from "../store/store.ts";
import type { Codec } from "./codec.ts";
import type { EncodedFrame } from "./encoded.ts";

/** The entries of one frame. */
export interface Chunk {
  /** Nothing else up to here is for the receiver. */
  readonly upTo: Offset;
  readonly count: number;
  readonly bytes: number;
  /** The frame; absent when Socket.IO has to encode it. */
  readonly encoded?: EncodedFrame;
  /** The entries decoded; absent when the frame is encoded. */
  readonly entries?: readonly WireEntry[];
}

/** Cuts entries into chunks of at most `maxBytes`, or one entry. @param upTo Where the last chunk ends; not before the last entry. */
export function chunksOf(
  entries: readonly Entry[],
  upTo: Offset,
  codec: Codec,
  spliced: boolean,
  maxBytes: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const flush = (end: Offset) => {
    if (texts.length === 0) return;
    const encoded = { text: `,"b",${end},[${texts.join(",")}]]` };
    chunks.push({ upTo: end, count: texts.length, bytes, encoded });
    texts = [];
    bytes = 0;
  };
  entries.forEach((entry, i) => {
    const last = i === entries.length - 1;
    const end = last ? upTo : entry.offset;
    if (spliced && typeof entry.data === "string") {
      texts.push(`[${entry.offset},"${entry.id}",${entry.data}]`);
      bytes += entry.data.length + 48;
      if (last || bytes >= maxBytes) flush(end);
      return;
    }
    flush((entries[i - 1] ?? entry).offset);
    const args = codec.decode(entry.data) as [string, ...unknown[]];
    chunks.push({ upTo: end, count: 1, bytes: entry.data.length + 48, entries: [[entry.offset, entry.id, args]] });
  });
  return chunks;
}
