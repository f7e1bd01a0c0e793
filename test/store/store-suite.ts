/**
 * What every engine must do: the contract of `src/store/store.ts`, as cases that any test runner can run.
 *
 * Rule: no case knows the engine, and none waits for time to pass; where something comes later, the case waits until it has.
 */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry, Operation, Outcome, Store, StoredSession } from "../../src/store/store.ts";
import {
  append,
  codeOf,
  entry,
  everything,
  type Harness,
  letter,
  type MakeStore,
  nthId,
  offsetsOf,
  until,
} from "./given.ts";
import { agreesWithMemory } from "./model.ts";

/** One property of the contract. */
export interface StoreCase {
  readonly name: string;
  run(makeStore: MakeStore): Promise<void>;
}

function open(session: string, more: Partial<Extract<Operation, { kind: "open" }>> = {}): Operation {
  return { kind: "open", session, namespace: "/", principal: null, keys: [], inboxSettled: 0, at: 1, ...more };
}

function progress(
  session: string,
  generation: number,
  arrived: number,
  position: number,
  more: Partial<Extract<Operation, { kind: "progress" }>> = {},
): Operation {
  return { kind: "progress", session, generation, cursor: arrived, arrived, position, confirmed: 0, at: 1, ...more };
}

/** Bytes as numbers: engines differ in the class that holds them. */
function bytesOf(data: unknown): number[] {
  assert.ok(data instanceof Uint8Array);
  return [...data];
}

function ids(entries: readonly Entry[]): string[] {
  return entries.map(({ id }) => id);
}

async function stored(store: Store, id: string): Promise<StoredSession> {
  const session = await store.session(id);
  assert.ok(session !== undefined);
  return session;
}

async function memberships(store: Store, id: string): Promise<unknown[]> {
  const { memberships: all } = await stored(store, id);
  return all
    .map(({ key, since, until: end }) => [key, since, end] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
}

function withStore(name: string, body: (store: Store, harness: Harness) => Promise<void>): StoreCase {
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

const keepAll = {
  maxAgeMs: Number.MAX_SAFE_INTEGER,
  maxEntries: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
};

const logCases: readonly StoreCase[] = [
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

const sessionCases: readonly StoreCase[] = [
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
    await store.commit([open("s", { keys: ["a"] }), { kind: "resume", session: "s", at: 2 }]);
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
      { kind: "resume", session: "s", at: 9 },
      { kind: "resume", session: "t", at: 9 },
    ]);
    assert.equal(outcome?.session?.generation, 2);
    assert.equal(outcome?.session?.seenAt, 9);
    assert.deepEqual(outcome?.session, await store.session("s"));
    assert.equal(unknown, undefined);
  }),

  withStore("changes nothing for a connection that was superseded, and says so by undefined", async (store) => {
    await store.commit([open("s", { keys: ["a"] }), { kind: "resume", session: "s", at: 2 }]);
    const before = await store.session("s");
    for (const [session, generation] of [
      ["s", 1],
      ["s", 3],
      ["t", 1],
    ] as const) {
      const outcomes = await store.commit([
        { kind: "join", session, generation, key: "b" },
        { kind: "leave", session, generation, key: "a" },
        progress(session, generation, 5, 5),
        progress(session, generation, 0, 0, { rewind: true, at: 77 }),
        { kind: "inbox", session, generation, settled: 3, above: [5], answers: [[1, "x"]], drop: [] },
      ]);
      assert.deepEqual(outcomes, new Array<Outcome | undefined>(5).fill(undefined));
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
    assert.deepEqual([session.inboxSettled, session.inboxAbove, session.answers], [4, [6, 9], [[4, "four"]]]);
    const [outcome] = await store.commit([inbox(1, [7], [[3, bytes]], []), inbox(1, [8], [[5, "five"]], [4, 5])]);
    assert.equal(outcome?.offset, 0);
    session = await stored(store, "s");
    assert.deepEqual([session.inboxSettled, session.inboxAbove], [4, [8]]);
    assert.deepEqual(
      session.answers.map(([seq, answer]) => [seq, bytesOf(answer)]),
      [[3, [1, 2]]],
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
    await store.commit([{ kind: "resume", session: "a", at: 50 }]);
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

const lifeCases: readonly StoreCase[] = [
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

  {
    name: "agrees with the memory engine over random batches, reads, trims and restarts",
    run: (makeStore) => agreesWithMemory(makeStore),
  },
];

/** The contract, property by property. */
export const storeSuite: readonly StoreCase[] = [...logCases, ...sessionCases, ...lifeCases];
