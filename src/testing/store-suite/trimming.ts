/**
 * Trimming: what is removed, and that its places never come back.
 *
 * Rule: a floor is told wherever something at or below it was asked for.
 */
import assert from "node:assert/strict";
import { append, everything, ids, keepAll, nthId, offsetsOf, type UnboundCase, withStore } from "./given.ts";

export const trimmingCases: readonly UnboundCase[] = [
  withStore(
    "P8: trims the oldest beyond age, number or size, step by step, and raises the floor with it",
    async (store) => {
      const offsets = await offsetsOf(
        store,
        Array.from({ length: 10 }, (_, n) => append(n, ["k"], { data: "0123456789", publishedAt: n })),
      );
      assert.deepEqual(await store.trim(keepAll, 1_000_000, 100), { floor: 0, more: false });
      assert.deepEqual(await store.trim({ ...keepAll, maxEntries: 7 }, 0, 2), { floor: offsets[1], more: true });
      assert.deepEqual(await store.trim({ ...keepAll, maxEntries: 7 }, 0, 2), { floor: offsets[2], more: false });
      assert.deepEqual(await store.trim({ ...keepAll, maxBytes: 59 }, 0, 100), { floor: offsets[4], more: false });
      assert.deepEqual(await store.trim({ ...keepAll, maxAgeMs: 93 }, 100, 100), { floor: offsets[6], more: false });
      assert.deepEqual(await store.trim(keepAll, 100, 100), { floor: offsets[6], more: false });
      const page = await store.read(everything());
      assert.deepEqual(ids(page.entries), [7, 8, 9].map(nthId));
      assert.deepEqual([page.floor, page.more, page.corrupt], [offsets[6], false, []]);
      const { entries, bytes } = await store.usage();
      assert.deepEqual([entries, bytes], [3, 30]);
    },
  ),

  withStore("P8: a page that begins below the floor tells the floor, in both directions", async (store) => {
    const offsets = await offsetsOf(
      store,
      Array.from({ length: 9 }, (_, n) => append(n)),
    );
    await store.trim({ ...keepAll, maxEntries: 3 }, 0, 100);
    const floor = offsets[5] ?? 0;
    const up = await store.read(everything("k", { limit: 2 }));
    assert.deepEqual([ids(up.entries), up.more, up.floor], [[6, 7].map(nthId), true, floor]);
    const down = await store.read(everything("k", { reverse: true }));
    assert.deepEqual([ids(down.entries), down.more, down.end], [[8, 7, 6].map(nthId), false, floor + 1]);
  }),

  withStore("P2: gives no offset twice, though the whole log was trimmed and opened again", async (store, harness) => {
    const before = await offsetsOf(store, [append(1), append(2)]);
    await store.trim({ ...keepAll, maxEntries: 0 }, 0, 100);
    const again = await harness.reopen();
    const state = await again.open();
    assert.deepEqual([state.head, state.floor], [before[1], before[1]]);
    const [after = 0] = await offsetsOf(again, [append(1)]);
    assert.ok(after > (before[1] ?? 0));
    assert.equal((await again.read(everything())).entries.length, 1);
  }),
];
