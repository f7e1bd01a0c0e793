/**
 * Reading pages of the log, and asking it whether it is still the same log.
 *
 * Rule: every page is judged by what was appended, never by what another page said.
 */
import assert from "node:assert/strict";
import { append, everything, ids, keepAll, nthId, offsetsOf, type UnboundCase, withStore } from "./given.ts";

export const readingCases: readonly UnboundCase[] = [
  withStore("P4: reads all and only what lies within each key's own bounds, once, in order", async (store) => {
    const offsets = await offsetsOf(store, [
      append(1, ["a"]),
      append(2, ["b"]),
      append(3, ["a", "b"]),
      append(4, ["c"]),
      append(5, ["b"]),
      append(6, ["a"]),
    ]);
    const at = (n: number) => offsets[n - 1] ?? 0;
    const keys = [
      { key: "a", after: at(1), upTo: at(6) },
      { key: "b", after: 0, upTo: at(3) },
    ];
    const query = { keys, limit: 100, maxBytes: 1e9 };
    const page = await store.read(query);
    assert.deepEqual(ids(page.entries), [2, 3, 6].map(nthId));
    assert.deepEqual(
      { more: page.more, end: page.end, corrupt: page.corrupt },
      { more: false, end: at(6), corrupt: [] },
    );
    const reverse = await store.read({ ...query, reverse: true });
    assert.deepEqual(ids(reverse.entries), [6, 3, 2].map(nthId));
    assert.equal(reverse.more, false);
  }),

  withStore("P4: reaches the same entries by pages of any size, in both directions", async (store) => {
    const keys = ["a", "b", "c"];
    const all = await offsetsOf(
      store,
      Array.from({ length: 60 }, (_, n) => append(n, [keys[n % 3] ?? "", ...(n % 5 === 0 ? ["a"] : [])])),
    );
    const expected = all.filter((_, n) => n % 3 !== 2 || n % 5 === 0);
    for (const reverse of [false, true]) {
      for (const limit of [1, 2, 7, 39, 40, 41, 100]) {
        const seen: number[] = [];
        let [after, upTo] = [0, Number.MAX_SAFE_INTEGER];
        for (;;) {
          const asked = ["a", "b"].map((key) => ({ key, after, upTo }));
          const page = await store.read({ keys: asked, limit, maxBytes: 1e9, reverse });
          assert.ok(page.entries.length <= limit);
          seen.push(...page.entries.map(({ offset }) => offset));
          if (!page.more) break;
          assert.equal(page.end, page.entries.at(-1)?.offset);
          if (reverse) upTo = page.end - 1;
          else after = page.end;
        }
        assert.deepEqual(seen, reverse ? expected.toReversed() : expected);
      }
    }
  }),

  withStore("P4: ends a page by size after the entry that reaches it, but never before the first", async (store) => {
    await store.commit([1, 2, 3, 4].map((n) => append(n, ["k"], { data: n === 2 ? "é".repeat(5) : "x".repeat(10) })));
    const sized = async (maxBytes: number) => {
      const page = await store.read(everything("k", { maxBytes }));
      return [page.entries.length, page.more];
    };
    assert.deepEqual(await sized(0), [1, true]);
    assert.deepEqual(await sized(10), [1, true]);
    assert.deepEqual(await sized(11), [2, true]);
    assert.deepEqual(await sized(21), [3, true]);
    assert.deepEqual(await sized(40), [4, false]);
  }),

  withStore("P4: speaks for what it was asked for and not for what is yet to come", async (store) => {
    const empty = await store.read(everything());
    assert.deepEqual(empty, { entries: [], more: false, end: 0, floor: 0, corrupt: [] });
    const [first = 0, second = 0] = await offsetsOf(store, [append(1, ["a"]), append(2, ["b"])]);
    assert.equal((await store.read(everything("none"))).end, second);
    const bounded = { keys: [{ key: "b", after: 0, upTo: first }], limit: 10, maxBytes: 1e9 };
    assert.deepEqual(await store.read(bounded), { entries: [], more: false, end: first, floor: 0, corrupt: [] });
    assert.equal((await store.read({ keys: [], limit: 1, maxBytes: 1 })).end, second);
  }),

  withStore("P9: tells by offset and id whether the log is the same, trimmed, or another one", async (store) => {
    const [one = 0, two = 0] = await offsetsOf(store, [append(1), append(2)]);
    assert.equal(await store.check(two, nthId(2)), "match");
    assert.equal(await store.check(one, nthId(2)), "forked");
    assert.equal(await store.check(two, nthId(1)), "forked");
    assert.equal(await store.check(two + 1, nthId(3)), "forked");
    assert.equal(await store.check(0, nthId(1)), "trimmed");
    await store.trim({ ...keepAll, maxEntries: 1 }, 0, 100);
    assert.equal(await store.check(one, nthId(1)), "trimmed");
    assert.equal(await store.check(two, nthId(2)), "match");
  }),
];
