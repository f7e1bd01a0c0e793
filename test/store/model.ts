/**
 * An engine and the memory engine are given the same random steps, and must not be told apart.
 *
 * Rule: offsets differ between engines, so both sides speak of ranks: the n-th entry that was ever appended.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { memory } from "../../src/store/memory.ts";
import type { Entry, Operation, Outcome, Page, Store, StoredSession } from "../../src/store/store.ts";
import { type MakeStore, nthId, until } from "./given.ts";

/** Offsets in steps are ranks. */
type Step =
  | { readonly do: "commit"; readonly batch: readonly Operation[] }
  | {
      readonly do: "read";
      readonly keys: readonly Bounds[];
      readonly limit: number;
      readonly maxBytes: number;
      readonly reverse: boolean;
    }
  | {
      readonly do: "trim";
      readonly entries: number;
      readonly bytes: number;
      readonly age: number;
      readonly limit: number;
    }
  | { readonly do: "expire"; readonly before: number; readonly limit: number }
  | { readonly do: "reopen" };

interface Bounds {
  readonly key: string;
  readonly after: number;
  readonly upTo: number;
}

const small = fc.nat({ max: 12 });
const key = fc.constantFrom("a", "b", "c", "d");
const session = fc.constantFrom("s", "t", "u");
const generation = fc.integer({ min: 1, max: 3 });
const data = fc.oneof(fc.string({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }));
const id = fc.nat({ max: 60 }).map(nthId);
const keys = fc.array(key, { minLength: 1, maxLength: 3 });

const appending = fc.record({
  kind: fc.constant("append" as const),
  entry: fc.record({ id, keys, except: fc.array(key, { maxLength: 2 }), data, publishedAt: small }),
});

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: appending },
  fc.record({
    kind: fc.constant("open" as const),
    session,
    namespace: fc.constantFrom("/", "/chat"),
    principal: fc.constantFrom("ann", "bob", null),
    keys: fc.array(key, { maxLength: 3 }),
    inboxSettled: small,
    at: small,
  }),
  fc.record({ kind: fc.constant("resume" as const), session, at: small }),
  fc.record({ kind: fc.constant("join" as const), session, generation, key }),
  fc.record({ kind: fc.constant("leave" as const), session, generation, key }),
  fc.record({ kind: fc.constant("leave" as const), session, generation, key, until: small }),
  fc.record({
    kind: fc.constant("progress" as const),
    session,
    generation,
    cursor: small,
    arrived: small,
    position: small,
    confirmed: small,
    at: small,
    rewind: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("inbox" as const),
    session,
    generation,
    settled: small,
    above: fc.array(small, { maxLength: 4 }),
    answers: fc.array(fc.tuple(small, data), { maxLength: 2 }),
    drop: fc.array(small, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("forget" as const), session }),
  fc.record({
    kind: fc.constant("bury" as const),
    letter: fc.record({
      id,
      session,
      direction: fc.constantFrom("to-client" as const, "to-server" as const),
      namespace: fc.constant("/"),
      message: id,
      data,
      attempts: small,
      reason: fc.string({ maxLength: 5 }),
      at: small,
    }),
  }),
  fc.record({ kind: fc.constant("unbury" as const), letter: id }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("commit" as const), batch: fc.array(operation, { maxLength: 8 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      keys: fc.array(fc.record({ key, after: fc.nat({ max: 30 }), upTo: fc.nat({ max: 60 }) }), { maxLength: 4 }),
      limit: fc.integer({ min: 1, max: 6 }),
      maxBytes: fc.nat({ max: 60 }),
      reverse: fc.boolean(),
    }),
  },
  fc.record({
    do: fc.constant("trim" as const),
    entries: fc.nat({ max: 30 }),
    bytes: fc.nat({ max: 300 }),
    age: fc.nat({ max: 20 }),
    limit: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ do: fc.constant("expire" as const), before: small, limit: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant("reopen" as const) }),
);

/** One engine, spoken to in ranks. */
class Side {
  store: Store;
  readonly #reopen: () => Promise<Store>;
  readonly #offsets: number[] = [0];
  #tailed: Entry[] = [];

  constructor(store: Store, reopen: () => Promise<Store>) {
    this.store = store;
    this.#reopen = reopen;
  }

  async open(): Promise<unknown> {
    const { epoch, head, floor, secret } = await this.store.open();
    this.#tailed = [];
    this.store.tail(head, (entries) => this.#tailed.push(...entries));
    return { head: this.#rank(head), floor: this.#rank(floor), epoch, secret: [...secret] };
  }

  async perform(step: Step): Promise<unknown> {
    switch (step.do) {
      case "commit": {
        const outcomes = await this.store.commit(step.batch.map((one) => this.#translated(one)));
        for (const outcome of outcomes) if (outcome?.duplicate === false) this.#offsets.push(outcome.offset);
        return outcomes.map((outcome) => this.#outcome(outcome));
      }
      case "read": {
        const bounds = step.keys.map(({ key, after, upTo }) => ({
          key,
          after: this.#offset(after),
          upTo: this.#offset(upTo),
        }));
        return this.#page(await this.store.read({ ...step, keys: bounds }), step.reverse);
      }
      case "trim": {
        const retention = { maxAgeMs: step.age, maxEntries: step.entries, maxBytes: step.bytes };
        const { floor, more } = await this.store.trim(retention, 15, step.limit);
        return { floor: this.#rank(floor), more };
      }
      case "expire":
        return this.store.expire(step.before, step.limit);
      case "reopen": {
        this.store = await this.#reopen();
        const { epoch: _, secret: __, ...state } = (await this.open()) as Record<string, unknown>;
        return state;
      }
    }
  }

  /** All that can be asked of the store. */
  async state(): Promise<unknown> {
    const sessions = await this.store.sessions("", 100);
    return {
      sessions: sessions.map((one) => this.#session(one)),
      ann: await this.store.sessionsOf("ann"),
      letters: (await this.store.deadLetters("", 100)).map((one) => ({ ...one, data: plain(one.data) })),
      usage: await this.store.usage(),
    };
  }

  /** What the tail was handed since the store was opened, once it has caught up. */
  async tailed(count: number): Promise<unknown> {
    await until(() => this.#tailed.length >= count);
    return this.#tailed.map((one) => this.#entry(one));
  }

  #translated(one: Operation): Operation {
    switch (one.kind) {
      case "leave":
        return one.until === undefined ? one : { ...one, until: this.#offset(one.until) };
      case "progress":
        return {
          ...one,
          cursor: this.#offset(one.cursor),
          arrived: this.#offset(one.arrived),
          position: this.#offset(one.position),
        };
      default:
        return one;
    }
  }

  #offset(rank: number): number {
    return this.#offsets[Math.min(rank, this.#offsets.length - 1)] ?? 0;
  }

  #rank(offset: number): number {
    const rank = this.#offsets.indexOf(offset);
    assert.ok(rank >= 0, `offset ${offset} was never given out`);
    return rank;
  }

  #outcome(outcome: Outcome | undefined): unknown {
    if (outcome === undefined) return undefined;
    const { offset, session, ...rest } = outcome;
    return { ...rest, offset: this.#rank(offset), session: session && this.#session(session) };
  }

  #session(one: StoredSession): unknown {
    const memberships = one.memberships.map(({ key, since, until }) =>
      [key, this.#rank(since), until === null ? "-" : this.#rank(until)].join(" "),
    );
    return {
      ...one,
      cursor: this.#rank(one.cursor),
      arrived: this.#rank(one.arrived),
      position: this.#rank(one.position),
      memberships: memberships.sort(),
      answers: one.answers.map(([seq, answer]) => [seq, plain(answer)]),
    };
  }

  #entry(one: Entry): unknown {
    return { ...one, data: plain(one.data), offset: this.#rank(one.offset) };
  }

  #page({ entries, more, end, floor, corrupt }: Page, reverse: boolean): unknown {
    return {
      entries: entries.map((one) => this.#entry(one)),
      more,
      // A whole page against the order ends just above the last offset that it was not asked for.
      end: this.#rank(reverse && !more ? end - 1 : end),
      floor: this.#rank(floor),
      corrupt,
    };
  }
}

function plain(data: string | Uint8Array): unknown {
  return typeof data === "string" ? data : [...data];
}

/**
 * Runs random steps against both. The seed is fixed so that a run is repeatable; set GAPLESS_SEED and GAPLESS_RUNS for
 * others. A failure names its seed and the shortest steps that lead to it.
 */
export async function agreesWithMemory(makeStore: MakeStore): Promise<void> {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const harness = await makeStore();
    const model = memory();
    try {
      const sides = [
        new Side(harness.store, () => harness.reopen()),
        new Side(model, async () => {
          await model.close();
          return model;
        }),
      ] as const;
      const identity = (await sides[0].open()) as Record<string, unknown>;
      await sides[1].open();
      let appended = 0;
      for (const one of steps) {
        const [actual, expected] = [await sides[0].perform(one), await sides[1].perform(one)];
        assert.deepEqual(actual, expected);
        if (one.do === "reopen") appended = 0;
        if (one.do === "commit") appended += newEntries(expected);
        assert.deepEqual(await sides[0].tailed(appended), await sides[1].tailed(appended));
        assert.deepEqual(await sides[0].state(), await sides[1].state());
      }
      assert.equal(typeof identity.epoch, "string");
    } finally {
      await model.close();
      await harness.cleanup();
    }
  });
  const seed = Number(process.env.GAPLESS_SEED ?? 20_260_117);
  await fc.assert(property, { seed, numRuns: Number(process.env.GAPLESS_RUNS ?? 60) });
}

function newEntries(outcomes: unknown): number {
  return (outcomes as (Outcome | undefined)[]).filter((outcome) => outcome?.duplicate === false).length;
}
