/**
 * The list of what publishers were told is safe: which message, and its place in the log.
 *
 * Rule: it goes past the log that is judged by it. A node writes a message down, in a stream of its own in Redis, after it has the receipt.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

/** A message that was acknowledged. */
export type Acknowledged = readonly [id: string, offset: number];

const KEY = "example-cluster:acknowledged";
const KEPT_IN_REDIS = 20_000;
const KEPT_HERE = 100_000;
const WRITE_MS = 50;
const RETRY_MS = 200;

/** A client that comes back as soon as Redis does. */
export function connectTo(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => RETRY_MS });
  client.on("error", () => {});
  return client;
}

/** Writes down what it is given, a few times a second. */
export function recorder(client: Redis): (one: Acknowledged) => void {
  let waiting: Acknowledged[] = [];
  const write = async (): Promise<void> => {
    const batch = waiting;
    if (batch.length === 0) return;
    waiting = [];
    try {
      await client.xadd(KEY, "MAXLEN", "~", KEPT_IN_REDIS, "*", "batch", JSON.stringify(batch));
    } catch {
      // Whether it was written is unknown; who reads it twice loses nothing.
      waiting = [...batch, ...waiting];
    }
  };
  void (async () => {
    for (;;) {
      await write();
      await sleep(WRITE_MS);
    }
  })();
  return (one) => {
    waiting.push(one);
  };
}

/** The end of the list, as this process has read it. */
export interface Follower {
  /** What was added after a place that an earlier call answered. The first call names none, and is given none. */
  after(place: number | undefined): { readonly next: number; readonly acknowledged: readonly Acknowledged[] };
}

/** Reads along, on a client of its own. */
export function follower(client: Redis): Follower {
  let kept: Acknowledged[] = [];
  /** How many were dropped before the first that is kept. */
  let dropped = 0;
  let last = "$";
  const read = async (): Promise<void> => {
    const [stream] = (await client.xread("COUNT", 1_000, "BLOCK", 1_000, "STREAMS", KEY, last)) ?? [];
    for (const [id, [, batch]] of stream?.[1] ?? []) {
      last = id;
      kept.push(...(JSON.parse(batch as string) as Acknowledged[]));
    }
    if (kept.length <= 2 * KEPT_HERE) return;
    dropped += kept.length - KEPT_HERE;
    kept = kept.slice(-KEPT_HERE);
  };
  void (async () => {
    while (client.status !== "end") await read().catch(() => sleep(RETRY_MS));
  })();
  return {
    after(place) {
      const next = dropped + kept.length;
      return { next, acknowledged: place === undefined ? [] : kept.slice(Math.max(0, place - dropped)) };
    },
  };
}
