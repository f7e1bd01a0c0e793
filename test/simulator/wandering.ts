/**
 * Plans of one client that goes from server to server while the store cannot be written.
 *
 * Rule: nothing here that other plans cannot have, but so much of it that a second server has something of the session by the time the first can
 * store what it has.
 */
import fc from "fast-check";
import { type Plan, plans, type Step } from "../../src/testing/simulator/plan.ts";

const wait = (max: number): fc.Arbitrary<Step> => fc.record({ do: fc.constant("wait"), ms: fc.nat({ max }) });
const emit: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("emit"),
  client: fc.constant(0),
  behaviour: fc.constantFrom("prompt", "async", "publishes"),
  answered: fc.boolean(),
  times: fc.integer({ min: 1, max: 3 }),
});
const trouble: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("store"),
  trouble: fc.constantFrom("full", "busy", "readonly", "unknown"),
  ms: fc.integer({ min: 200, max: 2_700 }),
});
const publish: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("publish"),
  node: fc.nat({ max: 1 }),
  rooms: fc.constant([]),
  except: fc.constant([]),
  acknowledged: fc.constant(false),
  again: fc.constant(false),
  behaviour: fc.constant("prompt"),
  times: fc.constant(1),
});
const cut = fc.constant<Step>({ do: "cut", client: 0 });
/** There, and gone again. */
const stay = fc.oneof(fc.tuple(emit, wait(300), publish, cut, wait(400)), fc.tuple(emit, wait(300), cut, wait(400)));

/** Such plans. */
export const wandering: fc.Arbitrary<Plan> = fc
  .record({
    plan: plans({ faults: [], networks: ["ordered"] }),
    before: fc.tuple(emit, wait(60), emit, trouble),
    stays: fc.array(stay, { minLength: 2, maxLength: 6 }),
  })
  .map(({ plan, before, stays }) => ({
    ...plan,
    latencyMs: 0,
    nodes: 2,
    clients: [{ durable: false, serial: false, resyncs: false }],
    faults: ["wander", "store", "cut"],
    steps: [...before, ...stays.flat()],
  }));
