/**
 * The fault run: a cluster under load, with clients that are cut all the while, goes through rounds of one scenario, heals, and its
 * diaries are judged.
 *
 * Rule: what was acknowledged has reached everybody it was for, or they were told; where the log stays the same nobody may be told
 * anything, and `checkHistory` is the judge. In the end everybody gets what is published on every node.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkHistory } from "../../src/testing/history.ts";
import { chance } from "../chance.ts";
import { type RedisServer, redisServer } from "../redis.ts";
import { sleep } from "../stack/chaos-diary.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { type Figures, figures } from "./figures.ts";
import { diaries, history, type Line } from "./history.ts";
import type { Scenario, Stage } from "./scenarios.ts";
import { judge, type Verdict } from "./told.ts";

export interface FaultOptions extends Pick<ClusterOptions, "mode" | "driver" | "seed" | "programs"> {
  readonly scenario: Scenario;
  /** @default 3 */
  readonly nodes?: number;
  /** @default 600 */
  readonly rate?: number;
  /** The long form: rounds begin for so long. */
  readonly seconds?: number | undefined;
}

export interface FaultResult extends Omit<Verdict, "wrong">, Figures {
  readonly rounds: number;
  readonly seconds: number;
  readonly recovered: number;
  readonly fresh: number;
  /** What is wrong, in sentences. */
  readonly wrong: readonly string[];
  /** Publishes that were refused, or of which nothing is known, by code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly dir: string;
}

/** In which it must have healed. */
const HEAL_MS = 20_000;

/** Runs it. The diaries are left in `dir`. */
export async function faultRun(options: FaultOptions): Promise<FaultResult> {
  const { mode, driver = "redis", seed, programs, scenario, nodes = 3, rate = 600, seconds } = options;
  const dir = mkdtempSync(join(tmpdir(), "cluster-fault-"));
  const servers: RedisServer[] = [await redisServer(scenario.redis)];
  if (scenario.replica) servers.push(await redisServer({ replicaOf: servers[0] as RedisServer }));
  const ping = { pingInterval: 600, pingTimeout: 600 };
  const cluster = new Cluster({
    mode,
    driver,
    nodes,
    rate,
    seed,
    dir,
    programs,
    redis: servers[0],
    links: true,
    ping,
  });
  const began = performance.now();
  let cutting = true;
  let cuts: Promise<void> | undefined;
  try {
    await cluster.start();
    cluster.busy(true);
    cuts = cutAllTheWhile(cluster, () => cutting);
    const stage: Stage = {
      cluster,
      random: chance(seed + 1),
      redis: servers[0] as RedisServer,
      spare: servers[1],
      long: seconds !== undefined,
    };
    let rounds = 0;
    const more = () => (seconds === undefined ? rounds < scenario.rounds : performance.now() - began < seconds * 1_000);
    for (; more(); rounds++) await scenario.round(stage);
    cutting = false;
    await cuts;
    const unhealed = await healed(cluster);
    const { recovered = 0, fresh = 0 } = cluster.clients.news;
    const refusals = cluster.refused;
    await cluster.end();
    const { wrong, ...verdict } = await judged(dir, cluster.names, scenario);
    return {
      ...(await figures(dir, cluster.names.length)),
      ...verdict,
      rounds,
      seconds: Math.round((performance.now() - began) / 1_000),
      recovered,
      fresh,
      wrong: [...unhealed, ...wrong],
      refusals,
      dir,
    };
  } catch (error) {
    throw new Error(`${error} (${scenario.name}, seed ${seed}, diaries in ${dir})`, { cause: error });
  } finally {
    cutting = false;
    await cluster.end();
    await cuts?.catch(() => {});
    for (const server of servers) await server.end();
  }
}

/** Judges diaries. @param keep Lines that count: for a judge that is to be shown a wrong history. */
export async function judged(
  dir: string,
  names: readonly string[],
  { replaces, standsStill }: Pick<Scenario, "replaces" | "standsStill">,
  keep: (line: Line) => boolean = () => true,
): Promise<Verdict> {
  async function* lines() {
    for await (const line of diaries(dir)) if (keep(line)) yield line;
  }
  const verdict = await judge(lines(), names);
  if (replaces) return verdict;
  const anomalies = await checkHistory(history(dir, keep), { limit: 1_000 });
  const wrong = anomalies.filter(
    ({ kind, detail }) =>
      !(standsStill && kind === "duplicate" && detail === "handled again after it was acknowledged"),
  );
  return { ...verdict, wrong: [...verdict.wrong, ...wrong.map((anomaly) => JSON.stringify(anomaly))] };
}

/** Clients lose their connections and come to any node that serves, whatever else happens. */
async function cutAllTheWhile(cluster: Cluster, cutting: () => boolean): Promise<void> {
  const random = chance(cluster.options.seed + 2);
  while (cutting()) {
    await sleep(50 + random(400));
    const client = cluster.names[random(cluster.names.length)] as string;
    if (cutting() && cluster.isConnected(client)) cluster.cut(client, random(2) === 0 ? "clean" : "half-open");
  }
}

/** Everything goes on, and ends. Answers what does not. */
async function healed(cluster: Cluster): Promise<string[]> {
  const everybody = () => cluster.names.every((name) => cluster.isConnected(name));
  if (!(await cluster.reached(everybody, HEAL_MS))) return ["not all clients are connected again"];
  const settled = await cluster.settle(HEAL_MS);
  const missing = await cluster.lasts(HEAL_MS);
  if (missing.length > 0) await cluster.dump();
  await cluster.flushed();
  return [...(settled ? [] : ["something is still under way"]), ...missing];
}
