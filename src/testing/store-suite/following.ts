/**
 * Tails: the log as it grows.
 *
 * Rule: what a tail was handed is compared only once it has come, however many turns that takes.
 */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry } from "../../store/store.ts";
import { append, everything, ids, nthId, offsetsOf, type UnboundCase, until, withStore } from "./given.ts";

export const followingCases: readonly UnboundCase[] = [
  withStore("P3: hands a tail every entry after its place, in order, each once", async (store) => {
    const [start = 0] = await offsetsOf(store, [append(0)]);
    const early: Entry[] = [];
    const late: Entry[] = [];
    let returned = false;
    const note = (entries: readonly Entry[]) => {
      assert.ok(returned);
      assert.ok(entries.length > 0);
      early.push(...entries);
    };
    await store.commit([append(1), append(2)]);
    const tail = store.tail(start, note);
    returned = true;
    const committed: Promise<unknown>[] = [];
    for (let n = 3; n < 40; n += 2) committed.push(store.commit([append(n), append(n + 1), append(n - 1)]));
    store.tail(0, (entries) => late.push(...entries));
    await Promise.all(committed);
    await until(() => early.length >= 40 && late.length >= 41);
    assert.deepEqual(
      ids(early),
      Array.from({ length: 40 }, (_, n) => nthId(n + 1)),
    );
    assert.deepEqual(
      ids(late),
      Array.from({ length: 41 }, (_, n) => nthId(n)),
    );
    const [one] = (await store.read(everything())).entries;
    assert.deepEqual({ ...late[0] }, { ...one });
    tail.stop();
    await store.commit([append(100)]);
    await until(() => late.length === 42);
    assert.equal(early.length, 40);
  }),

  withStore("P3: tells of a commit before its entries come round", async (store) => {
    const order: string[] = [];
    const { head } = { head: (await store.read(everything())).end };
    store.tail(head, () => order.push("tail"));
    await nextTurn();
    await store.commit([append(1)]);
    order.push("commit");
    await until(() => order.length === 2);
    assert.deepEqual(order, ["commit", "tail"]);
  }),

  withStore("P3: a tail goes on while its sink commits", async (store) => {
    const seen: string[] = [];
    store.tail(0, (entries) => {
      seen.push(...ids(entries));
      if (seen.length < 5) void store.commit([append(seen.length + 1)]);
    });
    await store.commit([append(1)]);
    await until(() => seen.length === 5);
    assert.deepEqual(seen, [1, 2, 3, 4, 5].map(nthId));
  }),
];
