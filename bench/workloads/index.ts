/**
 * Everything that is measured.
 *
 * Rule: dimensions are written here and nowhere else.
 */
import { fanOut } from "./fan-out.ts";
import { ingest } from "./ingest.ts";
import type { Workload } from "./workload.ts";

/** In the order of the tables. */
export const workloads: readonly Workload[] = [
  fanOut({ clients: 500, perTurn: 8, outstanding: 64 }),
  fanOut({ clients: 50, perTurn: 16, outstanding: 128 }),
  ingest({ clients: 50, outstanding: 16 }),
];
