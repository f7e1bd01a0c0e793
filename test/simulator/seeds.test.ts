/** Histories that went wrong once. Each shows a bug that was found by simulation, and stays fixed. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { run, simulate } from "../../src/testing/simulator/simulate.ts";

const SEEDS = new URL("seeds/", import.meta.url);

it.each(readdirSync(SEEDS))("%s", async (file) => {
  const { plan } = JSON.parse(readFileSync(new URL(file, SEEDS), "utf8"));
  const { violation } = await run(plan);
  expect(violation).toBeUndefined();
});

it("the same seed gives the same history", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const [first, second] = [await simulate(seed), await simulate(seed)];
    expect({ seed, digest: second.digest, happened: second.happened }).toEqual({
      seed,
      digest: first.digest,
      happened: first.happened,
    });
  }
});

it("other seeds give other histories", async () => {
  const digests = new Set<number>();
  for (let seed = 1; seed <= 50; seed++) digests.add((await simulate(seed)).digest);
  expect(digests.size).toBe(50);
});
