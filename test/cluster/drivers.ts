/**
 * The two Redis clients, as an application makes them.
 *
 * Rule: their defaults, but that a client tries often to come back; what goes wrong on a connection is the store's to tell.
 */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { redis } from "../../src/store/redis.ts";
import type { Store } from "../../src/store/store.ts";
import type { Driver } from "./plan.ts";

export type RedisClient = ReturnType<typeof createClient> | Redis;

/** An answer that takes longer is taken for none: runs have outages, and not all day. */
const TIMEOUT_MS = 1_500;

/** A client, not connected yet. */
export function clientOf(driver: Driver, port: number): RedisClient {
  const client =
    driver === "ioredis"
      ? new Redis({ host: "127.0.0.1", port, lazyConnect: true, retryStrategy: () => 50 })
      : createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: () => 50 } });
  client.on("error", () => {});
  return client as RedisClient;
}

/** The log, kept there. */
export function redisStore(client: RedisClient): Store {
  return redis(client as never, { timeoutMs: TIMEOUT_MS });
}
