/**
 * What the runner and the processes of a run tell each other.
 *
 * Rule: a process is told what to do once, and says what it found once.
 */
import type { Plan } from "./plan.ts";
import type { Found } from "./workloads/workload.ts";

/** On the command line of every process. */
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

/** From the server's process, once it can be called. */
export interface Listening {
  readonly listening: Ports;
}

/** From the link's process, when there is one: the port that stands for the server's. */
export interface Linked {
  readonly linked: number;
}

/** From the server's process and the clients', at the end. */
export type Ended = { readonly found: Found } | { readonly failure: string };

/** What a run is told, with the peer and the workload found by their names. */
export function runOptions(): RunOptions {
  return JSON.parse(process.argv[2] as string);
}

/** Says what came of it. */
export async function tellEnd(found: Promise<Found>): Promise<void> {
  const ended: Ended = await found.then(
    (one) => ({ found: one }),
    (error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) }),
  );
  process.send?.(ended);
}

/** The one with this name. */
export function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`there is no "${name}"; there are: ${all.map((one) => one.name).join(", ")}`);
  return found;
}
