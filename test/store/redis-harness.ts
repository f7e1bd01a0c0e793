/**
 * Stores in Redis made ready for tests, with either client package.
 *
 * Rule: one server for a file of tests, and a prefix of its own for each store.
 */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type RedisClient, type RedisOptions, redis } from "../../src/store/redis.ts";
import type { StoreHarness } from "../../src/testing/store-suite.ts";
import { freshPrefix } from "../redis.ts";

/** A client of each package that stores can be made with, never connected itself. */
export const CLIENTS: Readonly<Record<"ioredis" | "node-redis", (url: string) => RedisClient>> = {
  ioredis: (url) => new Redis(url, { lazyConnect: true }),
  "node-redis": (url) => createClient({ url }),
};

/** A store in Redis. */
export async function redisHarness(
  url: string,
  kind: keyof typeof CLIENTS = "ioredis",
  options: RedisOptions = {},
): Promise<StoreHarness> {
  const client = CLIENTS[kind](url);
  const settings = { prefix: freshPrefix(), ...options };
  let store = redis(client, settings);
  return {
    store,
    async reopen() {
      await store.close();
      store = redis(client, settings);
      return store;
    },
    cleanup: () => store.close(),
  };
}
