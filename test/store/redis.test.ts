/** The store's contract in Redis, with either client package. GAPLESS_SEED and GAPLESS_RUNS choose other random steps, and more. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { storeFaultSuite, storeSuite } from "../../src/testing/store-suite.ts";
import { anyRedis, anyRedisAvailable } from "../redis.ts";
import { redisHarness } from "./redis-harness.ts";

const { GAPLESS_SEED: seed, GAPLESS_RUNS: runs } = process.env;
const options = {
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(runs === undefined ? {} : { runs: Number(runs) }),
};

describe.skipIf(!anyRedisAvailable)("redis", () => {
  let server: Awaited<ReturnType<typeof anyRedis>>;
  beforeAll(async () => {
    server = await anyRedis();
  });
  afterAll(() => server.end());

  describe.each(["ioredis", "node-redis"] as const)("with %s", (kind) => {
    for (const { name, run } of storeSuite(() => redisHarness(server.url, kind), options)) test(name, run, 120_000);
  });

  describe("with faults", () => {
    for (const { name, run } of storeFaultSuite(() => redisHarness(server.url))) test(name, run, 120_000);
  });
});
