/**
 * What a commit accepts, for every engine.
 *
 * Rule: a batch is looked through before anything of it is done, so an engine never meets a value that it cannot keep
 * half way into a transaction. What is refused here (`INVALID`) was not kept, and repeating it is no use.
 */
import { DeliveryError } from "../core/error.ts";
import { isOffset, type Offset } from "../core/position.ts";
import type { NewEntry, Operation, Outcome, StoredSession } from "./store.ts";

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** What a store finds when a batch that it has performed is repeated. */
export interface Found {
  /** The log's head before the batch was performed. */
  readonly headBefore: Offset;
  /** Where the log holds this message; `undefined` when it was trimmed since. */
  offsetOf(id: string): Offset | undefined;
  session(id: string): StoredSession | undefined;
}

/** The outcomes that a batch had when it was performed, as far as that still matters. */
export function outcomesAgain(batch: readonly Operation[], found: Found): (Outcome | undefined)[] {
  let head = found.headBefore;
  return batch.map((operation, i) => {
    if (operation.kind === "append") {
      const offset = found.offsetOf(operation.entry.id) ?? head;
      const duplicate = offset <= head;
      head = Math.max(head, offset);
      return { offset, duplicate };
    }
    if (!("generation" in operation || operation.kind === "resume")) return { offset: head };
    const session = found.session(operation.session);
    const generation = operation.kind === "resume" ? operation.next : operation.generation;
    // The batch itself had raised it before, or has since.
    if (generations(operation.session, batch.slice(0, i)) > generation) return undefined;
    if (session?.generation !== raised(generation, operation.session, batch.slice(i + 1))) return undefined;
    return operation.kind === "resume" ? { offset: head, session: { ...session, generation } } : { offset: head };
  });
}

/** What becomes of a session's generation by these steps. */
function raised(generation: number, session: string, steps: readonly Operation[]): number {
  let now = generation;
  for (const step of steps) {
    if (step.kind === "open" && step.session === session) now = 1;
    if (step.kind === "resume" && step.session === session && step.from === now) now = step.next;
  }
  return now;
}

/** The highest generation that these steps may have given a session, since it was last opened by them. */
function generations(session: string, steps: readonly Operation[]): number {
  let highest = 0;
  for (const step of steps) {
    if (step.kind === "open" && step.session === session) highest = 1;
    if (step.kind === "resume" && step.session === session) highest = Math.max(highest, step.next);
  }
  return highest;
}

/** Refuses a batch that holds a value no engine could keep. Throws `INVALID`. */
export function checkBatch(batch: readonly Operation[]): void {
  for (const operation of batch) {
    switch (operation.kind) {
      case "append":
        checkEntry(operation.entry);
        break;
      case "open":
        demand(isOffset(operation.inboxSettled), "inboxSettled", operation.inboxSettled);
        checkMoment(operation.at);
        break;
      case "resume":
        demand(isOffset(operation.from), "from", operation.from);
        demand(isOffset(operation.next), "next", operation.next);
        checkMoment(operation.at);
        break;
      case "leave":
        demand(operation.until === undefined || isOffset(operation.until), "until", operation.until);
        break;
      case "progress":
        demand(isOffset(operation.cursor), "cursor", operation.cursor);
        demand(isOffset(operation.arrived), "arrived", operation.arrived);
        demand(isOffset(operation.position), "position", operation.position);
        demand(isOffset(operation.confirmed), "confirmed", operation.confirmed);
        checkMoment(operation.at);
        break;
      case "inbox":
        demand(isOffset(operation.settled), "settled", operation.settled);
        demand(operation.above.every(isOffset), "above", operation.above);
        for (const [seq, answer] of operation.answers) {
          demand(isOffset(seq), "the sequence number of an answer", seq);
          checkData(answer);
        }
        demand(operation.drop.every(isOffset), "drop", operation.drop);
        break;
      case "bury":
        demand(ULID.test(operation.letter.id), "the id of a dead letter", operation.letter.id);
        demand(isOffset(operation.letter.attempts), "attempts", operation.letter.attempts);
        checkMoment(operation.letter.at);
        checkData(operation.letter.data);
        break;
      case "join":
      case "forget":
      case "unbury":
        break;
    }
  }
}

/** Refuses an entry that no engine could keep. Throws `INVALID`. */
export function checkEntry(entry: NewEntry): void {
  demand(ULID.test(entry.id), "the id of an entry", entry.id);
  demand(entry.keys.length > 0, "the keys of an entry", entry.keys);
  checkMoment(entry.publishedAt);
  checkData(entry.data);
}

/** How much of the size bounds some data takes up, in bytes: text counts as UTF-8. */
export function dataBytes(data: string | Uint8Array): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}

/** The sequence numbers that are settled beyond `settled`: ascending, each once, none that `settled` covers already. */
export function settledAbove(settled: number, above: readonly number[]): number[] {
  return [...new Set(above)].filter((seq) => seq > settled).sort((a, b) => a - b);
}

function checkMoment(at: number): void {
  demand(Number.isSafeInteger(at), "a moment", at);
}

function checkData(data: unknown): void {
  if (typeof data !== "string" && !(data instanceof Uint8Array)) demand(false, "data", typeof data);
}

function demand(holds: boolean, what: string, value: unknown): void {
  if (holds) return;
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value).slice(0, 40);
  throw new DeliveryError(
    "INVALID",
    `the store cannot keep ${shown} as ${what}. Nothing of the batch was kept; correct the value, do not repeat it.`,
  );
}
