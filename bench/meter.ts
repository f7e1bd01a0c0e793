/**
 * How much was done in how much time, with how much CPU.
 *
 * Rule: everything is read at the same two moments, when clients report: the first time after warming up, and the first time
 * after measuring long enough.
 */
import { readFileSync } from "node:fs";
import type { Said } from "./line.ts";
import type { Plan } from "./workloads/workload.ts";

/** What was measured. */
export interface Sample {
  readonly count: number;
  readonly elapsedMs: number;
  readonly serverCpuUs: number;
  readonly clientsCpuUs: number;
  /** CPU time of everything else on this machine, where it can be known. */
  readonly othersCpuUs?: number;
}

interface Reading {
  readonly at: number;
  readonly total: number;
  readonly serverCpuUs: number;
  readonly clientsCpuUs: number;
  readonly machineCpuUs: number | undefined;
}

/** Takes one sample, in the server's process. */
export class Meter {
  readonly sample: Promise<Sample>;
  readonly #plan: Plan;
  readonly #begunAt = performance.now();
  #done: (sample: Sample) => void = () => {};
  #first: Reading | undefined;
  #finished = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.sample = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  /** The clients reported. */
  take({ total, cpuUs: clients }: Extract<Said, { kind: "progress" }>): void {
    const at = performance.now();
    const first = this.#first;
    const dueAt = first ? first.at + this.#plan.measureMs : this.#begunAt + this.#plan.warmMs;
    if (this.#finished || at < dueAt) return;
    const now: Reading = { at, total, serverCpuUs: cpuUs(), clientsCpuUs: clients, machineCpuUs: machineCpuUs() };
    if (!first) {
      this.#first = now;
      return;
    }
    this.#finished = true;
    const server = now.serverCpuUs - first.serverCpuUs;
    const ofClients = now.clientsCpuUs - first.clientsCpuUs;
    const known = now.machineCpuUs !== undefined && first.machineCpuUs !== undefined;
    const machine = known ? (now.machineCpuUs as number) - (first.machineCpuUs as number) : undefined;
    this.#done({
      count: now.total - first.total,
      elapsedMs: now.at - first.at,
      serverCpuUs: server,
      clientsCpuUs: ofClients,
      ...(machine !== undefined && { othersCpuUs: Math.max(0, machine - server - ofClients) }),
    });
  }
}

/** CPU time of this process, all threads, user and system. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** CPU time of the clients' process, read at most every 25 ms: it is for information, and reading it costs up to 0.3 ms. */
export function clientsCpuUs(): number {
  const now = performance.now();
  if (now > readAt + 25) {
    readAt = now;
    lastRead = cpuUs();
  }
  return lastRead;
}

let readAt = Number.NEGATIVE_INFINITY;
let lastRead = 0;

/** Busy CPU time of the whole machine; only Linux tells, in hundredths of a second. */
function machineCpuUs(): number | undefined {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync("/proc/stat", "utf8")
      .slice("cpu ".length, 200)
      .trim()
      .split(/\s+/)
      .map(Number);
    return (user + nice + system + irq + softirq) * 10_000;
  } catch {
    return undefined;
  }
}
