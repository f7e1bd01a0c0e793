/**
 * Sessions: how far they are, what is kept for them, and when they are forgotten; dead letters.
 *
 * Rule: what a session has settled is never taken back unless the caller says so.
 */
import assert from "node:assert/strict";
import type { Operation } from "../../store/store.ts";
import {
  append,
  bytesOf,
  letter,
  memberships,
  nthId,
  offsetsOf,
  open,
  progress,
  stored,
  type UnboundCase,
  withStore,
} from "./given.ts";

export const progressCases: readonly UnboundCase[] = [
  withStore("P7: a cursor never moves back unless it is rewound, and the position is never below it", async (store) => {
    await store.commit([open("s")]);
    const where = async (...operations: Operation[]) => {
      await store.commit(operations);
      const { arrived, position, confirmed, seenAt } = await stored(store, "s");
      return [arrived, position, confirmed, seenAt];
    };
    assert.deepEqual(await where(progress("s", 1, 5, 8, { confirmed: 1, at: 10 })), [5, 8, 1, 10]);
    assert.deepEqual(await where(progress("s", 1, 3, 4, { at: 11 })), [5, 8, 1, 11]);
    assert.deepEqual(await where(progress("s", 1, 9, 0)), [9, 9, 1, 1]);
    assert.deepEqual(await where(progress("s", 1, 2, 1, { rewind: true })), [2, 2, 1, 1]);
    assert.deepEqual(await where(progress("s", 1, 3, 7, { rewind: true })), [3, 7, 1, 1]);
  }),

  withStore("drops memberships once the cursor has passed their end", async (store) => {
    await store.commit([open("s", { keys: ["a", "b", "c"] })]);
    const [one = 0, two = 0] = await offsetsOf(store, [append(1), append(2)]);
    await store.commit([
      { kind: "leave", session: "s", generation: 1, key: "a", until: one },
      { kind: "leave", session: "s", generation: 1, key: "b", until: two },
    ]);
    await store.commit([progress("s", 1, one, one)]);
    assert.deepEqual(await memberships(store, "s"), [
      ["b", 0, two],
      ["c", 0, null],
    ]);
    await store.commit([progress("s", 1, one, two)]);
    assert.deepEqual(
      ((await memberships(store, "s")) as [string][]).map(([key]) => key),
      ["b", "c"],
    );
    await store.commit([progress("s", 1, two, two)]);
    assert.deepEqual(await memberships(store, "s"), [["c", 0, null]]);
  }),

  withStore("keeps the inbox and the answers that the client has not confirmed", async (store) => {
    const bytes = Uint8Array.from([1, 2]);
    const inbox = (
      settled: number,
      above: number[],
      answers: [number, string | Uint8Array][],
      drop: number[],
    ): Operation => ({ kind: "inbox", session: "s", generation: 1, settled, above, answers, drop });
    await store.commit([open("s", { inboxSettled: 2 }), inbox(4, [9, 6, 6, 3], [[4, "four"]], [])]);
    let session = await stored(store, "s");
    assert.deepEqual([session.inboxSettled, session.inboxAbove, session.answers], [4, [6, 9], [[[4, "four"]]]]);
    const [outcome] = await store.commit([
      inbox(
        1,
        [7],
        [
          [3, bytes],
          [2, "two"],
        ],
        [],
      ),
      inbox(1, [8], [[5, "five"]], [4, 5, 2]),
    ]);
    assert.equal(outcome?.offset, 0);
    session = await stored(store, "s");
    assert.deepEqual([session.inboxSettled, session.inboxAbove], [4, [8]]);
    assert.deepEqual(
      session.answers.map((list) =>
        list.map(([seq, answer]) => [seq, typeof answer === "string" ? answer : bytesOf(answer)]),
      ),
      [
        [
          [3, [1, 2]],
          [2, "two"],
        ],
      ],
    );
  }),

  withStore("forgets a session and all that was kept for it, once", async (store) => {
    await store.commit([
      open("s", { keys: ["a"], principal: "ann" }),
      { kind: "inbox", session: "s", generation: 1, settled: 1, above: [], answers: [[1, "x"]], drop: [] },
      { kind: "bury", letter: letter(1, { session: "s" }) },
    ]);
    const [known, again] = await store.commit([
      { kind: "forget", session: "s" },
      { kind: "forget", session: "s" },
    ]);
    assert.deepEqual([known, again], [{ offset: 0 }, undefined]);
    assert.equal(await store.session("s"), undefined);
    assert.deepEqual(await store.sessionsOf("ann"), { count: 0, oldest: undefined });
    assert.equal((await store.deadLetters("", 10)).length, 1);
    await store.commit([open("s")]);
    const session = await stored(store, "s");
    assert.deepEqual([session.memberships, session.answers], [[], []]);
  }),

  withStore("lists sessions by id, counts those of a principal, and forgets those seen longest ago", async (store) => {
    await store.commit([
      open("c", { principal: "ann", at: 30 }),
      open("a", { principal: "ann", at: 10 }),
      open("d", { at: 20 }),
      open("b", { principal: "bob", at: 40 }),
    ]);
    const names = async (after: string, limit: number) => (await store.sessions(after, limit)).map(({ id }) => id);
    assert.deepEqual(await names("", 3), ["a", "b", "c"]);
    assert.deepEqual(await names("b", 9), ["c", "d"]);
    assert.deepEqual(await store.sessionsOf("ann"), { count: 2, oldest: "a" });
    await store.commit([{ kind: "resume", session: "a", from: 1, next: 2, at: 50 }]);
    assert.deepEqual(await store.sessionsOf("ann"), { count: 2, oldest: "c" });
    assert.equal(await store.expire(40, 1), 1);
    assert.deepEqual(await names("", 9), ["a", "b", "c"]);
    assert.equal(await store.expire(40, 9), 1);
    assert.equal(await store.expire(40, 9), 0);
    assert.deepEqual(await names("", 9), ["a", "b"]);
    assert.equal((await store.usage()).sessions, 2);
  }),

  withStore("keeps dead letters until they are removed", async (store) => {
    const bytes = Uint8Array.from([7]);
    await store.commit([
      { kind: "bury", letter: letter(2) },
      { kind: "bury", letter: letter(1, { data: bytes, direction: "to-server" }) },
      { kind: "bury", letter: letter(3) },
      { kind: "bury", letter: letter(3, { attempts: 9 }) },
    ]);
    assert.equal((await store.usage()).deadLetters, 3);
    const [first, second] = await store.deadLetters("", 2);
    assert.deepEqual({ ...first, data: bytesOf(first?.data) }, { ...letter(1), data: [7], direction: "to-server" });
    assert.deepEqual(second, letter(2));
    assert.deepEqual(await store.deadLetters(nthId(2), 9), [letter(3, { attempts: 9 })]);
    await store.commit([{ kind: "unbury", letter: nthId(2) }]);
    assert.deepEqual(
      (await store.deadLetters("", 9)).map(({ id }) => id),
      [nthId(1), nthId(3)],
    );
  }),
];
