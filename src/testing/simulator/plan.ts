/**
 * What a simulation is to go through.
 *
 * Rule: a plan is data: it can be generated, shrunk, printed and kept. Steps name things by a number that is taken modulo how
 * many there are, so that a plan stays one when parts of it are removed.
 */
import fc from "fast-check";
import { type Behaviour, CLIENT_BEHAVIOURS, SERVER_BEHAVIOURS } from "./behaviour.ts";
import type { Kind } from "./client.ts";
import type { Trouble } from "./disk.ts";

/** Classes of faults. Each may be off in a run, so that the others can show what they do alone. */
export const FAULTS = [
  "cut",
  "half-open",
  "black hole",
  "server crash",
  "client crash",
  "away",
  "store",
  "slow store",
  "trim",
  "stall",
  "clock",
  "handlers",
  "membership",
  "revoke",
  "forge",
  "steal",
  "expiry",
  "restore",
  "rollback",
  "storage",
  "resync",
  "wander",
] as const;

/** A class of faults. */
export type Fault = (typeof FAULTS)[number];

/** One thing to do. */
export type Step =
  | {
      readonly do: "publish";
      readonly node: number;
      readonly rooms: readonly number[];
      readonly except: readonly number[];
      /** To the session of one client only. */
      readonly to?: number;
      readonly acknowledged: boolean;
      readonly again: boolean;
      readonly behaviour: Behaviour;
      readonly times: number;
    }
  | {
      readonly do: "emit";
      readonly client: number;
      readonly behaviour: Behaviour;
      readonly answered: boolean;
      readonly timeoutMs?: number;
      readonly times: number;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "member"; readonly client: number; readonly room: number; readonly joins: boolean }
  | { readonly do: "revoke"; readonly client: number; readonly room: number; readonly revoked: boolean }
  | { readonly do: "cut"; readonly client: number }
  | { readonly do: "half-open"; readonly client: number; readonly learns: "client" | "server" }
  | { readonly do: "black hole"; readonly client: number; readonly direction: "up" | "down" }
  | { readonly do: "crash server"; readonly node: number; readonly downMs: number; readonly told: boolean }
  | { readonly do: "crash client"; readonly client: number; readonly downMs: number }
  | { readonly do: "away"; readonly client: number; readonly ms: number }
  | { readonly do: "store"; readonly trouble: Trouble; readonly ms: number }
  | { readonly do: "trim"; readonly node: number }
  | { readonly do: "stall server"; readonly node: number; readonly ms: number }
  | { readonly do: "stall client"; readonly client: number; readonly ms: number }
  | { readonly do: "step clock"; readonly node: number; readonly client: number; readonly ms: number }
  | { readonly do: "forge"; readonly client: number; readonly frame: number }
  | { readonly do: "steal"; readonly client: number }
  | {
      readonly do: "restore";
      readonly lost: number;
      /** Whether servers run meanwhile. Default: they are stopped and started again. */
      readonly live?: boolean;
    };

/** A whole history to be. */
export interface Plan {
  /** Everything that the steps leave open follows from it. */
  readonly seed: number;
  readonly network: "ordered" | "unkind";
  readonly latencyMs: number;
  readonly nodes: number;
  readonly clients: readonly Kind[];
  /** Entries that retention keeps; 0: all. */
  readonly keeps: number;
  /** Whether limits are as small as they can be. */
  readonly tight: boolean;
  /** Whether the first client stays cut off when all else has healed. */
  readonly broken: boolean;
  readonly faults: readonly Fault[];
  readonly steps: readonly Step[];
}

/** What plans to make. */
export interface PlanOptions {
  /** Faults that may be in a plan. Default: all. */
  readonly faults?: readonly Fault[];
  /** Most steps. Default 40. */
  readonly maxSteps?: number;
  /** Networks. Default: both, the kind one twice as often. */
  readonly networks?: readonly Plan["network"][];
  /** How many servers at most. Default 3. */
  readonly maxNodes?: number;
}

const index = fc.nat({ max: 11 });
const wait = fc.oneof({ arbitrary: fc.nat({ max: 100 }), weight: 3 }, { arbitrary: fc.nat({ max: 3_000 }), weight: 1 });
const roomList = fc.array(fc.nat({ max: 2 }), { maxLength: 2 });

const prompt = fc.constant<Behaviour>("prompt");
const publish = (behaviour: fc.Arbitrary<Behaviour>): fc.Arbitrary<Step> =>
  fc.record(
    {
      do: fc.constant("publish" as const),
      node: index,
      rooms: roomList,
      except: fc.oneof({ arbitrary: fc.constant([]), weight: 4 }, roomList),
      to: index,
      acknowledged: fc.boolean(),
      again: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
      behaviour,
      times: fc.integer({ min: 1, max: 6 }),
    },
    { requiredKeys: ["do", "node", "rooms", "except", "acknowledged", "again", "behaviour", "times"] },
  );
const emit = (behaviour: fc.Arbitrary<Behaviour>): fc.Arbitrary<Step> =>
  fc.record(
    {
      do: fc.constant("emit" as const),
      client: index,
      behaviour,
      answered: fc.boolean(),
      timeoutMs: fc.constantFrom(200, 5_000),
      times: fc.integer({ min: 1, max: 5 }),
    },
    { requiredKeys: ["do", "client", "behaviour", "answered", "times"] },
  );

/** Steps that belong to a class of faults. */
const OF_FAULT: { readonly [F in Fault]?: fc.Arbitrary<Step> } = {
  cut: fc.record({ do: fc.constant("cut"), client: index }),
  "half-open": fc.record({ do: fc.constant("half-open"), client: index, learns: fc.constantFrom("client", "server") }),
  "black hole": fc.record({ do: fc.constant("black hole"), client: index, direction: fc.constantFrom("up", "down") }),
  "server crash": fc.record({
    do: fc.constant("crash server"),
    node: index,
    downMs: fc.nat({ max: 3_000 }),
    told: fc.boolean(),
  }),
  "client crash": fc.record({ do: fc.constant("crash client"), client: index, downMs: fc.nat({ max: 2_000 }) }),
  away: fc.record({ do: fc.constant("away"), client: index, ms: fc.nat({ max: 10_000 }) }),
  store: fc.record({
    do: fc.constant("store"),
    trouble: fc.constantFrom("full", "busy", "readonly", "unknown", "unreadable"),
    ms: fc.nat({ max: 3_000 }),
  }),
  "slow store": fc.record({ do: fc.constant("store"), trouble: fc.constant("slow"), ms: fc.nat({ max: 3_000 }) }),
  trim: fc.record({ do: fc.constant("trim"), node: index }),
  stall: fc.oneof(
    fc.record({ do: fc.constant("stall server" as const), node: index, ms: fc.nat({ max: 5_000 }) }),
    fc.record({ do: fc.constant("stall client" as const), client: index, ms: fc.nat({ max: 5_000 }) }),
  ),
  clock: fc.record({
    do: fc.constant("step clock"),
    node: index,
    client: index,
    ms: fc.constantFrom(-3_600_000, -1_000, 1_000, 3_600_000),
  }),
  membership: fc.record({ do: fc.constant("member"), client: index, room: fc.nat({ max: 2 }), joins: fc.boolean() }),
  revoke: fc.record({ do: fc.constant("revoke"), client: index, room: fc.nat({ max: 2 }), revoked: fc.boolean() }),
  forge: fc.record({ do: fc.constant("forge"), client: index, frame: index }),
  steal: fc.record({ do: fc.constant("steal"), client: index }),
  expiry: fc.record({ do: fc.constant("away"), client: index, ms: fc.constant(40_000) }),
  restore: fc.record({ do: fc.constant("restore"), lost: fc.nat({ max: 10 }) }),
  rollback: fc.record({ do: fc.constant("restore"), lost: fc.nat({ max: 10 }), live: fc.constant(true) }),
} satisfies { readonly [F in Fault]?: fc.Arbitrary<unknown> } as never;

function steps(faults: readonly Fault[], maxLength: number): fc.Arbitrary<Step[]> {
  const own = faults.flatMap((fault) => OF_FAULT[fault] ?? []);
  const odd = faults.includes("handlers");
  const step = fc.oneof(
    { arbitrary: publish(odd ? fc.constantFrom("prompt", ...CLIENT_BEHAVIOURS) : prompt), weight: 8 },
    { arbitrary: emit(odd ? fc.constantFrom("prompt", ...SERVER_BEHAVIOURS) : prompt), weight: 6 },
    { arbitrary: fc.record({ do: fc.constant("wait" as const), ms: wait }), weight: 8 },
    ...own.map((arbitrary) => ({ arbitrary, weight: 3 })),
  );
  return fc.array(step, { minLength: 1, maxLength, size: "max" });
}

/** Plans. Each draws which faults it has, and how tight its limits are. */
export function plans(options: PlanOptions = {}): fc.Arbitrary<Plan> {
  const { faults: all = FAULTS, maxSteps = 40, networks = ["ordered", "ordered", "unkind"], maxNodes = 3 } = options;
  return fc.subarray([...all]).chain((faults) =>
    fc.record({
      seed: fc.nat(),
      network: fc.constantFrom(...networks),
      latencyMs: fc.constantFrom(0, 5, 50),
      nodes: fc.integer({ min: 1, max: maxNodes }),
      clients: fc.array(fc.record({ durable: fc.boolean(), serial: fc.boolean(), resyncs: fc.boolean() }), {
        minLength: 1,
        maxLength: 3,
      }),
      keeps: faults.includes("trim") ? fc.constantFrom(0, 3, 10) : fc.constant(0),
      tight: fc.boolean(),
      broken: faults.length > 0 ? fc.boolean() : fc.constant(false),
      faults: fc.constant(faults),
      steps: steps(faults, maxSteps),
    }),
  );
}
