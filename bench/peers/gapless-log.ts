/**
 * Filling a log of ours past the server.
 *
 * Rule: what is put in looks like what the server itself has put in: a message that it published is the pattern for all others.
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import type { ServerDelivery, Store } from "gapless-io/server";
import { sqlite } from "gapless-io/sqlite";
import { monotonicFactory } from "ulid";
import { payload } from "../payload.ts";
import { within } from "../time.ts";
import type { Addressed } from "./peer.ts";

type Operation = Parameters<Store["commit"]>[0][number];
type NewEntry = Extract<Operation, { readonly kind: "append" }>["entry"];

/** The room of the pattern, in which nobody is. */
const NOBODY = "nobody-is-here";
const PATTERN = payload(0);
/** Entries of one commit. */
const BATCH = 5_000;
/** The pattern is read back within this time, or not at all. */
const READ_MS = 5_000;

/** Publishes the pattern, and answers where it is. */
export async function publishPattern(delivery: ServerDelivery): Promise<number> {
  const { offset } = await delivery.to(NOBODY).publish("message", PATTERN);
  return offset;
}

/** Appends messages to the log in this file, which no server has open. */
export async function fill(path: string, messages: Iterable<Addressed>, patternAt: number): Promise<void> {
  const store = sqlite(path, { durability: "os" });
  await store.open();
  const { keys, data } = await entryAt(store, patternAt);
  const text = JSON.stringify(PATTERN);
  if (typeof data !== "string" || !data.includes(text)) throw new Error("entries are not kept as JSON text");
  const [before = "", after = ""] = data.split(text);
  const newId = monotonicFactory();
  const keysOf = new Map<string, string[]>();
  let batch: Operation[] = [];
  for (const [room, message] of messages) {
    const own = keysOf.get(room) ?? keys.map((key) => key.replace(NOBODY, room));
    keysOf.set(room, own);
    const publishedAt = Date.now();
    const entry = { id: newId(publishedAt), keys: own, except: [], publishedAt };
    batch.push({ kind: "append", entry: { ...entry, data: before + JSON.stringify(message) + after } });
    if (batch.length < BATCH) continue;
    await store.commit(batch);
    batch = [];
  }
  if (batch.length > 0) await store.commit(batch);
  await store.close();
  // What the system still has to write would be measured with what comes next.
  const file = openSync(path, "r+");
  fsyncSync(file);
  closeSync(file);
}

async function entryAt(store: Store, offset: number): Promise<NewEntry> {
  const entry = await within(
    READ_MS,
    new Promise<NewEntry | undefined>((resolve) => {
      const tail = store.tail(offset - 1, ([first]) => {
        tail.stop();
        resolve(first);
      });
    }),
  );
  if (!entry) throw new Error("the pattern was not found in the log");
  return entry;
}
