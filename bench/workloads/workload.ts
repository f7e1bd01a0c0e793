/**
 * What a workload is: two halves that run in two processes, and what is shown of it.
 *
 * Rule: a workload treats every peer the same, ends by itself, and checks what it measures.
 */
import type { Line } from "../line.ts";
import type { Sample } from "../meter.ts";
import type { Client, Service } from "../peers/peer.ts";
import type { Findings } from "../tally.ts";

/** How long a run takes. */
export interface Plan {
  /** Not measured. */
  readonly warmMs: number;
  readonly measureMs: number;
}

/** Something to measure. */
export interface Workload {
  readonly name: string;
  /** Clients to connect before it begins. */
  readonly clients: number;
  /** What one unit of work is called. */
  readonly unit: string;
  /** What the reader needs to know, below the table. */
  readonly note: string;
  /** The half in the server's process. Answers no sample when the clients never got far enough. */
  serve(service: Service, line: Line, plan: Plan): Promise<ServerResult>;
  /** The half in the clients' process. */
  drive(clients: readonly Client[], line: Line, plan: Plan): Promise<ClientResult>;
}

/** What the server's process found. */
export interface ServerResult extends Findings {
  readonly sample?: Sample;
}

/** What the clients' process found. */
export interface ClientResult extends Findings {
  readonly latency?: Latency;
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}
