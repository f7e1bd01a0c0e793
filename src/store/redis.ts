/**
 * The Redis engine, as applications see it.
 *
 * Rule: this file says what can be asked for; what comes of it is in `redis-store.ts`.
 */
import { DeliveryError } from "../core/error.ts";
import { RedisStore } from "./redis-store.ts";
import type { RedisClient } from "./redis-wire.ts";
import type { Store } from "./store.ts";

export type { RedisClient } from "./redis-wire.ts";

/** What can be chosen about a store in Redis. */
export interface RedisOptions {
  /**
   * Names the log: all its keys begin with `{prefix}:`, and lie in one slot of a cluster. Servers with the same prefix share one log.
   * A prefix with braces of its own is taken as it is.
   *
   * @default "gapless"
   */
  readonly prefix?: string;
  /**
   * A commit counts when so many replicas have it in memory (`WAIT`); receipts say `"replicated"` then. A failover to another replica than those
   * loses it all the same, and is told as a gap. Not with a cluster of ioredis.
   *
   * @default 0
   */
  readonly replicas?: number;
  /** How long the replicas are waited for, milliseconds. @default 1_000 */
  readonly replicaTimeoutMs?: number;
  /** How long an answer of Redis is waited for before it counts as unknown, and the connection is made anew, milliseconds. @default 5_000 */
  readonly timeoutMs?: number;
}

/**
 * A store in Redis 6.2 or newer, or in what speaks as it does, shared by any number of servers: each reads the log and delivers to its own sockets.
 *
 * Given a client of ioredis or of redis (node-redis), from version 5, for one server, sentinels or a cluster. The store makes two connections of its
 * own after its example, and closes them; the client itself is neither used nor closed.
 *
 * Receipts name what this Redis keeps: `"memory"` without an append-only file, `"os"` with `appendfsync everysec`, `"disk"` with `always`,
 * `"replicated"` when `replicas` is set. A log that was emptied, or that a restart or failover has taken the end of, is noticed: it gets a new epoch,
 * and clients are told of a gap.
 *
 * Throws `INVALID` for a client or an option that cannot be used. `open()` rejects with `INVALID` when the server evicts keys
 * (`maxmemory-policy` other than `noeviction`), `STORE_TOO_NEW` when a newer version of this package wrote the log, and otherwise as
 * every method does.
 */
export function redis(client: RedisClient, options: RedisOptions = {}): Store {
  const { prefix = "gapless", replicas = 0, replicaTimeoutMs = 1_000, timeoutMs = 5_000 } = options;
  const used = client as Partial<Record<"duplicate" | "callBuffer" | "sendCommand" | "nodes", unknown>>;
  const known = typeof used?.callBuffer === "function" || typeof used?.sendCommand === "function";
  if (!known || typeof used.duplicate !== "function") {
    throw invalid(
      "redis() takes a client of the package ioredis or redis: redis(new Redis(url)), redis(createClient({ url })).",
    );
  }
  if (typeof prefix !== "string" || prefix === "") throw invalid("the prefix is a text with something in it.");
  for (const [name, value, least] of [
    ["replicas", replicas, 0],
    ["replicaTimeoutMs", replicaTimeoutMs, 1],
    ["timeoutMs", timeoutMs, 1],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) throw invalid(`${name} is a whole number from ${least} on.`);
  }
  if (replicas > 0 && typeof used.nodes === "function") {
    throw invalid("replicas cannot be waited for on a cluster of ioredis; use a cluster of the package redis.");
  }
  return new RedisStore(client, { prefix, replicas, replicaTimeoutMs, timeoutMs });
}

function invalid(message: string): DeliveryError {
  return new DeliveryError("INVALID", message);
}
