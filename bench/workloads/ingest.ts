/**
 * Ingest: every client keeps a number of messages under way, each with an acknowledgement of the application's.
 *
 * Rule: the handler does nothing but answer, so what is measured is what lies between it and the client: a message of ours is
 * stored, and its answer is, before it is acknowledged.
 */
import { clientsCpuUs, Meter } from "../meter.ts";
import { payload } from "../payload.ts";
import { quantile } from "../statistics.ts";
import { type Findings, sum, Tally } from "../tally.ts";
import { until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What an ingest can be told. */
export interface IngestOptions {
  readonly clients: number;
  /** Messages under way, of one client. */
  readonly outstanding: number;
}

/** What is not acknowledged after this time is lost. */
const GRACE_MS = 5_000;
/** Clients report this often. */
const REPORT_MS = 25;

/** An ingest of these dimensions. */
export function ingest({ clients: count, outstanding }: IngestOptions): Workload {
  return {
    name: `ingest from ${count} clients`,
    clients: count,
    unit: "message",
    note: `emitWithAck, ${outstanding} outstanding a client; gapless-io acknowledges only what it has committed`,

    async serve(service, line, plan) {
      const meter = new Meter(plan);
      const tallies = Array.from({ length: count }, () => new Tally());
      let ended: readonly number[] | undefined;
      service.handle(({ n, from }) => {
        tallies[from]?.take(n);
        return n;
      });
      line.listen((said) => {
        if (said.kind === "progress") meter.take(said);
        else if (said.kind === "sent") ended = said.sent;
      });
      line.say({ kind: "go" });
      const sample = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.sample);
      line.say({ kind: "end", published: 0 });
      await until(2 * GRACE_MS, () => ended !== undefined);
      return {
        ...sum(tallies.map((tally, i) => tally.close(ended?.[i] ?? 0))),
        ...(sample && { sample }),
      };
    },

    async drive(clients, line, { warmMs, measureMs }) {
      const sent = clients.map(() => 0);
      const waits: number[] = [];
      let acknowledged = 0;
      let wrong = 0;
      let running = true;
      let busy = 0;
      line.say({ kind: "ready" });
      await new Promise<void>((resolve) => {
        line.listen((said) => {
          if (said.kind === "go") resolve();
        });
      });
      const measureFrom = performance.now() + warmMs;
      const work = async (client: (typeof clients)[number], from: number) => {
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
        line.say({ kind: "progress", done: acknowledged, total: acknowledged, cpuUs: clientsCpuUs() });
      }, REPORT_MS);
      line.listen((said) => {
        if (said.kind === "end") running = false;
      });
      const workers = clients.flatMap((client, from) => Array.from({ length: outstanding }, () => work(client, from)));
      // An acknowledgement that never comes is counted below; one that fails ends the run.
      await Promise.race([Promise.all(workers), until(warmMs + measureMs + 2 * GRACE_MS, () => !running)]);
      await until(GRACE_MS, () => busy === 0);
      clearInterval(reporting);
      line.say({ kind: "sent", sent });
      waits.sort((a, b) => a - b);
      const findings: Findings = { lost: busy, duplicates: 0, disordered: wrong };
      return { ...findings, latency: { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) } };
    },
  };
}
