/**
 * What the cases of the store suite are made of: a store to be tested, entries, steps, queries, and waiting.
 *
 * Rule: nothing here knows an engine or a test runner, and nothing waits for time to pass, only for a condition.
 */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DeliveryError } from "../../core/error.ts";
import type { Entry, NewEntry, Operation, ReadQuery, Retention, Store, StoredSession } from "../../store/store.ts";

/** A store under test, and the means to restart it. */
export interface StoreHarness {
  /** Not opened yet. */
  readonly store: Store;
  /** Closes the store, and answers another one on the same data that is not opened yet. */
  reopen(): Promise<Store>;
  /** Closes the store that was made last, if it is open, and removes what it kept. */
  cleanup(): Promise<void>;
}

/** Makes a store that holds nothing, apart from all others. */
export type MakeStore = () => Promise<StoreHarness>;

/** One property of the contract, for a store that is still to be named. */
export interface UnboundCase {
  readonly name: string;
  run(makeStore: MakeStore): Promise<void>;
}

/** A ULID that is easy to make: the n-th. */
export function nthId(n: number): string {
  return `01HZZZZZZZ${String(n).padStart(16, "0")}`;
}

/** An entry to append. */
export function entry(n: number, keys: readonly string[] = ["k"], more: Partial<NewEntry> = {}): NewEntry {
  return { id: nthId(n), keys, except: [], data: `"${n}"`, publishedAt: 1000 + n, ...more };
}

/** The operation that appends {@link entry}. */
export function append(n: number, keys?: readonly string[], more?: Partial<NewEntry>): Operation {
  return { kind: "append", entry: entry(n, keys, more) };
}

/** Commits and answers the offsets of the outcomes. */
export async function offsetsOf(store: Store, batch: readonly Operation[]): Promise<number[]> {
  return (await store.commit(batch)).map((outcome) => outcome?.offset ?? -1);
}

/** Waits for a condition, not for a time; gives up when it does not come. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, "what was waited for did not come");
    await nextTurn();
  }
}

/** A query for one key and all offsets. */
export function everything(key = "k", more: Partial<ReadQuery> = {}): ReadQuery {
  const keys = [{ key, after: 0, upTo: Number.MAX_SAFE_INTEGER }];
  return { keys, limit: 1000, maxBytes: Number.MAX_SAFE_INTEGER, ...more };
}

/** Rejections as their code. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DeliveryError, String(error));
    return error.code;
  }
  return "resolved";
}

/** A dead letter. */
export function letter(
  n: number,
  more: Partial<Extract<Operation, { kind: "bury" }>["letter"]> = {},
): Extract<Operation, { kind: "bury" }>["letter"] {
  return {
    id: nthId(n),
    session: "s",
    direction: "to-client",
    namespace: "/",
    message: nthId(n + 100),
    data: "[]",
    attempts: 3,
    reason: "it failed",
    at: 1,
    ...more,
  };
}

/** The operation that opens a session. */
export function open(session: string, more: Partial<Extract<Operation, { kind: "open" }>> = {}): Operation {
  return { kind: "open", session, namespace: "/", principal: null, keys: [], inboxSettled: 0, at: 1, ...more };
}

/** The operation that moves a session on; its cursor is where its last entry arrived. */
export function progress(
  session: string,
  generation: number,
  arrived: number,
  position: number,
  more: Partial<Extract<Operation, { kind: "progress" }>> = {},
): Operation {
  return { kind: "progress", session, generation, cursor: arrived, arrived, position, confirmed: 0, at: 1, ...more };
}

/** Bytes as numbers: engines differ in the class that holds them. */
export function bytesOf(data: unknown): number[] {
  assert.ok(data instanceof Uint8Array);
  return [...data];
}

/** The identities of entries. */
export function ids(entries: readonly Entry[]): string[] {
  return entries.map(({ id }) => id);
}

/** The session, which must be there. */
export async function stored(store: Store, id: string): Promise<StoredSession> {
  const session = await store.session(id);
  assert.ok(session !== undefined);
  return session;
}

/** Memberships in an order of their own, as engines need keep none. */
export async function memberships(store: Store, id: string): Promise<unknown[]> {
  const { memberships: all } = await stored(store, id);
  return all
    .map(({ key, since, until: end }) => [key, since, end] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
}

/** A case on a store that is open and is cleaned up afterwards, whatever comes. */
export function withStore(name: string, body: (store: Store, harness: StoreHarness) => Promise<void>): UnboundCase {
  return {
    name,
    async run(makeStore) {
      const harness = await makeStore();
      try {
        await harness.store.open();
        await body(harness.store, harness);
      } finally {
        await harness.cleanup();
      }
    },
  };
}

/** A retention by which nothing is ever trimmed. */
export const keepAll: Retention = {
  maxAgeMs: Number.MAX_SAFE_INTEGER,
  maxEntries: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
};
