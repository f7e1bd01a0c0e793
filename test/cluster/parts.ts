/**
 * The processes of a cluster, as the run that steers them sees them.
 *
 * Rule: a process is hit by the pid that was started; one that ends without having been killed ends the run. What it says over
 * its pipe steers and is no evidence.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type Bundles, bundles } from "../bundle.ts";
import type { ClientsNews, ClientsPlan, NodeNews, NodePlan, Order } from "./plan.ts";

/** What the processes run. */
export function clusterPrograms(): Promise<Bundles> {
  return bundles(import.meta.url, ["node", "clients"]);
}

/** A process with its latest news. */
class Part<Plan, News extends object> {
  life = -1;
  news: Partial<News> = {};
  /** It ended, and nobody had killed it. */
  crashed = false;
  readonly #script: string;
  readonly #killed = new WeakSet<ChildProcess>();
  #child: ChildProcess | undefined;

  constructor(script: string) {
    this.#script = script;
  }

  /** Whether a process runs, or stands still. */
  get alive(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts its next life. */
  protected spawn(plan: (life: number) => Plan): void {
    this.life++;
    this.news = {};
    const child = fork(this.#script, [JSON.stringify(plan(this.life))], {
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("error", () => {});
    child.on("exit", () => {
      if (!this.#killed.has(child)) this.crashed = true;
    });
    child.on("message", (news: News) => {
      if (this.#child === child) this.news = { ...this.news, ...news };
    });
    this.#child = child;
  }

  order(order: Order): void {
    if (this.alive) this.#child?.send(order, () => {});
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#killed.add(child);
    if (!this.alive) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}

/** What stays the same over a node's lives. */
type Steady = Omit<NodePlan, "life" | "port" | "redisPort" | "diary">;

/** A node. */
export class NodePart extends Part<NodePlan, NodeNews> {
  readonly name: string;
  /** Another one in each life: its last one may be taken meanwhile. */
  port = 0;
  /** Whether clients should be sent to it. */
  serving = false;
  /** Where it finds Redis. */
  redisPort = 0;
  readonly #plan: Steady;
  readonly #dir: string;
  /** Refusals of earlier lives are forgotten with them; these are kept. */
  readonly #refusedBefore = new Map<string, number>();
  #acknowledgedBefore = 0;

  constructor(script: string, dir: string, plan: Steady) {
    super(script);
    this.name = plan.name;
    this.#plan = plan;
    this.#dir = dir;
  }

  get up(): boolean {
    if (this.news.up === undefined) return false;
    this.port = this.news.up;
    return true;
  }

  /** Of all its lives. */
  get acknowledged(): number {
    return this.#acknowledgedBefore + (this.news.acknowledged ?? 0);
  }

  /** Refused publishes of all its lives, by code. */
  get refused(): Map<string, number> {
    const all = new Map(this.#refusedBefore);
    for (const [code, count] of Object.entries(this.news.refused ?? {})) all.set(code, (all.get(code) ?? 0) + count);
    return all;
  }

  start(): void {
    const { refused, acknowledged } = this;
    this.#acknowledgedBefore = acknowledged;
    for (const [code, count] of refused) this.#refusedBefore.set(code, count);
    this.spawn((life) => ({
      ...this.#plan,
      life,
      port: 0,
      redisPort: this.redisPort,
      diary: `${this.#dir}/${this.name}-${String(life).padStart(4, "0")}.jsonl`,
    }));
  }
}

/** The clients. */
export class ClientsPart extends Part<ClientsPlan, ClientsNews> {
  start(plan: ClientsPlan): void {
    this.spawn(() => plan);
  }
}
