/** Runs the store's contract against every engine. */
import { describe, test } from "vitest";
import { databaseHarness, memoryHarness, pathHarness } from "./harness.ts";
import { storeSuite } from "./store-suite.ts";

describe.each([
  ["memory", memoryHarness],
  ["sqlite, given a path", pathHarness],
  ["sqlite, given a connection", databaseHarness],
] as const)("%s", (_, makeStore) => {
  for (const { name, run } of storeSuite) test(name, () => run(makeStore), 120_000);
});
