/**
 * What a workload is: two halves that run in two processes, and what they yield.
 *
 * Rule: a workload treats every peer the same, ends by itself, and checks what it measures.
 */
import type { Figure, Numbers } from "../figures.ts";
import type { Line } from "../line.ts";
import type { Ability, Client, Demands, Peer, Service } from "../peers/peer.ts";
import type { Plan } from "../plan.ts";
import type { Findings } from "../tally.ts";

/** When it is measured: also in a hurry, usually, or only when asked for because it takes minutes. */
export type Effort = "quick" | "full" | "large";

/** Something to measure. */
export interface Workload {
  /** Its number in the issue and a few words. */
  readonly name: string;
  /** The same, for a chart. */
  readonly short: string;
  /** What the reader needs to know, below the table. */
  readonly note: string;
  readonly figures: readonly Figure[];
  /** What a peer has to be able to do to take part. */
  readonly needs: readonly Ability[];
  readonly demands: Demands;
  readonly effort: Effort;
  /** What its link adds to a round trip, milliseconds. Default: there is none. */
  readonly linkMs?: number;
  /** How long a run may take beyond its plan. Default: what starting and connecting take. */
  readonly slackMs?: number;
  /** The half in the server's process. */
  serve(run: Serving): Promise<Found>;
  /** The half in the clients' process. */
  drive(run: Driving): Promise<Found>;
}

/** What the server's half works with. */
export interface Serving {
  readonly peer: Peer;
  readonly service: Service;
  readonly line: Line;
  readonly plan: Plan;
}

/** What the clients' half works with. */
export interface Driving {
  readonly peer: Peer;
  /** Connects so many. */
  connect(count: number): Promise<Client[]>;
  readonly line: Line;
  readonly plan: Plan;
}

/** What a half found. */
export interface Found extends Findings {
  readonly numbers: Numbers;
}

/** Whether a peer takes part in a workload. */
export function takesPart(peer: Peer, { needs }: Workload): boolean {
  return needs.every((one) => peer.can.includes(one));
}
