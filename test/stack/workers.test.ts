/**
 * Several workers on one host, on one SQLite file, without Redis and without an adapter: clients of all transports, behind Node's
 * `cluster` and @socket.io/sticky; workers are killed.
 *
 * Rule: the judge is `checkHistory`. REPORT=1 prints what was done.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHistory, type HistoryEvent } from "../../src/testing/history.ts";
import { type Bundles, bundles } from "../bundle.ts";
import type { ClientsPlan, News, Order } from "./chaos-diary.ts";
import { diaries } from "./chaos-run.ts";
import type { PrimaryNews, WorkerNews, WorkerOrder, WorkersPlan } from "./workers-plan.ts";
import { until } from "./world.ts";

const KILLS = Number(process.env.WORKER_KILLS ?? 4);
const WORKERS = 3;
const CLIENTS = [
  { name: "a", transports: ["websocket"] },
  { name: "b", transports: ["websocket"] },
  { name: "c", transports: ["polling"] },
  { name: "d", transports: ["polling"] },
  { name: "e", transports: ["polling", "websocket"] },
  { name: "f", transports: ["polling", "websocket"] },
];

let programs: Bundles;
beforeAll(async () => {
  programs = await bundles(import.meta.url, ["workers-primary", "workers-server", "chaos-clients"]);
});
afterAll(() => programs?.remove());

/** The primary, and what its workers have said. */
class Workers {
  readonly workers: Map<number, WorkerNews> = new Map();
  readonly #primary: ChildProcess;
  port = 0;
  exited = false;

  constructor(plan: WorkersPlan) {
    this.#primary = fork(programs.path("workers-primary"), [JSON.stringify(plan)], { execArgv: [] });
    this.#primary.on("exit", (code, signal) => {
      this.exited = true;
      if (!this.#ending) this.#crashed = `the primary ended: ${signal ?? code}`;
    });
    this.#primary.on("message", (news: PrimaryNews) => {
      if ("port" in news) this.port = news.port;
      else if ("ended" in news) {
        if (!this.#dead.has(news.pid)) this.#crashed ??= `worker ${news.pid} ended: ${news.ended}`;
      } else {
        const { pid, ...said } = news;
        if (said.stalledMs) this.stalls.push(said.stalledMs);
        this.workers.set(pid, { ...this.workers.get(pid), ...said });
      }
    });
  }

  readonly stalls: number[] = [];

  /** Of the workers that live. */
  get listening(): [pid: number, news: WorkerNews][] {
    return [...this.workers].filter(([pid, { listening }]) => listening && !this.#dead.has(pid));
  }

  get published(): number {
    return [...this.workers.values()].reduce((sum, { published = 0 }) => sum + published, 0);
  }

  readonly #dead = new Set<number>();
  #ending = false;
  /** What ended without having been killed. */
  #crashed: string | undefined;

  /** Resolves when the condition holds. Fails when it does not come to that, or when something ends that was not killed. */
  async until(what: string, condition: () => unknown): Promise<void> {
    await until(what, () => {
      if (this.#crashed !== undefined) throw new Error(`${this.#crashed}, before ${what}`);
      return condition();
    });
  }

  order(order: WorkerOrder, pid?: number): void {
    this.#primary.send({ pid, ...order });
  }

  async kill(pid: number): Promise<void> {
    this.#dead.add(pid);
    process.kill(pid, "SIGKILL");
  }

  async end(): Promise<void> {
    if (this.exited) return;
    this.#ending = true;
    const gone = once(this.#primary, "exit");
    this.#primary.disconnect();
    await gone;
  }
}

describe("several workers on one file", () => {
  it(
    `bring every client everything, once and in one order, and handle every order, over ${KILLS} SIGKILLs of a worker`,
    async () => {
      const dir = mkdtempSync(join(tmpdir(), "workers-"));
      const workers = new Workers({
        workers: WORKERS,
        workerScript: programs.path("workers-server"),
        file: join(dir, "log.db"),
        dir,
        publishesPerSecond: 150,
      });
      let clients: ChildProcess | undefined;
      const news: News = {};
      const began = performance.now();
      try {
        await workers.until("all workers are there", () => workers.port && workers.listening.length === WORKERS);
        const plan: ClientsPlan = {
          kind: "gapless",
          port: workers.port,
          diary: join(dir, "clients.jsonl"),
          life: 0,
          clients: CLIENTS,
          emitsPerSecond: 120,
        };
        clients = fork(programs.path("chaos-clients"), [JSON.stringify(plan)], { execArgv: [] });
        clients.on("message", (more: News) => Object.assign(news, more));
        await workers.until("all clients are connected", () => news.up);
        const all = () => workers.listening.reduce((sum, [, { sockets = 0 }]) => sum + sockets, 0) === CLIENTS.length;
        await workers.until(
          "each worker has clients",
          () => all() && workers.listening.every(([, { sockets }]) => sockets),
        );
        workers.order({ flush: 1 });
        await workers.until("all have joined their rooms", () =>
          workers.listening.every(([, { flushed }]) => flushed === 1),
        );
        workers.order({ busy: true });
        for (let kill = 0; kill < KILLS; kill++) {
          const goal = workers.published + 300;
          await workers.until("more is published", () => workers.published >= goal);
          const [pid] = workers.listening.toSorted(([, a], [, b]) => (b.sockets ?? 0) - (a.sockets ?? 0))[0] as [
            number,
            object,
          ];
          await workers.kill(pid);
          await workers.until("there is another worker", () => workers.listening.length === WORKERS);
          await workers.until("all clients are back", all);
          workers.order({ busy: true });
        }
        const goal = workers.published + 300;
        await workers.until("more is published", () => workers.published >= goal);
        clients.send({ quiet: true } satisfies Order);
        await workers.until("every order is settled", () => news.open === 0);
        workers.order({ busy: false, flush: 2 });
        await workers.until("everything is published", () =>
          workers.listening.every(([, { flushed }]) => flushed === 2),
        );
        workers.order({ last: true }, workers.listening[0]?.[0]);
        await workers.until("all have the last message", () => news.ended && news.open === 0);
      } catch (e) {
        throw new Error(`${e}: ${JSON.stringify({ listening: workers.listening, news, dir })}`, { cause: e });
      } finally {
        clients?.kill("SIGKILL");
        await workers.end();
      }
      const counts = new Map<string, number>();
      async function* counted() {
        for await (const line of diaries(dir)) {
          const { type, node } = JSON.parse(line) as HistoryEvent;
          const what = `${type} by ${node.startsWith("w") ? "workers" : "clients"}`;
          counts.set(what, (counts.get(what) ?? 0) + 1);
          yield line;
        }
      }
      const anomalies = await checkHistory(counted());
      if (process.env.REPORT) {
        const errors = Object.fromEntries([...workers.workers].map(([pid, { errors }]) => [pid, errors]));
        const stalls = workers.stalls.toSorted((x, y) => x - y);
        const at = (share: number) => stalls[Math.floor(share * (stalls.length - 1))]?.toFixed(1);
        console.log({
          seconds: ((performance.now() - began) / 1_000).toFixed(1),
          counts,
          errors,
          stalls: { median: at(0.5), p99: at(0.99), max: at(1) },
          anomalies: anomalies.length,
        });
      }
      expect(anomalies.slice(0, 20), dir).toEqual([]);
      expect(counts.get("gap by clients") ?? 0, dir).toBe(0);
      // Nobody ever began anew.
      expect(counts.get("session by clients"), dir).toBe(CLIENTS.length);
      expect(counts.get("published by workers"), dir).toBeGreaterThan(300 * KILLS);
      expect(counts.get("answered by clients"), dir).toBeGreaterThan(50 * KILLS);
      rmSync(dir, { recursive: true, force: true });
    },
    20_000 + KILLS * 10_000,
  );
});
