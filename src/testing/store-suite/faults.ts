/**
 * The n-th call fails, for every n.
 *
 * Rule: whatever failed and however often it was repeated, the end is that of a run without faults, and of the memory
 * engine.
 */
import assert from "node:assert/strict";
import { memory } from "../../store/memory.ts";
import { type FaultyStore, faultyStore, type StoreFault } from "../store-faults.ts";
import type { MakeStore, UnboundCase } from "./given.ts";
import { Caller, outcomeOf, scenario } from "./scenario.ts";

/** Calls that are made to fail, at most. */
const CALLS = 200;

const KINDS: readonly (readonly [name: string, faults: (n: number) => readonly StoreFault[]])[] = [
  ["is refused", (n) => [{ at: n, kind: "refused" }]],
  ["fails although it was performed", (n) => [{ at: n, kind: "unknown" }]],
  [
    "fails although it was performed, and again, and is then refused",
    (n) => [
      { at: n, kind: "unknown" },
      { at: n + 1, kind: "unknown" },
      { at: n + 2, kind: "refused" },
    ],
  ],
  ["is the last before a crash, and was not performed", (n) => [{ at: n, kind: "crash" }]],
  ["is the last before a crash, and was performed", (n) => [{ at: n, kind: "crash after" }]],
];

/** One case for each way to fail, with batches that have names and with batches that have none. */
export const faultCases: readonly UnboundCase[] = [true, false].flatMap((named) =>
  KINDS.map(([name, faults]) => ({
    name: `P5, P6: ends as without faults when the n-th call ${name}, for every n, with batches ${named ? "that have names" : "without names"}`,
    async run(makeStore) {
      const wanted = await inMemory();
      const { calls, end } = await performed(makeStore, named, []);
      assert.deepEqual(end, wanted);
      for (let n = 1; n <= Math.min(calls, CALLS); n++) {
        try {
          assert.deepEqual((await performed(makeStore, named, faults(n))).end, wanted);
        } catch (error) {
          throw new Error(`the scenario does not end as it should when call ${n} of ${calls} ${name}`, {
            cause: error,
          });
        }
      }
    },
  })),
);

async function inMemory(): Promise<unknown> {
  const store = memory();
  const caller = new Caller(store, true);
  await store.open();
  for (const step of scenario) await step(caller);
  const end = await outcomeOf(caller);
  await store.close();
  return end;
}

/** Performs the scenario, and goes on after a crash with the step that it interrupted. */
async function performed(
  makeStore: MakeStore,
  named: boolean,
  faults: readonly StoreFault[],
): Promise<{ readonly calls: number; readonly end: unknown }> {
  const harness = await makeStore();
  try {
    await harness.store.open();
    const faulty = faultyStore(harness.store, { faults });
    const caller = new Caller(faulty, named);
    for (const step of scenario) {
      const taken = step(caller);
      if (caller.store !== faulty || !(await crashesBefore(taken, faulty))) {
        await taken;
        continue;
      }
      await caller.restart(await harness.reopen());
      await step(caller);
    }
    // The end is what the store says when nothing fails any more.
    if (caller.store === faulty) caller.store = harness.store;
    return { calls: faulty.calls, end: await outcomeOf(caller) };
  } finally {
    await harness.cleanup();
  }
}

function crashesBefore(taken: Promise<void>, { whenCrashed }: FaultyStore): Promise<boolean> {
  return Promise.race([taken.then(() => false), whenCrashed.then(() => true)]);
}
