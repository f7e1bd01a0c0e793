/**
 * How much was done in how much time, with how much CPU.
 *
 * Rule: everything is read at the same two moments, when clients report.
 */
import { readFileSync } from "node:fs";
import type { Progress } from "./line.ts";
import type { Plan } from "./plan.ts";

/** What is known at one moment. */
export interface Reading {
  readonly at: number;
  readonly total: number;
  readonly serverCpuUs: number;
  readonly clientsCpuUs: number;
  readonly machineCpuUs: number;
}

/** Reads, in the server's process. @param pid A further process that serves. */
export function read({ total, cpuUs: clientsCpuUs }: Pick<Progress, "total" | "cpuUs">, pid?: number): Reading {
  const serverCpuUs = serverCpu(pid);
  return { at: performance.now(), total, serverCpuUs, clientsCpuUs, machineCpuUs: machineCpu() };
}

/** The figures that every workload with a rate has. */
export function between(
  first: Reading,
  last: Reading,
): Record<"rate" | "serverUs" | "clientsCores" | "othersCores", number> {
  const count = last.total - first.total;
  const elapsedUs = (last.at - first.at) * 1_000;
  const serverUs = last.serverCpuUs - first.serverCpuUs;
  const clientsUs = last.clientsCpuUs - first.clientsCpuUs;
  const othersUs = Math.max(0, last.machineCpuUs - first.machineCpuUs - serverUs - clientsUs);
  return {
    rate: (count / elapsedUs) * 1e6,
    serverUs: serverUs / count,
    clientsCores: clientsUs / elapsedUs,
    othersCores: othersUs / elapsedUs,
  };
}

/** Measures for as long as the plan says: from the first report after warming up to the first one after measuring long enough. */
export class Meter {
  readonly figures: Promise<ReturnType<typeof between>>;
  readonly #plan: Plan;
  readonly #pid: number | undefined;
  readonly #begunAt = performance.now();
  #done: (figures: ReturnType<typeof between>) => void = () => {};
  #first: Reading | undefined;
  #finished = false;

  /** @param pid A further process that serves. */
  constructor(plan: Plan, pid: number | undefined) {
    this.#plan = plan;
    this.#pid = pid;
    this.figures = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  /** The clients reported. */
  take(progress: Progress): void {
    const at = performance.now();
    const first = this.#first;
    const dueAt = first ? first.at + this.#plan.measureMs : this.#begunAt + this.#plan.warmMs;
    if (this.#finished || at < dueAt) return;
    const now = read(progress, this.#pid);
    if (!first) {
      this.#first = now;
      return;
    }
    this.#finished = true;
    this.#done(between(first, now));
  }
}

/** CPU time of this process, and of a further one. */
export function serverCpu(pid?: number): number {
  return ownCpu() + (pid === undefined ? 0 : cpuOf(pid));
}

/** CPU time of the clients' process, read at most every 25 ms: it is for information, and reading it costs up to 0.3 ms. */
export function clientsCpu(): number {
  const now = performance.now();
  if (now > readAt + 25) {
    readAt = now;
    lastRead = ownCpu();
  }
  return lastRead;
}

let readAt = Number.NEGATIVE_INFINITY;
let lastRead = 0;

/** CPU time of this process, all threads, user and system. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Only Linux tells this, in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Busy CPU time of the whole machine; only Linux tells, in hundredths of a second. `NaN` where it cannot be known. */
function machineCpu(): number {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync("/proc/stat", "utf8")
      .slice("cpu ".length, 200)
      .trim()
      .split(/\s+/)
      .map(Number);
    return (user + nice + system + irq + softirq) * 10_000;
  } catch {
    return Number.NaN;
  }
}
