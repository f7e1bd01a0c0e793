/**
 * One run: one peer, one workload, fresh processes.
 *
 * Rule: it ends in time and leaves nothing behind, whatever the processes do.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Numbers } from "./figures.ts";
import type { Peer } from "./peers/peer.ts";
import type { Plan } from "./plan.ts";
import type { Ended, Linked, Listening, Ports, RunOptions } from "./protocol.ts";
import { describe, sum } from "./tally.ts";
import { within } from "./time.ts";
import type { Workload } from "./workloads/workload.ts";

/** A run that may count, or why it does not. */
export type RunResult = { readonly numbers: Numbers } | { readonly failure: string };

/** Starting, connecting and ending, besides what the plan says. */
const SLACK_MS = 30_000;

/** Runs. @param profileTo Directory for a CPU profile of the server's process. */
export async function run(peer: Peer, workload: Workload, plan: Plan, profileTo?: string): Promise<RunResult> {
  const dir = await mkdtemp(join(tmpdir(), "gapless-bench-"));
  const children: ChildProcess[] = [];
  const start = (file: string, argument: string, flags: readonly string[] = []) => {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [argument], { execArgv: [...flags, "--import", "tsx"], stdio: "inherit" });
    children.push(child);
    return child;
  };
  try {
    const options: RunOptions = { peer: peer.name, workload: workload.name, plan, dir };
    const profile = profileTo === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileTo}`];
    const server = start("server.ts", JSON.stringify(options), ["--expose-gc", ...profile]);
    const clients = start("clients.ts", JSON.stringify(options));
    const link = workload.linkMs === undefined ? undefined : start("link.ts", String(workload.linkMs));
    const slackMs = workload.slackMs ?? SLACK_MS;
    const ended = await within(plan.warmMs + plan.measureMs + slackMs, together(server, clients, link));
    return ended ? judge(ended) : { failure: "did not end in time" };
  } catch (error) {
    return { failure: String(error instanceof Error ? error.message : error) };
  } finally {
    await Promise.all(children.map(end));
    await rm(dir, { recursive: true, force: true });
  }
}

/** Brings them together and waits for what they find. */
async function together(server: ChildProcess, clients: ChildProcess, link?: ChildProcess): Promise<readonly Ended[]> {
  const found = Promise.all([
    hear(server, "server", (said: Ended) => ("found" in said || "failure" in said ? said : undefined)),
    hear(clients, "clients", (said: Ended) => said),
  ]);
  // Nobody waits for what was found until all are called; a process that exits before that ends the run by what follows.
  found.catch(() => {});
  let ports: Ports = await hear(server, "server", ({ listening }: Listening) => listening);
  if (link) {
    const linked = hear(link, "link", (said: Linked) => said.linked);
    link.send(ports);
    ports = { ...ports, service: await linked };
  }
  clients.send(ports);
  return found;
}

/** Waits until a process says what is waited for. */
function hear<M, T>(child: ChildProcess, name: string, choose: (said: M) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    child.on("message", (said: M) => {
      const chosen = choose(said);
      if (chosen !== undefined) resolve(chosen);
    });
    child.on("exit", (code) => reject(new Error(`the ${name}'s process exited with ${code}`)));
  });
}

function judge(ended: readonly Ended[]): RunResult {
  const failures = ended.flatMap((one) => ("failure" in one ? [one.failure] : []));
  const found = ended.flatMap((one) => ("found" in one ? [one.found] : []));
  const failure = [...failures, describe(sum(found))].filter((one) => one !== "").join("; ");
  return failure ? { failure } : { numbers: Object.assign({}, ...found.map(({ numbers }) => numbers)) };
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
