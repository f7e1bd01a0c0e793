/**
 * Appending: places in the log, identity, and that a batch is kept whole and once, or not at all.
 *
 * Rule: a case asks for offsets in the order of the log and never for their values.
 */
import assert from "node:assert/strict";
import type { Operation } from "../../store/store.ts";
import {
  append,
  bytesOf,
  codeOf,
  entry,
  everything,
  ids,
  letter,
  nthId,
  offsetsOf,
  open,
  progress,
  stored,
  type UnboundCase,
  withStore,
} from "./given.ts";

export const appendingCases: readonly UnboundCase[] = [
  withStore("P1: gives offsets that strictly increase, in the order of the batch", async (store) => {
    const offsets = await offsetsOf(store, [append(3), append(1), append(2)]);
    const [later] = await offsetsOf(store, [append(4)]);
    assert.deepEqual(
      [...offsets, later],
      [...new Set([...offsets, later])].sort((a, b) => Number(a) - Number(b)),
    );
    const page = await store.read(everything());
    assert.deepEqual(ids(page.entries), [3, 1, 2, 4].map(nthId));
    assert.deepEqual(
      page.entries.map(({ offset }) => offset),
      [...offsets, later],
    );
  }),

  withStore("P1: gives commits that are asked for at once their places in the order of the asking", async (store) => {
    const results = await Promise.all([1, 2, 3, 4].map((n) => store.commit([append(n)])));
    const offsets = results.map(([outcome]) => outcome?.offset ?? 0);
    assert.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(offsets).size, 4);
  }),

  withStore("P5: appends an id once: within a batch, later, and concurrently", async (store) => {
    const [first, again] = await store.commit([append(1), append(1)]);
    assert.equal(first?.duplicate, false);
    assert.deepEqual(again, { offset: first?.offset, duplicate: true });
    const [a, b] = await Promise.all([store.commit([append(2), append(1)]), store.commit([append(2)])]);
    assert.deepEqual(a?.[1], { offset: first?.offset, duplicate: true });
    assert.deepEqual(b?.[0], { offset: a?.[0]?.offset, duplicate: true });
    assert.equal((await store.read(everything())).entries.length, 2);
    assert.equal((await store.usage()).entries, 2);
  }),

  withStore("keeps an entry as it was given: text, bytes, exceptions, keys of any letters", async (store) => {
    const odd = "\u0000 \u{1F600} \" \\ '";
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    await store.commit([
      append(1, ["k", odd], { data: odd, except: [odd, "x"], publishedAt: 1_700_000_000_123 }),
      append(2, ["k", "k"], { data: bytes }),
      append(3, ["k"], { data: "" }),
      append(4, ["k"], { data: new Uint8Array(0) }),
    ]);
    const { entries, corrupt } = await store.read(everything());
    assert.deepEqual(corrupt, []);
    assert.deepEqual(
      { ...entries[0], offset: 0 },
      {
        ...entry(1, ["k", odd], { data: odd, except: [odd, "x"], publishedAt: 1_700_000_000_123 }),
        offset: 0,
      },
    );
    assert.ok(entries[1]?.data instanceof Uint8Array);
    assert.deepEqual(bytesOf(entries[1]?.data), [...bytes]);
    assert.equal(entries[2]?.data, "");
    assert.deepEqual(bytesOf(entries[3]?.data), []);
    assert.deepEqual(ids((await store.read(everything(odd))).entries), [nthId(1)]);
  }),

  withStore("keeps nothing of a batch in which one operation is refused", async (store) => {
    await store.commit([append(1)]);
    const bad = append(9, ["k"], { id: "no ulid" });
    assert.equal(await codeOf(store.commit([append(2), open("s"), bad])), "INVALID");
    assert.equal(await store.session("s"), undefined);
    assert.deepEqual(ids((await store.read(everything())).entries), [nthId(1)]);
    const [outcome] = await store.commit([append(2)]);
    assert.equal(outcome?.duplicate, false);
  }),

  withStore(
    "P5: performs a batch once that is repeated under its name, and answers as before",
    async (store, harness) => {
      const batch: Operation[] = [
        append(1),
        open("s", { keys: ["k"] }),
        append(2),
        { kind: "resume", session: "s", from: 1, next: 2, at: 2 },
        progress("s", 1, 0, 0),
        { kind: "resume", session: "s", from: 2, next: 4, at: 2 },
      ];
      const first = await store.commit(batch, { writer: "a", number: 1 });
      assert.deepEqual(await store.commit(batch, { writer: "a", number: 1 }), first);
      const session = await stored(store, "s");
      assert.deepEqual([session.generation, session.cursor], [4, first[0]?.offset]);
      // Another writer counts for itself, and each number is another batch.
      const buried: Operation[] = [{ kind: "bury", letter: letter(1) }];
      const none: Operation[] = [{ kind: "unbury", letter: nthId(1) }];
      await store.commit(buried, { writer: "b", number: 1 });
      await store.commit(none, { writer: "a", number: 2 });
      await store.commit(buried, { writer: "b", number: 1 });
      assert.equal((await store.usage()).deadLetters, 0);
      const again = await harness.reopen();
      await again.open();
      await again.commit(buried, { writer: "b", number: 1 });
      assert.equal((await again.usage()).deadLetters, 0);
      assert.deepEqual(ids((await again.read(everything())).entries), [nthId(1), nthId(2)]);
    },
  ),

  withStore("P5: does not take a batch that was refused for one that was performed", async (store) => {
    const id = { writer: "a", number: 1 };
    const bad = append(9, ["k"], { id: "no ulid" });
    assert.equal(await codeOf(store.commit([append(1), bad], id)), "INVALID");
    const [outcome] = await store.commit([append(1)], id);
    assert.equal(outcome?.duplicate, false);
    assert.deepEqual(ids((await store.read(everything())).entries), [nthId(1)]);
  }),
];
