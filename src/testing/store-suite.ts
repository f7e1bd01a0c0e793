/**
 * What every engine must do: the contract of {@link Store}, as cases that any test runner can run.
 *
 * Rule: no case knows the engine or the runner, and none waits for time to pass; where something comes later, the case
 * waits until it has. Names begin with the property that they are about.
 */
import type { Store } from "../store/store.ts";
import { appendingCases } from "./store-suite/appending.ts";
import { faultCases } from "./store-suite/faults.ts";
import { followingCases } from "./store-suite/following.ts";
import type { MakeStore, UnboundCase } from "./store-suite/given.ts";
import { lifeCases } from "./store-suite/life.ts";
import { membershipCases } from "./store-suite/membership.ts";
import { progressCases } from "./store-suite/progress.ts";
import { readingCases } from "./store-suite/reading.ts";
import { trimmingCases } from "./store-suite/trimming.ts";

export type { MakeStore, StoreHarness } from "./store-suite/given.ts";

/** One property of the contract. */
export interface StoreCase {
  /** Fit for the name of a test. */
  readonly name: string;
  /** Rejects, with an `AssertionError` where the store did not do what it must. Makes its own stores and cleans them up. */
  run(): Promise<void>;
}

/** What can be chosen about {@link storeSuite}. */
export interface StoreSuiteOptions {
  /** Where the random steps of the comparison with `memory()` begin. Default: a fixed one, so that every run is the same. */
  readonly seed?: number;
  /** How many sequences of random steps are compared. Default: 60. */
  readonly runs?: number;
}

/**
 * The contract of a {@link Store}, property by property, for the stores that `makeStore` makes:
 *
 *     for (const { name, run } of storeSuite(makeStore)) test(name, run);
 *
 * The last case compares the engine with `memory()` over random steps, which needs the package fast-check.
 */
export function storeSuite(makeStore: MakeStore, options: StoreSuiteOptions = {}): StoreCase[] {
  const { seed = 20_260_117, runs = 60 } = options;
  const compared: UnboundCase = {
    name: "agrees with the memory engine over random batches, reads, trims and restarts",
    async run() {
      // Only here, so that whoever has no fast-check can still run all other cases.
      const { agreesWithMemory } = await import("./store-suite/model.ts");
      await agreesWithMemory(makeStore, seed, runs);
    },
  };
  return bound(makeStore, [
    ...appendingCases,
    ...readingCases,
    ...followingCases,
    ...trimmingCases,
    ...membershipCases,
    ...progressCases,
    ...lifeCases,
    compared,
  ]);
}

/**
 * A scenario in which the n-th call fails, for every n: refused, unknown, unknown twice, and as a crash before or after
 * it was performed. Whoever repeats the same batch must end with each entry in the log once, in order, and with the
 * sessions of a run without faults. Each case runs the scenario up to 200 times, so a store that takes milliseconds to
 * commit needs a minute.
 */
export function storeFaultSuite(makeStore: MakeStore): StoreCase[] {
  return bound(makeStore, faultCases);
}

function bound(makeStore: MakeStore, cases: readonly UnboundCase[]): StoreCase[] {
  return cases.map(({ name, run }) => ({ name, run: () => run(makeStore) }));
}
