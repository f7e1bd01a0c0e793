/**
 * One chaos run: a server process that is killed over and over, client processes behind a fault proxy, a fault between any two
 * kills, and at the end the history of it all.
 *
 * Rule: which fault comes when is decided by the seed; how the run ends, by conditions only. Nothing that a process says over
 * its pipe counts as evidence, only what is in the diaries.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type FaultProxy, faultProxy } from "../../src/testing/fault-proxy.ts";
import { chance } from "../chance.ts";
import {
  type ChaosKind,
  type ClientPlan,
  type ClientsPlan,
  type News,
  type Order,
  type ServerPlan,
  sleep,
} from "./chaos-diary.ts";
import { FAULTS, type Fault, type Target } from "./chaos-faults.ts";

export interface ChaosOptions {
  readonly kind: ChaosKind;
  readonly kills: number;
  readonly seed: number;
  /** Where the log and the diaries are. */
  readonly dir: string;
  /** The scripts of the processes, bundled. */
  readonly serverScript: string;
  readonly clientsScript: string;
  /** Acknowledgements between two kills, on average. */
  readonly perKill: number;
}

/** A process with its news. */
class Part {
  child!: ChildProcess;
  life = -1;
  open = 0;
  ended = false;
  up = false;
  /** Where it listens. */
  port = 0;
  /** Acknowledgements of all its lives. */
  acknowledged = 0;
  /** Whether it ended without having been killed. */
  crashed = false;
  #killed = false;

  /** Starts its next life. */
  start(script: string, plan: (life: number) => ServerPlan | ClientsPlan): void {
    this.life++;
    this.up = false;
    this.ended = false;
    const child = fork(script, [JSON.stringify(plan(this.life))], {
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#killed = false;
    child.on("error", () => {});
    child.on("exit", () => {
      if (this.child === child && !this.#killed) this.crashed = true;
    });
    child.on("message", (news: News) => {
      this.acknowledged += news.acknowledged ?? 0;
      if (this.child !== child) return;
      this.open = news.open ?? this.open;
      this.ended = news.ended ?? this.ended;
      if (!news.up) return;
      this.up = true;
      this.port = news.up;
    });
    this.child = child;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.child.kill(signal);
  }

  order(order: Order): void {
    this.child.send(order, () => {});
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.#killed = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}

/** Clients by process. Those with a file keep their cursor and outbox over kills of their process. */
const GROUPS: readonly (readonly Omit<ClientPlan, "file">[])[] = [
  [
    { name: "a", transports: ["websocket"] },
    { name: "b", transports: ["websocket"] },
    { name: "c", transports: ["polling", "websocket"] },
    { name: "d", transports: ["polling", "websocket"] },
    { name: "e", transports: ["polling", "websocket"] },
    { name: "f", transports: ["polling"] },
  ],
  [
    { name: "k", transports: ["websocket"] },
    { name: "l", transports: ["polling", "websocket"] },
    { name: "m", transports: ["websocket"] },
    { name: "n", transports: ["polling", "websocket"] },
  ],
];

/** A run. */
export class ChaosRun implements Target {
  readonly server: Part = new Part();
  readonly groups: readonly Part[] = GROUPS.map(() => new Part());
  proxy!: FaultProxy;
  readonly random: (below: number) => number;
  /** How often each fault was injected. */
  readonly hit: Map<string, number> = new Map();
  kills = 0;
  clientKills = 0;
  readonly #options: ChaosOptions;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.random = chance(options.seed);
  }

  get #parts(): readonly Part[] {
    return [this.server, ...this.groups];
  }

  get acknowledged(): number {
    return this.#parts.reduce((sum, part) => sum + part.acknowledged, 0);
  }

  /** Runs to the end: everything begun is over, and everybody has the last message. */
  async run(): Promise<void> {
    const { kills, perKill } = this.#options;
    await this.startServer();
    this.proxy = await faultProxy(this.server.port, () => this.random(1_000) / 1_000);
    for (const i of this.groups.keys()) this.startClients(i);
    await this.until("all clients are connected", () => this.groups.every((part) => part.up));
    let deck: Fault[] = [];
    for (let i = 0; i < kills; i++) {
      if (deck.length === 0) deck = this.#shuffled(FAULTS);
      const fault = deck.pop() as Fault;
      // One kill in four comes while everybody is still coming back from the last.
      const quick = this.random(4) === 0;
      const goal = this.acknowledged + (quick ? 0 : this.random(Math.round((perKill * 8) / 3)));
      await sleep(this.random(60));
      await fault.inject(this);
      this.hit.set(fault.name, (this.hit.get(fault.name) ?? 0) + 1);
      await this.reached(() => this.acknowledged >= goal, 3_000);
      await this.server.kill();
      this.kills++;
      await this.startServer();
    }
    for (const part of this.groups) part.order({ quiet: true });
    await this.until("all orders are settled", () => this.groups.every(({ up, open }) => up && open === 0));
    this.server.order({ quiet: true });
    await this.until("everybody has the last message", () =>
      this.#parts.every(({ ended, open }) => ended && open === 0),
    );
  }

  async startServer(): Promise<void> {
    const { kind, dir, seed, serverScript } = this.#options;
    const { server } = this;
    server.start(serverScript, (life) => ({
      kind,
      port: server.port,
      file: join(dir, "log.db"),
      diary: join(dir, `server-${pad(life)}.jsonl`),
      life,
      seed,
      publishesPerSecond: 900,
    }));
    await this.until("the server listens", () => server.up);
  }

  startClients(i: number): void {
    const { kind, dir, clientsScript } = this.#options;
    this.groups[i]?.start(clientsScript, (life) => ({
      kind,
      port: this.proxy.port,
      diary: join(dir, `clients-${i}-${pad(life)}.jsonl`),
      life,
      clients: (GROUPS[i] ?? []).map((client) =>
        i === 1 && kind !== "plain" ? { ...client, file: join(dir, `${client.name}.db`) } : client,
      ),
      emitsPerSecond: 500,
    }));
  }

  async killClients(i: number): Promise<void> {
    await this.groups[i]?.kill();
    this.clientKills++;
    this.startClients(i);
  }

  /** Waits for a condition; fails when it does not come. */
  async until(what: string, condition: () => boolean): Promise<void> {
    if (!(await this.reached(condition, 30_000))) throw new Error(`it never came to this: ${what}`);
  }

  /** Waits for a condition, but not longer than this. */
  async reached(condition: () => boolean, withinMs: number): Promise<boolean> {
    const giveUpAt = performance.now() + withinMs;
    while (!condition()) {
      if (this.#parts.some(({ crashed }) => crashed)) throw new Error("a process ended by itself");
      if (performance.now() > giveUpAt) return false;
      await sleep(3);
    }
    return true;
  }

  /** Ends all processes. */
  async end(): Promise<void> {
    for (const part of this.#parts) if (part.child) await part.kill();
    await this.proxy?.close();
  }

  #shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.random(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }
}

/** Every line of every diary, each node's in order. The torn last line of a killed process was never finished, so it never was. */
export async function* diaries(dir: string): AsyncGenerator<string> {
  const files = readdirSync(dir).filter((name) => name.endsWith(".jsonl"));
  for (const name of files.sort()) {
    let last: string | undefined;
    for await (const line of createInterface({ input: createReadStream(join(dir, name)) })) {
      if (last !== undefined) yield last;
      last = line;
    }
    if (last?.endsWith("}") && whole(last)) yield last;
  }
}

function whole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function pad(life: number): string {
  return String(life).padStart(6, "0");
}
