/** Runs the store's contract against every engine. GAPLESS_SEED and GAPLESS_RUNS choose other random steps, and more. */
import { describe, test } from "vitest";
import { storeFaultSuite, storeSuite } from "../../src/testing/store-suite.ts";
import { databaseHarness, memoryHarness, pathHarness, placeInMemory } from "./harness.ts";

const { GAPLESS_SEED: seed, GAPLESS_RUNS: runs } = process.env;
const options = {
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(runs === undefined ? {} : { runs: Number(runs) }),
};

describe.each([
  ["memory", memoryHarness],
  ["sqlite, given a path", () => pathHarness()],
  ["sqlite, given a connection", databaseHarness],
] as const)("%s", (_, makeStore) => {
  for (const { name, run } of storeSuite(makeStore, options)) test(name, run, 120_000);
});

describe.each([
  ["memory", memoryHarness],
  // What a commit survives changes nothing about what is repeated, and this way it is not the disk that is waited for.
  ["sqlite, given a path", () => pathHarness({ durability: "os" }, placeInMemory())],
] as const)("%s, with faults", (_, makeStore) => {
  for (const { name, run } of storeFaultSuite(makeStore)) test(name, run, 120_000);
});
