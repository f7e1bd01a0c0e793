/**
 * Sessions: their beginning, who owns them, and to which audiences they belong.
 *
 * Rule: a membership begins and ends at the place that its operation has in the batch.
 */
import assert from "node:assert/strict";
import type { Operation, Outcome } from "../../store/store.ts";
import {
  append,
  everything,
  memberships,
  offsetsOf,
  open,
  progress,
  stored,
  type UnboundCase,
  withStore,
} from "./given.ts";

export const membershipCases: readonly UnboundCase[] = [
  withStore("opens a session at the log's head, at the place it has in the batch", async (store) => {
    const [, opened] = await offsetsOf(store, [
      append(1),
      open("s", { namespace: "/chat", principal: "ann", keys: ["a", "b", "a"], inboxSettled: 7, at: 55 }),
      append(2),
    ]);
    const head = (await store.read(everything())).entries[0]?.offset ?? -1;
    assert.equal(opened, head);
    const { memberships: _, ...session } = await stored(store, "s");
    assert.deepEqual(session, {
      id: "s",
      namespace: "/chat",
      principal: "ann",
      generation: 1,
      confirmed: 0,
      seenAt: 55,
      cursor: head,
      arrived: head,
      position: head,
      inboxSettled: 7,
      inboxAbove: [],
      answers: [],
    });
    assert.deepEqual(await memberships(store, "s"), [
      ["a", head, null],
      ["b", head, null],
    ]);
    assert.equal(await store.session("t"), undefined);
  }),

  withStore("starts a session over when one of the same id is opened", async (store) => {
    await store.commit([open("s", { keys: ["a"] }), { kind: "resume", session: "s", from: 1, next: 2, at: 2 }]);
    await store.commit([
      { kind: "inbox", session: "s", generation: 2, settled: 4, above: [9], answers: [[1, "x"]], drop: [] },
      open("s", { keys: ["b"], at: 3 }),
    ]);
    const session = await stored(store, "s");
    assert.deepEqual([session.generation, session.inboxSettled, session.inboxAbove, session.answers], [1, 0, [], []]);
    assert.deepEqual(await memberships(store, "s"), [["b", 0, null]]);
  }),

  withStore("a resume takes the session over and answers what it now is", async (store) => {
    await store.commit([open("s", { keys: ["a"] })]);
    const [outcome, unknown] = await store.commit([
      { kind: "resume", session: "s", from: 1, next: 5, at: 9 },
      { kind: "resume", session: "t", from: 1, next: 5, at: 9 },
    ]);
    assert.equal(outcome?.session?.generation, 5);
    assert.equal(outcome?.session?.seenAt, 9);
    assert.deepEqual(outcome?.session, await store.session("s"));
    assert.equal(unknown, undefined);
  }),

  withStore("of two resumes from one generation the first that comes takes the session over", async (store) => {
    await store.commit([open("s", { keys: ["a"] })]);
    const [first] = await store.commit([{ kind: "resume", session: "s", from: 1, next: 5, at: 9 }]);
    const [second, join] = await store.commit([
      { kind: "resume", session: "s", from: 1, next: 7, at: 9 },
      { kind: "join", session: "s", generation: 7, key: "b" },
    ]);
    assert.deepEqual([second, join], [undefined, undefined]);
    assert.deepEqual(await store.session("s"), first?.session);
    const [next] = await store.commit([{ kind: "resume", session: "s", from: 5, next: 8, at: 10 }]);
    assert.equal(next?.session?.generation, 8);
  }),

  withStore("changes nothing for a connection that was superseded, and says so by undefined", async (store) => {
    await store.commit([open("s", { keys: ["a"] }), { kind: "resume", session: "s", from: 1, next: 2, at: 2 }]);
    const before = await store.session("s");
    for (const [session, generation] of [
      ["s", 1],
      ["s", 3],
      ["t", 1],
    ] as const) {
      const outcomes = await store.commit([
        { kind: "resume", session, from: 1, next: 2, at: 77 },
        { kind: "join", session, generation, key: "b" },
        { kind: "leave", session, generation, key: "a" },
        progress(session, generation, 5, 5),
        progress(session, generation, 0, 0, { rewind: true, at: 77 }),
        { kind: "inbox", session, generation, settled: 3, above: [5], answers: [[1, "x"]], drop: [] },
      ]);
      assert.deepEqual(outcomes, new Array<Outcome | undefined>(6).fill(undefined));
    }
    assert.deepEqual(await store.session("s"), before);
    assert.equal(await store.session("t"), undefined);
  }),

  withStore("places a join and a leave between the messages they stood between", async (store) => {
    await store.commit([open("s")]);
    const [, join = 0, , leave = 0, ,] = await offsetsOf(store, [
      append(1),
      { kind: "join", session: "s", generation: 1, key: "a" },
      append(2),
      { kind: "leave", session: "s", generation: 1, key: "a" },
      append(3),
    ]);
    const offsets = (await store.read(everything())).entries.map(({ offset }) => offset);
    assert.deepEqual([join, leave], [offsets[0], offsets[1]]);
    assert.deepEqual(await memberships(store, "s"), [["a", join, leave]]);
  }),

  withStore("a second join changes nothing, and one after a leave begins another membership", async (store) => {
    const join: Operation = { kind: "join", session: "s", generation: 1, key: "a" };
    const leave: Operation = { kind: "leave", session: "s", generation: 1, key: "a" };
    await store.commit([open("s")]);
    const [, one, , , two, , three] = await offsetsOf(store, [
      leave,
      join,
      append(1),
      join,
      leave,
      append(2),
      join,
      append(3),
    ]);
    assert.deepEqual(await memberships(store, "s"), [
      ["a", one, two],
      ["a", three, null],
    ]);
  }),

  withStore("a leave may name where the membership ends; one that never held an entry is dropped", async (store) => {
    await store.commit([open("s", { keys: ["a", "b", "c"] })]);
    const [first = 0] = await offsetsOf(store, [append(1), append(2)]);
    await store.commit([
      { kind: "leave", session: "s", generation: 1, key: "a", until: first },
      { kind: "leave", session: "s", generation: 1, key: "b", until: 0 },
      { kind: "leave", session: "s", generation: 1, key: "c" },
      { kind: "join", session: "s", generation: 1, key: "d" },
      { kind: "leave", session: "s", generation: 1, key: "d" },
    ]);
    assert.deepEqual(await memberships(store, "s"), [
      ["a", 0, first],
      ["c", 0, first + 1],
    ]);
  }),

  withStore("a membership that was to end later goes on when it is joined again where it began", async (store) => {
    await store.commit([
      open("s", { keys: ["a"] }),
      { kind: "leave", session: "s", generation: 1, key: "a", until: 10 },
      { kind: "join", session: "s", generation: 1, key: "a" },
    ]);
    assert.deepEqual(await memberships(store, "s"), [["a", 0, null]]);
  }),
];
