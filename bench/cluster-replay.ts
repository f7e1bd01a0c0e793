/**
 * What a replay out of Redis costs: as the log grows, and as more was missed.
 *
 *     npx tsx bench/cluster-replay.ts [--logs 10000,100000,400000] [--missed 10,100,1000]
 *
 * Rule: it is the store's own reading that is measured, as a server calls it for a client that comes back; half of the log is for others.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { monotonicFactory } from "ulid";
import type { Offset } from "../src/index.ts";
import { redis } from "../src/store/redis.ts";
import { redisServer } from "./peers/broker.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    logs: { type: "string", default: "10000,100000,400000" },
    missed: { type: "string", default: "10,100,1000" },
  },
});
const READS = 200;
const BATCH = 1_000;

const dir = mkdtempSync(join(tmpdir(), "gapless-bench-"));
const server = await redisServer(dir);
const client = new Redis(server.port);
const store = redis(client);
await store.open();

const ulid = monotonicFactory();
const mine: Offset[] = [];
let entries = 0;
async function grow(size: number): Promise<void> {
  for (; entries < size; entries += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => ({
      kind: "append" as const,
      entry: {
        id: ulid(),
        keys: [i % 2 === 0 ? "r:mine" : "r:others"],
        except: [],
        data: JSON.stringify(["message", { text: "x".repeat(80) }]),
        publishedAt: Date.now(),
      },
    }));
    const outcomes = await store.commit(batch);
    mine.push(...outcomes.filter((_, i) => i % 2 === 0).map((outcome) => outcome?.offset ?? 0));
  }
}

const rows: Record<string, string | number>[] = [];
for (const size of values.logs.split(",").map(Number)) {
  await grow(size);
  const row: Record<string, string | number> = { log: size };
  for (const missed of values.missed.split(",").map(Number)) {
    const upTo = mine.at(-1) as Offset;
    const keys = [{ key: "r:mine", after: mine.at(-missed - 1) as Offset, upTo }];
    const times: number[] = [];
    for (let i = 0; i < READS; i++) {
      const began = performance.now();
      const page = await store.read({ keys, limit: missed, maxBytes: Number.MAX_SAFE_INTEGER });
      times.push(performance.now() - began);
      if (page.entries.length !== missed) throw new Error(`${page.entries.length} entries, not ${missed}`);
    }
    row[`${missed} missed, ms`] = median(times).toFixed(2);
  }
  rows.push(row);
}
console.table(rows);
await store.close();
client.disconnect();
await server.end();
rmSync(dir, { recursive: true, force: true });
