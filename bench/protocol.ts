/**
 * What the runner and the two processes of a run tell each other.
 *
 * Rule: a process is told what to do once, and says what it found once.
 */
import type { ClientResult, Plan, ServerResult } from "./workloads/workload.ts";

/** On the command line of both processes. */
export interface RunOptions {
  readonly peer: string;
  readonly workload: string;
  readonly plan: Plan;
  /** Empty, for this run only. */
  readonly dir: string;
}

/** Where the server is: from its process, and on to the clients'. */
export interface Ports {
  readonly service: number;
  readonly line: number;
}

/** From the server's process. */
export type FromServer = { readonly listening: Ports } | { readonly server: ServerResult };

/** From the clients' process. */
export interface FromClients {
  readonly clients: ClientResult;
}

/** What a run is told, with the peer and the workload found by their names. */
export function runOptions(): RunOptions {
  return JSON.parse(process.argv[2] as string);
}

/** The one with this name. */
export function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`there is no "${name}"; there are: ${all.map((one) => one.name).join(", ")}`);
  return found;
}
