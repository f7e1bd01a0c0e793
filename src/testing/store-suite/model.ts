/**
 * An engine and the memory engine are given the same random steps, and must not be told apart.
 *
 * Rule: the memory engine is right.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { memory } from "../../store/memory.ts";
import type { Outcome } from "../../store/store.ts";
import type { MakeStore } from "./given.ts";
import { Side } from "./side.ts";
import { anyStep } from "./steps.ts";

/** Runs random steps against both. A failure names its seed and the shortest steps that lead to it. */
export async function agreesWithMemory(makeStore: MakeStore, seed: number, runs: number): Promise<void> {
  const property = fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), async (steps) => {
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
  await fc.assert(property, { seed, numRuns: runs });
}

function newEntries(outcomes: unknown): number {
  return (outcomes as (Outcome | undefined)[]).filter((outcome) => outcome?.duplicate === false).length;
}
