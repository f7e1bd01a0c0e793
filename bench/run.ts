/**
 * One run: one peer, one workload, two fresh processes.
 *
 * Rule: it ends in time and leaves nothing behind, whatever the processes do.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromClients, FromServer, RunOptions } from "./protocol.ts";
import { type Findings, sum } from "./tally.ts";
import { within } from "./time.ts";
import type { ClientResult, Latency, ServerResult } from "./workloads/workload.ts";

/** What came of a run. */
export interface Figures {
  /** Units of work a second. */
  readonly rate: number;
  /** CPU of the server for one of them. */
  readonly serverUs: number;
  /** Cores that the clients' process kept busy. */
  readonly clientsCores: number;
  /** Cores that everything else on the machine kept busy. */
  readonly othersCores: number;
  readonly latency: Latency;
}

/** A run that may count, or why it does not. */
export type RunResult = { readonly figures: Figures } | { readonly failure: string };

/** Starting, connecting and ending, besides what the plan says. */
const SLACK_MS = 25_000;

/** Runs. @param profileTo Directory for a CPU profile of the server's process. */
export async function run(options: Omit<RunOptions, "dir">, profileTo?: string): Promise<RunResult> {
  const dir = await mkdtemp(join(tmpdir(), "gapless-bench-"));
  const profile = profileTo === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileTo}`];
  const children: ChildProcess[] = [];
  try {
    const server = child("server.ts", { ...options, dir }, profile);
    children.push(server);
    const clients = child("clients.ts", { ...options, dir });
    children.push(clients);
    const { warmMs, measureMs } = options.plan;
    const found = await within(warmMs + measureMs + SLACK_MS, both(server, clients));
    return found ? judge(...found) : { failure: "did not end in time" };
  } catch (error) {
    return { failure: String(error instanceof Error ? error.message : error) };
  } finally {
    await Promise.all(children.map(end));
    await rm(dir, { recursive: true, force: true });
  }
}

/** Brings the two together and waits for what both find. */
function both(server: ChildProcess, clients: ChildProcess): Promise<[ServerResult, ClientResult]> {
  const ofServer = new Promise<ServerResult>((resolve, reject) => {
    server.on("message", (message: FromServer) => {
      if ("listening" in message) clients.send(message.listening);
      else resolve(message.server);
    });
    server.on("exit", (code) => reject(new Error(`the server's process exited with ${code}`)));
  });
  const ofClients = new Promise<ClientResult>((resolve, reject) => {
    clients.on("message", (message: FromClients) => resolve(message.clients));
    clients.on("exit", (code) => reject(new Error(`the clients' process exited with ${code}`)));
  });
  return Promise.all([ofServer, ofClients]);
}

function judge(server: ServerResult, clients: ClientResult): RunResult {
  const failure = describe(sum([server, clients]));
  if (failure) return { failure };
  const { sample } = server;
  if (!sample) return { failure: "stalled" };
  const { count, elapsedMs, serverCpuUs, clientsCpuUs, othersCpuUs = Number.NaN } = sample;
  return {
    figures: {
      rate: (count / elapsedMs) * 1_000,
      serverUs: serverCpuUs / count,
      clientsCores: clientsCpuUs / elapsedMs / 1_000,
      othersCores: othersCpuUs / elapsedMs / 1_000,
      latency: clients.latency ?? { p50: Number.NaN, p99: Number.NaN },
    },
  };
}

function describe({ lost, duplicates, disordered }: Findings): string {
  const counts = [
    [lost, "lost"],
    [duplicates, "duplicates"],
    [disordered, "out of order"],
  ] as const;
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(", ");
}

function child(file: string, options: RunOptions, flags: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, [JSON.stringify(options)], { execArgv: [...flags, "--import", "tsx"], stdio: "inherit" });
}

/** Lets a process go; it exits when it sees that, or is killed. */
async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const gone = once(process, "exit");
  if (process.connected) process.disconnect();
  const left = setTimeout(() => process.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(left);
}
