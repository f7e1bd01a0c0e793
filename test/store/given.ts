/**
 * What the tests of stores are made of: a store to be tested, entries, queries, and waiting.
 *
 * Rule: nothing here waits for time to pass, only for a condition.
 */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DeliveryError } from "../../src/core/error.ts";
import type { NewEntry, Operation, ReadQuery, Store } from "../../src/store/store.ts";

/** A store under test, and the means to restart it. */
export interface Harness {
  /** Not opened yet. */
  readonly store: Store;
  /** Closes the store, and answers another one on the same data that is not opened yet. */
  reopen(): Promise<Store>;
  cleanup(): Promise<void>;
}

/** Makes a store that holds nothing. */
export type MakeStore = () => Promise<Harness>;

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
