/**
 * How operations are handed to the scripts, and how what they answer is read.
 *
 * Rule: names, numbers and keys travel as one JSON text, in arrays, which Lua reads at once; data and answers as they are, behind it.
 */
import type { Offset } from "../core/position.ts";
import { decodeAnswers, encodeAnswers } from "./answer-text.ts";
import { settledAbove } from "./batch.ts";
import type { Reply } from "./redis-wire.ts";
import type { DeadLetter, Entry, Membership, NewEntry, Operation, StoredSession } from "./store.ts";

type Blob = string | Buffer;

/** The last two arguments of the commit script: the operations, and the blobs that they take one after the other. */
export function encodeBatch(batch: readonly Operation[]): Blob[] {
  const blobs: Blob[] = [];
  const operations = batch.map((operation) => encodeOperation(operation, blobs));
  return [JSON.stringify(operations), ...blobs];
}

function encodeOperation(operation: Operation, blobs: Blob[]): readonly unknown[] {
  switch (operation.kind) {
    case "append": {
      const { id, keys, except, data, publishedAt } = operation.entry;
      blobs.push(JSON.stringify([id, publishedAt, keys, except]));
      if (typeof data === "string") blobs.push("d", data);
      else blobs.push("D", bytesOf(data));
      return ["a", id, ...keys];
    }
    case "open": {
      const { session, namespace, principal, inboxSettled, at, keys } = operation;
      return ["o", session, namespace, principal ?? false, inboxSettled, at, ...keys];
    }
    case "resume":
      return ["r", operation.session, operation.from, operation.next, operation.at];
    case "join":
      return ["j", operation.session, operation.generation, operation.key];
    case "leave":
      return ["l", operation.session, operation.generation, operation.key, operation.until ?? -1];
    case "progress": {
      const { session, generation, cursor, arrived, position, confirmed, at, rewind } = operation;
      return ["p", session, generation, cursor, arrived, position, confirmed, at, rewind === true ? 1 : 0];
    }
    case "inbox": {
      const { session, generation, settled, above, answers, drop } = operation;
      const [first] = answers;
      if (first) blobs.push(encodeAnswers(answers));
      return ["i", session, generation, settled, settledAbove(settled, above), first ? first[0] : -1, drop];
    }
    case "forget":
      return ["f", operation.session];
    case "bury":
      blobs.push(encodeLetter(operation.letter));
      return ["b", operation.letter.id];
    case "unbury":
      return ["u", operation.letter];
  }
}

function bytesOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A reply that is text. */
export function text(reply: Reply | undefined): string {
  return String(reply);
}

/** A reply that is a number, which scripts write as text. */
export function number(reply: Reply | undefined): number {
  return Number(String(reply));
}

/** A reply that is a list; nothing is an empty one. */
export function list(reply: Reply | undefined): readonly Reply[] {
  return (reply ?? []) as readonly Reply[];
}

/** A row of the stream, with the head before it. `entry` is `undefined` when there is no such row, or it is none of ours. */
export interface StreamRow {
  readonly offset: Offset;
  readonly before: Offset;
  /** The life of the log in which it was appended. */
  readonly epoch: string;
  readonly entry: Entry | undefined;
}

/** Reads a row: `[id, [name, value, ...]]`. */
export function decodeRow(row: Reply): StreamRow {
  const [id, fields] = list(row);
  const offset = Number.parseInt(text(id), 10);
  const [hName, h, dName, d, pName, p, , e] = list(fields);
  const kind = text(dName);
  if (text(hName) !== "h" || text(pName) !== "p" || (kind !== "d" && kind !== "D") || !Buffer.isBuffer(d)) {
    return { offset, before: 0, epoch: "", entry: undefined };
  }
  try {
    const [ulid, publishedAt, keys, except] = JSON.parse(text(h)) as [string, number, string[], string[]];
    const data = kind === "d" ? d.toString() : new Uint8Array(d);
    const entry: NewEntry = { id: ulid, keys, except, data, publishedAt };
    return { offset, before: number(p), epoch: text(e), entry: { ...entry, offset } };
  } catch {
    return { offset, before: number(p), epoch: text(e), entry: undefined };
  }
}

/** Reads what the scripts' `snapshot` answers; `undefined` when there is no such session. */
export function decodeSession(reply: Reply | undefined): StoredSession | undefined {
  const [id, fields, ended] = list(reply);
  if (!id) return undefined;
  const is = new Map<string, string>();
  const memberships: Membership[] = [];
  const answers: [first: number, text: string][] = [];
  for (const [name, value] of pairs(fields)) {
    if (name.startsWith("j:")) memberships.push({ key: name.slice(2), since: Number(value), until: null });
    else if (name.startsWith("a:")) answers.push([Number(name.slice(2)), value]);
    else is.set(name, value);
  }
  for (const [name, until] of pairs(ended)) {
    const colon = name.indexOf(":");
    memberships.push({ key: name.slice(colon + 1), since: Number(name.slice(0, colon)), until: Number(until) });
  }
  const count = (name: string): number => Number(is.get(name));
  return {
    id: text(id),
    namespace: is.get("n") ?? "",
    principal: is.get("p") ?? null,
    generation: count("g"),
    confirmed: count("c"),
    seenAt: count("t"),
    cursor: count("cu"),
    arrived: count("ar"),
    position: count("po"),
    memberships,
    inboxSettled: count("is"),
    inboxAbove: JSON.parse(is.get("ia") ?? "[]") as number[],
    answers: answers.sort(([a], [b]) => a - b).map(([, listed]) => decodeAnswers(listed)),
  };
}

function* pairs(reply: Reply | undefined): Generator<readonly [string, string]> {
  const flat = list(reply);
  for (let i = 0; i < flat.length; i += 2) yield [text(flat[i]), text(flat[i + 1])];
}

/** A dead letter as JSON. Data in bytes is an object with the bytes in base64. */
function encodeLetter(letter: DeadLetter): string {
  const { data } = letter;
  return JSON.stringify({
    ...letter,
    data: typeof data === "string" ? data : { base64: bytesOf(data).toString("base64") },
  });
}

/** Reads a dead letter back. */
export function decodeLetter(reply: Reply): DeadLetter {
  const { data, ...letter } = JSON.parse(text(reply)) as Omit<DeadLetter, "data"> & {
    readonly data: string | { readonly base64: string };
  };
  return { ...letter, data: typeof data === "string" ? data : new Uint8Array(Buffer.from(data.base64, "base64")) };
}
