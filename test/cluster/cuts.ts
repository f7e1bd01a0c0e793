/**
 * The cut run: clients lose their connections under load and come back to any node, and the history of it is judged.
 *
 * Rule: the judge is `checkHistory`, the figures a count beside it; the same script, seed and cuts for every kind of server.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Anomaly, type AnomalyKind, checkHistory } from "../../src/testing/history.ts";
import { type RedisServer, redisServer } from "../redis.ts";
import { sleep } from "../stack/chaos-diary.ts";
import { Cluster, type ClusterOptions, type CutKind } from "./cluster.ts";
import { type Figures, figures } from "./figures.ts";
import { history } from "./history.ts";

export interface CutOptions extends Pick<ClusterOptions, "mode" | "nodes" | "rate" | "seed" | "driver" | "programs"> {
  readonly cuts: number;
  /** `mixed`: either, and some again while the client is coming back. */
  readonly kind: CutKind | "mixed";
}

export interface CutResult extends Figures {
  readonly cuts: number;
  /** Connections that took up where the one before ended. */
  readonly recovered: number;
  readonly fresh: number;
  readonly seconds: number;
  readonly anomalies: readonly Anomaly[];
  readonly kinds: Readonly<Partial<Record<AnomalyKind, number>>>;
  /** What did not come to its end, for servers that need not. */
  readonly unfinished: readonly string[];
  readonly dir: string;
}

/** Waits between two cuts, milliseconds, at most. */
const PAUSE_MS = 240;

/** Runs it. The diaries are left in `dir`. */
export async function cutRun(options: CutOptions): Promise<CutResult> {
  const { mode, seed, nodes, rate, driver = "redis", programs } = options;
  const dir = mkdtempSync(join(tmpdir(), `cluster-${mode}-`));
  const redis = mode === "gapless-sqlite" || mode === "apart" ? undefined : await redisServer();
  const cluster = new Cluster({ mode, nodes, rate, seed, dir, programs, redis, driver });
  const began = performance.now();
  try {
    await cluster.start();
    cluster.busy(true);
    await cluster.until("something is published", () => cluster.acknowledged > rate / 10);
    const again = await cuts(cluster, options);
    const unfinished = await ending(cluster, mode === "official" || mode === "apart" ? 3_000 : 30_000);
    const { recovered = 0, fresh = 0 } = cluster.clients.news;
    await stopped(cluster, redis);
    const seconds = Math.round((performance.now() - began) / 1_000);
    const anomalies = await checkHistory(history(dir), { limit: 100_000 });
    const kinds: Partial<Record<AnomalyKind, number>> = {};
    for (const { kind } of anomalies) kinds[kind] = (kinds[kind] ?? 0) + 1;
    const counted = await figures(dir, cluster.names.length);
    return {
      ...counted,
      cuts: options.cuts + again,
      recovered,
      fresh,
      seconds,
      anomalies,
      kinds,
      unfinished,
      dir,
    };
  } catch (error) {
    throw new Error(`${error} (seed ${seed}, diaries in ${dir})`, { cause: error });
  } finally {
    await stopped(cluster, redis);
  }
}

/** Cuts. Answers how many came on top, while a client was coming back. */
async function cuts(cluster: Cluster, { cuts, kind }: CutOptions): Promise<number> {
  const { random } = cluster;
  let again = 0;
  for (let i = 0; i < cuts; i++) {
    const client = cluster.names[random(cluster.names.length)] as string;
    await cluster.until(`${client} is connected`, () => cluster.isConnected(client));
    const half = kind === "half-open" || (kind === "mixed" && random(2) === 0);
    const twice = kind === "mixed" && random(3) === 0;
    if (twice) {
      // The next connection ends somewhere in its handshake or replay.
      cluster.proxies.get(client)?.cutNextAfter(100 + random(6_000), "toClient");
      again++;
    }
    cluster.cut(client, half ? "half-open" : "clean");
    await sleep(random(PAUSE_MS));
  }
  return again;
}

/** Answers what did not come to its end. */
async function ending(cluster: Cluster, withinMs: number): Promise<string[]> {
  const everybody = () => cluster.names.every((name) => cluster.isConnected(name));
  await cluster.until("all clients are connected", everybody);
  const settled = await cluster.settle(withinMs);
  const missing = await cluster.lasts(withinMs);
  await cluster.flushed();
  return [...(settled ? [] : ["something is still under way"]), ...missing];
}

async function stopped(cluster: Cluster, redis: RedisServer | undefined): Promise<void> {
  await cluster.end();
  await redis?.end();
}
