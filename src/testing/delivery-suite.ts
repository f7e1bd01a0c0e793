/**
 * Delivery as a test suite: for a store, for handlers, or for the package itself.
 *
 * Rule: no test runner is known here; each case is a name and a function that rejects.
 */
import type { Store } from "../store/store.ts";
import { checkHistories, describeFailure } from "./simulator/check.ts";
import type { Handlers } from "./simulator/handlers.ts";
import { FAULTS, type Fault } from "./simulator/plan.ts";

/** What to prove. */
export interface DeliverySuiteOptions {
  /** Makes the store, for each history a new one that is empty. Default: `memory()`. */
  readonly store?: () => Store;
  /** Makes the handlers under test, for each history anew. Default: none but the simulation's own. */
  readonly handlers?: () => Handlers;
  /** Faults that may happen. Default: all that the store can take part in (only `memory()` can be restored). */
  readonly faults?: readonly Fault[];
  /** Histories of each case. Default 200. */
  readonly runs?: number;
  /** Where chance begins. Default: elsewhere each time; a failure prints it. */
  readonly seed?: number;
}

/** One case. */
export interface DeliveryCase {
  /** Fit for the name of a test. */
  readonly name: string;
  /** Rejects with the smallest history that goes wrong, step by step. */
  run(): Promise<void>;
}

const CASES: readonly { readonly name: string; readonly faults: readonly Fault[] }[] = [
  { name: "without a fault everything arrives, and nothing is sent twice", faults: [] },
  { name: "over cuts, half-open connections and black holes", faults: ["cut", "half-open", "black hole", "wander"] },
  { name: "over crashes of servers", faults: ["server crash", "wander"] },
  { name: "over crashes of clients", faults: ["client crash", "storage"] },
  { name: "with a store that is full, busy, read-only, slow, or fails", faults: ["store", "slow store", "cut"] },
  { name: "with retention that overtakes clients", faults: ["trim", "away", "expiry", "cut"] },
  { name: "with handlers that are slow, throw, or never answer", faults: ["handlers", "cut", "server crash"] },
  { name: "with rooms joined, left and revoked", faults: ["membership", "revoke", "cut"] },
];

/**
 * Histories of simulated servers and clients with faults, each judged by every property of delivery:
 *
 *     for (const { name, run } of deliverySuite({ handlers })) test(name, run);
 *
 * With a store or handlers that work in real time, so does the suite; everything else is virtual.
 */
export function deliverySuite(options: DeliverySuiteOptions = {}): DeliveryCase[] {
  const { store, handlers, runs = 200, seed } = options;
  const possible = options.faults ?? FAULTS.filter((fault) => !store || (fault !== "restore" && fault !== "rollback"));
  const cases = CASES.map(({ name, faults }) => ({ name, faults: faults.filter((fault) => possible.includes(fault)) }));
  cases.push({ name: "over all of it at once", faults: [...possible] });
  return cases.map(({ name, faults }) => ({
    name,
    async run() {
      const { failure } = await checkHistories({
        runs,
        faults,
        networks: ["ordered"],
        ...(seed === undefined ? {} : { seed }),
        ...(store ? { makeStore: store } : {}),
        ...(handlers ? { handlers } : {}),
      });
      if (failure) throw new Error(describeFailure(failure), { cause: failure.violation });
    },
  }));
}
