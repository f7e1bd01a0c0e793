/**
 * Several nodes on one log, clients that are cut and come back to another node: nothing lost, doubled, reordered or falsely told.
 *
 * Rule: the judge is `checkHistory`, which shares no code with what it judges; and it is shown to see what is wrong by servers
 * that are wrong. The long form is `run.ts`.
 *
 * CLUSTER_CUTS, CLUSTER_SEED: how long, and which run. REPORT=1 prints what was counted. The diaries of a failed run are kept.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bundles } from "../bundle.ts";
import { redisAvailable } from "../redis.ts";
import { type CutOptions, type CutResult, cutRun } from "./cuts.ts";
import { forget } from "./history.ts";
import { clusterPrograms } from "./parts.ts";

const CUTS = Number(process.env.CLUSTER_CUTS ?? 12);
const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1_000_000);
const LONG_MS = CUTS * 1_000 + 90_000;

let programs: Bundles;
beforeAll(async () => {
  programs = await clusterPrograms();
});
afterAll(() => programs?.remove());

async function run(options: Pick<CutOptions, "mode" | "nodes" | "rate"> & Partial<CutOptions>): Promise<CutResult> {
  const result = await cutRun({ cuts: CUTS, kind: "mixed", seed: SEED, programs, ...options });
  const { anomalies: _, ...counted } = result;
  if (process.env.REPORT) console.log(JSON.stringify({ ...options, seed: SEED, ...counted }));
  return result;
}

/** Nothing at all is wrong with it, and there was enough to be wrong. */
function expectRight(result: CutResult): void {
  const where = `CLUSTER_SEED=${SEED} CLUSTER_CUTS=${CUTS}, diaries in ${result.dir}`;
  expect(result.anomalies.slice(0, 20), where).toEqual([]);
  const { lost, doubled, inversions, gaps, fresh, unfinished } = result;
  expect({ lost, doubled, inversions, gaps, fresh, unfinished }, where).toEqual({
    lost: 0,
    doubled: 0,
    inversions: 0,
    gaps: 0,
    fresh: 0,
    unfinished: [],
  });
  expect(result.recovered, where).toBeGreaterThanOrEqual(CUTS);
  expect(result.answered, where).toBe(result.emits);
  expect(result.deliveries, where).toBeGreaterThan(CUTS * 200);
  forget(result);
}

const shared =
  "two nodes on one SQLite file lose, double and reorder nothing when clients are cut and come back to either";
it(shared, async () => expectRight(await run({ mode: "gapless-sqlite", nodes: 2, rate: 1_000 })), LONG_MS);

describe.skipIf(!redisAvailable)("nodes on one Redis", () => {
  for (const [driver, nodes, rate] of [
    ["redis", 2, 1_000],
    ["ioredis", 3, 2_000],
  ] as const) {
    const title = `lose, double and reorder nothing when clients are cut and come back to any: ${nodes} nodes, ${driver}`;
    it(title, async () => expectRight(await run({ mode: "gapless-redis", driver, nodes, rate })), LONG_MS);
  }
});

describe("is caught when it is wrong:", () => {
  it("nodes that have a log each", async () => {
    const result = await run({ mode: "apart", nodes: 2, rate: 300, cuts: 4 });
    expect(Object.keys(result.kinds)).toContain("lost");
    expect(result.lost).toBeGreaterThan(0);
    forget(result);
  }, 90_000);

  it.skipIf(!redisAvailable)(
    "the official adapter with connection state recovery",
    async () => {
      const result = await run({
        mode: "official",
        nodes: 2,
        rate: 1_000,
        kind: "half-open",
      });
      expect(Object.keys(result.kinds)).toEqual(expect.arrayContaining(["lost", "out-of-order"]));
      expect(result.lost).toBeGreaterThan(0);
      expect(result.inversions).toBeGreaterThan(0);
      forget(result);
    },
    90_000,
  );
});
