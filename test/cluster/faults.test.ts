/**
 * Nodes, Redis, and what is between them are killed, stopped, cut off, filled, emptied and set back: what was acknowledged has reached
 * everybody it was for, or they were told; and everything goes on.
 *
 * Rule: each scenario in its short form; the long one is `run.ts`. The judges are shown to see what is wrong by a server and by a
 * client that are.
 *
 * CLUSTER_SEED: which run. REPORT=1 prints what was counted. The diaries of a failed run are kept.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bundles } from "../bundle.ts";
import { redisAvailable } from "../redis.ts";
import { type FaultOptions, type FaultResult, faultRun, judged } from "./faults.ts";
import { forget } from "./history.ts";
import { clusterPrograms } from "./parts.ts";
import { clientNames } from "./plan.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1_000_000);
const LONG_MS = 150_000;

let programs: Bundles;
beforeAll(async () => {
  programs = await clusterPrograms();
});
afterAll(() => programs?.remove());

async function run(options: Pick<FaultOptions, "scenario"> & Partial<FaultOptions>): Promise<FaultResult> {
  const driver = SEED % 2 === 0 ? "redis" : "ioredis";
  const result = await faultRun({ mode: "gapless-redis", driver, seed: SEED, programs, ...options });
  if (process.env.REPORT) console.log(JSON.stringify({ scenario: options.scenario.name, seed: SEED, ...result }));
  return result;
}

function named(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (!scenario) throw new Error(`there is no scenario "${name}"`);
  return scenario;
}

describe.skipIf(!redisAvailable)("nodes on one Redis keep what they acknowledged:", () => {
  for (const scenario of SCENARIOS) {
    it(
      scenario.name,
      async () => {
        const result = await run({ scenario });
        const where = `CLUSTER_SEED=${SEED}, diaries in ${result.dir}`;
        expect(result.wrong.slice(0, 20), where).toEqual([]);
        expect(result.deliveries, where).toBeGreaterThan(1_000);
        expect(result.answered, where).toBe(result.emits);
        if (scenario.refuses) expect(Object.keys(result.refusals), where).toContain(scenario.refuses);
        if (!scenario.replaces) {
          const { gaps, fresh, epochs } = result;
          expect({ gaps, fresh, epochs }, where).toEqual({ gaps: 0, fresh: 0, epochs: 1 });
        }
        // What a stale replica does not have is mostly with its clients already.
        if (scenario.loses || scenario.replica) expect(result.epochs, where).toBeGreaterThan(1);
        if (scenario.loses) {
          expect(result.told, where).toBeGreaterThan(0);
          // The same run, had nobody been told.
          const untold = await judged(result.dir, clientNames(10), scenario, ({ type }) => type !== "gap");
          expect(untold.wrong.length, where).toBeGreaterThan(0);
        }
        forget(result);
      },
      LONG_MS,
    );
  }

  it(
    "is caught when it is wrong: a server that acknowledges before it has stored",
    async () => {
      const scenario = named("node killed that hears nothing of Redis");
      const result = await run({ scenario, mode: "hasty" });
      expect(result.wrong.join("\n")).toMatch(/has not got .* and was not told/);
      forget(result);
    },
    LONG_MS,
  );
});
