/**
 * Idle clients: what one costs in memory that is connected and does nothing.
 *
 * Rule: memory is compared after collecting, and all that the process holds counts.
 */
import type { Target } from "../figures.ts";
import { collect, rssBytes } from "../memory.ts";
import { GRACE_MS } from "../plan.ts";
import { FINE } from "../tally.ts";
import { sleep } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What it can be told. */
export interface IdleOptions {
  readonly clients: number;
  readonly rssKb?: readonly Target[];
}

/** Nothing happens for so long before memory is read. */
const QUIET_MS = 3_000;
const CONNECTING_MS = 60_000;

/** So many idle clients. */
export function idle({ clients, rssKb = [] }: IdleOptions): Workload {
  return {
    name: `W5 memory of ${clients.toLocaleString("en-US")} idle clients`,
    short: `W5 ${clients} clients`,
    note: "with all clients connected less with none, after collecting garbage; kernel buffers are not in it",
    figures: [
      { key: "rssKb", label: "RSS kB/client", digits: 1, better: "less", ratio: true, targets: rssKb },
      { key: "heapKb", label: "JS heap kB/client", digits: 1, better: "less", ratio: true },
    ],
    needs: [],
    demands: {},
    effort: "full",
    slackMs: 2 * CONNECTING_MS,

    async serve({ service, line, plan: { share } }) {
      const count = clients * share;
      await collect();
      const before = { rss: rssBytes(service.pid), heap: process.memoryUsage().heapUsed };
      line.reach("go");
      await line.reached("connected", CONNECTING_MS);
      await sleep(QUIET_MS);
      await collect();
      const after = { rss: rssBytes(service.pid), heap: process.memoryUsage().heapUsed };
      line.reach("end");
      const kbEach = (bytes: number) => bytes / count / 1_000;
      return { ...FINE, numbers: { rssKb: kbEach(after.rss - before.rss), heapKb: kbEach(after.heap - before.heap) } };
    },

    async drive({ connect, line, plan: { share } }) {
      await line.reached("go", GRACE_MS);
      await connect(clients * share);
      line.reach("connected");
      await line.reached("end", CONNECTING_MS);
      return { ...FINE, numbers: {} };
    },
  };
}
