/**
 * What a server asks of its store in a busy while, step by step, and what must have come of it.
 *
 * Rule: every step may be repeated, whole or from the call that failed, and leads to the same end: that is how a server
 * uses a store whose last answer it does not know.
 */
import assert from "node:assert/strict";
import { DeliveryError } from "../../core/error.ts";
import type { Entry, Operation, Outcome, Store, Tail } from "../../store/store.ts";
import { append, everything, ids, letter, nthId, open, progress, until } from "./given.ts";

/** Who takes the steps: repeats what failed, and remembers what it was told. */
export class Caller {
  store: Store;
  /** The generation in which it owns the session. */
  generation: number;
  /** What the tail was handed. */
  readonly seen: Entry[] = [];
  /** Where messages were said to be, by id, in the order of their publication. */
  readonly told: Map<string, number> = new Map();

  #tail: Tail | undefined;

  readonly #named: boolean;
  #writer = 1;
  #batches = 0;

  /** `named`: batches have names, by which a store knows one that is repeated. */
  constructor(store: Store, named: boolean) {
    this.store = store;
    this.generation = 1;
    this.#named = named;
  }

  /** Calls until it is answered. */
  async call<T>(ask: (store: Store) => T | Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(this.store);
      } catch (error) {
        if (attempt > 3 || !(error instanceof DeliveryError) || !error.code.startsWith("STORE_")) throw error;
      }
    }
  }

  async commit(batch: readonly Operation[]): Promise<readonly (Outcome | undefined)[]> {
    const id = { writer: `life ${this.#writer}`, number: ++this.#batches };
    const outcomes = await this.call((store) => (this.#named ? store.commit(batch, id) : store.commit(batch)));
    assert.equal(outcomes.length, batch.length);
    for (const [i, operation] of batch.entries()) {
      // Repeated under its name, it says that it was this one that took the session over.
      if (operation.kind === "resume" && this.#named) assert.equal(outcomes[i]?.session?.generation, operation.next);
      if (operation.kind !== "append") continue;
      const { id } = operation.entry;
      const offset = outcomes[i]?.offset ?? -1;
      assert.equal(this.told.get(id) ?? offset, offset, `${id} has two places`);
      this.told.set(id, offset);
    }
    return outcomes;
  }

  /** The last offset that it was told. */
  get last(): number {
    return [...this.told.values()].at(-1) ?? 0;
  }

  /** Follows the log from the last entry that it has seen. */
  async follow(): Promise<void> {
    this.#tail?.stop();
    const after = this.seen.at(-1)?.offset ?? 0;
    this.#tail = await this.call((store) => store.tail(after, (entries) => this.seen.push(...entries)));
  }

  /** Goes on with another store on the same data, as a server does that was started again. */
  async restart(store: Store): Promise<void> {
    this.store = store;
    this.#writer++;
    await store.open();
    this.generation = (await store.session("s"))?.generation ?? 1;
    await this.follow();
  }

  async caughtUp(): Promise<void> {
    await until(() => this.seen.length >= this.told.size);
  }
}

/** One step of the scenario. */
export type ScenarioStep = (caller: Caller) => Promise<void>;

const ROUNDS = 24;

/** All steps, in order. */
export const scenario: readonly ScenarioStep[] = [
  (caller) => caller.follow(),
  async (caller) => void (await caller.commit([open("s", { keys: ["k"], principal: "ann" })])),
  ...Array.from({ length: ROUNDS }, (_, round) => stepsOf(round)).flat(),
  (caller) => caller.caughtUp(),
];

function resumesIn(round: number): boolean {
  return round % 5 === 3;
}

function stepsOf(round: number): ScenarioStep[] {
  const steps: ScenarioStep[] = [(caller) => publish(caller, round)];
  if (round % 3 === 1) steps.push((caller) => look(caller));
  if (round % 4 === 2) steps.push(trim);
  if (resumesIn(round)) steps.push(resume);
  if (round % 6 === 4) steps.push((caller) => comeAndGo(caller, round));
  if (round % 7 === 5) steps.push((caller) => bury(caller, round));
  return steps;
}

async function publish(caller: Caller, round: number): Promise<void> {
  const [session, generation] = ["s", caller.generation] as const;
  const at = caller.last;
  const first = 3 * round;
  await caller.commit([
    append(first, ["k"]),
    { kind: "leave", session, generation, key: `room ${round - 1}` },
    append(first + 1, ["k", `room ${round}`]),
    { kind: "join", session, generation, key: `room ${round}` },
    append(first + 2, ["k"], { data: Uint8Array.of(round, 0, 255) }),
    progress(session, generation, at, at, { at: round }),
    {
      kind: "inbox",
      session,
      generation,
      settled: round,
      above: [round + 2],
      answers: [[round, `answer ${round}`]],
      drop: [round - 2].filter((seq) => seq >= 0),
    },
  ]);
}

async function look(caller: Caller): Promise<void> {
  const page = await caller.call((store) => store.read(everything("k", { limit: 7, reverse: true })));
  assert.deepEqual(ids(page.entries), [...caller.told.keys()].slice(-7).reverse());
  assert.deepEqual(page.corrupt, []);
  const last = [...caller.told.keys()].at(-1) ?? "";
  assert.equal(await caller.call((store) => store.check(caller.last, last)), "match");
  const session = await caller.call((store) => store.session("s"));
  assert.equal(session?.generation, caller.generation);
}

async function trim(caller: Caller): Promise<void> {
  await caller.caughtUp();
  const retention = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER, maxEntries: 20 };
  while ((await caller.call((store) => store.trim(retention, 0, 4))).more);
}

async function resume(caller: Caller): Promise<void> {
  const from = caller.generation;
  caller.generation += 3;
  await caller.commit([{ kind: "resume", session: "s", from, next: caller.generation, at: 7 }]);
  const session = await caller.call((store) => store.session("s"));
  assert.equal(session?.generation, caller.generation);
}

async function comeAndGo(caller: Caller, round: number): Promise<void> {
  await caller.commit([
    open(`guest ${round}`, { keys: ["k", "lobby"], at: round }),
    open(`visitor ${round}`, { keys: ["lobby"], at: 1000 + round, principal: "bob" }),
  ]);
  await caller.commit([{ kind: "forget", session: `visitor ${round - 12}` }]);
  while ((await caller.call((store) => store.expire(round - 10, 1))) > 0);
}

async function bury(caller: Caller, round: number): Promise<void> {
  await caller.commit([
    { kind: "bury", letter: letter(round) },
    { kind: "unbury", letter: nthId(round - 14) },
  ]);
  const letters = await caller.call((store) => store.deadLetters("", 9));
  assert.ok(letters.some(({ id }) => id === nthId(round)));
}

/**
 * All that can be asked of the store at the end, in terms that do not depend on the engine or on how often something was
 * repeated: places as ranks, and no generations.
 */
export async function outcomeOf({ store, told, seen }: Caller): Promise<unknown> {
  const offsets = [0, ...told.values()];
  assert.deepEqual(
    offsets,
    offsets.toSorted((a, b) => a - b),
  );
  const rank = (offset: number | null) => (offset === null ? null : offsets.indexOf(offset));
  const { entries, corrupt } = await store.read(everything());
  assert.deepEqual(corrupt, []);
  const sessions = await store.sessions("", 1000);
  return {
    log: entries.map(({ data, offset, ...entry }) => ({ ...entry, data: [...Buffer.from(data)], rank: rank(offset) })),
    seen: seen.map(({ id, offset }) => [id, rank(offset)]),
    sessions: sessions.map(({ generation: _, ...session }) => ({
      ...session,
      cursor: rank(session.cursor),
      arrived: rank(session.arrived),
      position: rank(session.position),
      memberships: session.memberships
        .map(({ key, since, until: end }) => `${key}: ${rank(since)} to ${rank(end)}`)
        .toSorted(),
    })),
    letters: (await store.deadLetters("", 1000)).map(({ id }) => id),
    ofAnn: await store.sessionsOf("ann"),
    usage: await store.usage(),
  };
}
