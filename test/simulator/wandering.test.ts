/** Histories of one client that goes from server to server while the store cannot be written. */
import fc from "fast-check";
import { it } from "vitest";
import { run } from "../../src/testing/simulator/simulate.ts";
import { share } from "./histories.ts";
import { wandering } from "./wandering.ts";

it("a client that wanders while the store cannot be written loses nothing, and gets its answers", async () => {
  const property = fc.asyncProperty(wandering, async (plan) => {
    const { violation } = await run(plan);
    if (violation) throw violation;
  });
  await fc.assert(property, { numRuns: share(0.2), seed: Number(process.env.FC_SEED ?? 24) });
}, 200_000);
