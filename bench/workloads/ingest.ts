/**
 * Ingest: every client keeps a number of messages under way, each with an acknowledgement of the application's.
 *
 * Rule: the handler does nothing but answer, so what is measured is what lies between it and the client: a message of ours is
 * stored, and its answer is, before it is acknowledged.
 */
import { busy, type Figure, loop, type Numbers, rate, serverUs, type Target } from "../figures.ts";
import { watchLoop } from "../loop.ts";
import { clientsCpu, Meter } from "../meter.ts";
import { payload } from "../payload.ts";
import type { Client } from "../peers/peer.ts";
import { GRACE_MS, REPORT_MS } from "../plan.ts";
import { quantile } from "../statistics.ts";
import { sum, Tally } from "../tally.ts";
import { until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What an ingest can be told. */
export interface IngestOptions {
  readonly clients: number;
  /** Messages under way, of one client. */
  readonly outstanding: number;
  /** What the link adds to a round trip, milliseconds. */
  readonly linkMs?: number;
  readonly rate?: readonly Target[];
  readonly p99?: readonly Target[];
  /** Bounds for the share of what the window and the link allow. */
  readonly share?: readonly Target[];
  readonly quick?: boolean;
  readonly note?: string;
}

/** An ingest of these dimensions. */
export function ingest(options: IngestOptions): Workload {
  const { clients: count, outstanding, linkMs, quick = false, note = "" } = options;
  const times: readonly Figure[] = [
    { key: "p50", label: "p50 ms", digits: 1, better: "less" },
    { key: "p99", label: "p99 ms", digits: 1, better: "less", ratio: true, targets: options.p99 ?? [] },
  ];
  const share: Figure = {
    key: "share",
    label: "of window / RTT",
    digits: 3,
    better: "more",
    targets: options.share ?? [],
  };
  const where = linkMs === undefined ? "" : ` over a ${linkMs} ms link`;
  return {
    name: `W2 ingest from ${count} ${count === 1 ? "client" : "clients"}${where}, ${outstanding} outstanding`,
    short: `W2 ${count} × ${outstanding}${where}`,
    note: `emitWithAck, ${outstanding} outstanding a client; ours acknowledges only what it has committed${note}`,
    figures: [
      rate("messages", options.rate),
      ...(linkMs === undefined ? [] : [share]),
      serverUs("message"),
      ...times,
      ...loop,
      ...busy,
    ],
    needs: [],
    demands: { outstanding },
    effort: quick ? "quick" : "full",
    ...(linkMs !== undefined && { linkMs }),

    async serve({ service, line, plan }) {
      const tallies = Array.from({ length: count }, () => new Tally());
      service.handle(({ n, from }) => {
        tallies[from]?.take(n);
        return n;
      });
      await line.reached("ready", GRACE_MS * 4);
      const meter = new Meter(plan, service.pid);
      const delays = watchLoop();
      line.onProgress((progress) => meter.take(progress));
      line.reach("go");
      const measured = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.figures);
      const looped = delays();
      line.reach("end");
      if (!measured) throw new Error("stalled");
      const sent = await line.reached("sent", 2 * GRACE_MS);
      const share: Numbers =
        linkMs === undefined ? {} : { share: measured.rate / ((count * outstanding * 1_000) / linkMs) };
      // A broker acknowledges before the application has it.
      await until(GRACE_MS, () => tallies.every((tally, i) => tally.has(sent[i] ?? 0)));
      const findings = sum(tallies.map((tally, i) => tally.close(sent[i] ?? 0)));
      return { ...findings, numbers: { ...measured, ...looped, ...share } };
    },

    async drive({ connect, line, plan: { warmMs, measureMs } }) {
      const clients = await connect(count);
      const sent = clients.map(() => 0);
      const waits: number[] = [];
      let acknowledged = 0;
      let wrong = 0;
      let running = true;
      let busy = 0;
      line.reach("ready");
      await line.reached("go", GRACE_MS);
      const measureFrom = performance.now() + warmMs;
      const work = async (client: Client, from: number) => {
        busy++;
        while (running) {
          const n = (sent[from] as number)++;
          const start = performance.now();
          const answer = await client.ask(payload(n, from));
          const end = performance.now();
          if (answer !== n) wrong++;
          acknowledged++;
          if (start > measureFrom && running) waits.push(end - start);
        }
        busy--;
      };
      const reporting = setInterval(() => {
        line.progress({ done: acknowledged, total: acknowledged, cpuUs: clientsCpu() });
      }, REPORT_MS);
      const workers = clients.flatMap((client, from) => Array.from({ length: outstanding }, () => work(client, from)));
      // An acknowledgement that never comes is counted below; one that fails ends the run.
      await Promise.race([Promise.all(workers), line.reached("end", warmMs + measureMs + 2 * GRACE_MS)]);
      running = false;
      await until(GRACE_MS, () => busy === 0);
      clearInterval(reporting);
      line.reach("sent", ...sent);
      waits.sort((a, b) => a - b);
      const numbers = { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) };
      return { lost: busy, duplicates: 0, disordered: wrong, numbers };
    },
  };
}
