/**
 * Opening, closing, and opening again.
 *
 * Rule: what a store answered before it was closed, it answers after it was opened again.
 */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { append, codeOf, everything, letter, open, type UnboundCase, until, withStore } from "./given.ts";

export const lifeCases: readonly UnboundCase[] = [
  withStore("P9: is the same log with the same secret and sessions when it is opened again", async (store, harness) => {
    await store.commit([
      open("s", { keys: ["a"], principal: "ann" }),
      append(1),
      append(2, ["a"], { data: Uint8Array.of(5) }),
    ]);
    await store.commit([
      { kind: "inbox", session: "s", generation: 1, settled: 1, above: [3], answers: [[1, "x"]], drop: [] },
      { kind: "bury", letter: letter(1) },
    ]);
    const before = [
      await store.session("s"),
      await store.read(everything()),
      await store.deadLetters("", 9),
      await store.usage(),
    ];
    const again = await harness.reopen();
    const state = await again.open();
    const after = [
      await again.session("s"),
      await again.read(everything()),
      await again.deadLetters("", 9),
      await again.usage(),
    ];
    assert.deepEqual(after, before);
    const third = await harness.reopen();
    const { epoch, secret, head, floor } = await third.open();
    assert.equal(secret.length, 32);
    assert.deepEqual({ epoch, secret: [...secret], head, floor }, { ...state, secret: [...state.secret] });
  }),

  {
    name: "P9: two logs have different epochs and secrets",
    async run(makeStore) {
      const [a, b] = [await makeStore(), await makeStore()];
      try {
        const [one, two] = [await a.store.open(), await b.store.open()];
        assert.notEqual(one.epoch, two.epoch);
        assert.notDeepEqual([...one.secret], [...two.secret]);
      } finally {
        await a.cleanup();
        await b.cleanup();
      }
    },
  },

  withStore("rejects everything once it is closed, and calls no sink any more", async (store) => {
    let calls = 0;
    store.tail(0, () => calls++);
    await store.commit([append(1)]);
    await until(() => calls === 1);
    const last = store.commit([append(2)]);
    await store.close();
    assert.equal(await codeOf(last), "resolved");
    const seen = calls;
    assert.equal(await codeOf(store.commit([append(3)])), "CLOSED");
    assert.equal(await codeOf(store.read(everything())), "CLOSED");
    await nextTurn();
    assert.equal(calls, seen);
  }),
];
