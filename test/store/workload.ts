/**
 * Work for a store that is killed, cut off from power or damaged, of which every step can be told from what is left.
 *
 * Rule: the number of a batch determines all that is in it, and the number of the last batch determines everything that
 * the store must then hold. A batch that is repeated changes nothing.
 */
import type { NewEntry, Operation, Retention } from "../../src/store/store.ts";
import { letter, nthId } from "../../src/testing/store-suite/given.ts";

/** The session that takes part in every batch. */
export const WRITER = "writer";

/** The audience key of every entry. */
export const ALL = "all";

/** How many entries trimming leaves. More than the last two batches have, which the checks look at. */
export const KEPT_ENTRIES = 40;

/** What a batch of work asks to keep. */
export const RETENTION: Retention = {
  maxAgeMs: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxEntries: KEPT_ENTRIES,
};

/** After which batches the log is trimmed by a step. */
export function trimsAfter(batch: number): boolean {
  return batch % 5 === 0;
}

/** How many entries a batch has: two to six. */
export function sizeOf(batch: number): number {
  return 2 + ((batch * 7919) % 5);
}

/** The entry of a batch after which the writer changes rooms. */
export function middleOf(batch: number): number {
  return Math.floor(sizeOf(batch) / 2) - 1;
}

/** The id of the i-th entry of a batch. */
export function idOf(batch: number, i: number): string {
  return nthId(batch * 10 + i);
}

/** Batch and place in it of an id. */
export function placeOf(id: string): { readonly batch: number; readonly i: number } {
  const n = Number(id.slice(10));
  return { batch: Math.floor(n / 10), i: n % 10 };
}

/** Text and bytes, from a few to tens of thousands: rows within a page, and over several. */
export function dataOf(batch: number, i: number): string | Uint8Array {
  const text = `${batch}.${i} `;
  if (batch % 17 === 3 && i === 1) return text.repeat(4000);
  return i === 0 ? Buffer.from(text.repeat(100)) : text.repeat(1 + ((batch * 31 + i * 7) % 60));
}

/** An entry of a batch. */
export function entryOf(batch: number, i: number): NewEntry {
  const except = i === 2 ? [`not ${batch}`] : [];
  return { id: idOf(batch, i), keys: [ALL, `k${i % 3}`], except, data: dataOf(batch, i), publishedAt: batch };
}

/** The dead letter of a batch, which stays for four. */
export function letterOf(batch: number): ReturnType<typeof letter> {
  return letter(batch, { data: `letter ${batch}` });
}

/** Guests come with every third batch and are forgotten two guests later. */
export function guestsAt(batch: number): number[] {
  const last = batch - (batch % 3);
  return [last - 3, last].filter((guest) => guest > 0);
}

/** The operations of a batch, from 1 on. `end`: the offset of the last entry of the batch before. Batch 0 opens the session. */
export function operationsOf(batch: number, end: number): Operation[] {
  const writer = { session: WRITER, generation: 1 };
  if (batch === 0) return [opening(WRITER)];
  const entries = Array.from(
    { length: sizeOf(batch) },
    (_, i): Operation => ({ kind: "append", entry: entryOf(batch, i) }),
  );
  return [
    ...entries.slice(0, middleOf(batch) + 1),
    { kind: "leave", ...writer, key: `room ${batch - 1}` },
    { kind: "join", ...writer, key: `room ${batch}` },
    ...entries.slice(middleOf(batch) + 1),
    { kind: "progress", ...writer, cursor: end, arrived: end, position: end, confirmed: 1, at: batch },
    {
      kind: "inbox",
      ...writer,
      settled: batch,
      above: [batch + 2],
      answers: [[batch, `answer ${batch}`]],
      drop: batch > 3 ? [batch - 3] : [],
    },
    { kind: "bury", letter: letterOf(batch) },
    { kind: "unbury", letter: nthId(Math.max(batch - 4, 0)) },
    ...(batch % 3 === 0 ? [opening(`guest ${batch}`), { kind: "forget", session: `guest ${batch - 6}` } as const] : []),
  ];
}

function opening(session: string): Operation {
  return { kind: "open", session, namespace: "/", principal: "ann", keys: ["lobby"], inboxSettled: 0, at: 0 };
}
