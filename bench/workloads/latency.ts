/**
 * Latency: messages at a steady pace to everybody, from before they are published until a client's listener has them.
 *
 * Rule: one message at a time, so that there is nothing to put together.
 */
import { busy, loop, serverUs, type Target } from "../figures.ts";
import { watchLoop } from "../loop.ts";
import { clientsCpu, Meter } from "../meter.ts";
import { nowUs, payload } from "../payload.ts";
import { GRACE_MS, REPORT_MS } from "../plan.ts";
import { quantile } from "../statistics.ts";
import { FINE, sum, Tally } from "../tally.ts";
import { sleep, until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What it can be told. */
export interface LatencyOptions {
  readonly clients: number;
  readonly everyMs: number;
  readonly p50?: readonly Target[];
  readonly serverUs?: readonly Target[];
}

/** A latency of these dimensions. */
export function latency({ clients: count, everyMs, ...targets }: LatencyOptions): Workload {
  return {
    name: `W4 latency at ${1_000 / everyMs} messages/s to ${count} clients`,
    short: `W4 ${count} clients`,
    note: `one message every ${everyMs} ms; from publish to listener, both ends on one clock`,
    figures: [
      { key: "p50", label: "p50 ms", digits: 2, better: "less", ratio: true, targets: targets.p50 ?? [] },
      { key: "p99", label: "p99 ms", digits: 2, better: "less" },
      serverUs("delivery", targets.serverUs),
      ...loop,
      ...busy,
    ],
    needs: [],
    demands: {},
    effort: "quick",

    async serve({ service, line, plan }) {
      await line.reached("ready", GRACE_MS * 4);
      const meter = new Meter(plan, service.pid);
      line.onProgress((progress) => meter.take(progress));
      const delays = watchLoop();
      const begunAt = performance.now();
      let published = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const tick = () => {
        service.publish(payload(published++, 0, nowUs()));
        // A tick that came late is not made up for by two at once.
        const late = performance.now() - begunAt - (published - 1) * everyMs;
        timer = setTimeout(tick, Math.max(1, everyMs - late));
      };
      tick();
      const numbers = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.figures);
      clearTimeout(timer);
      const looped = delays();
      line.reach("end", published);
      if (!numbers) throw new Error("stalled");
      return { ...FINE, numbers: { ...numbers, ...looped } };
    },

    async drive({ connect, line, plan: { warmMs, measureMs } }) {
      const clients = await connect(count);
      const waitsUs: number[] = [];
      let total = 0;
      const measureFrom = nowUs() + warmMs * 1_000;
      const tallies = clients.map((client) => {
        const tally = new Tally();
        client.listen(({ n, at }) => {
          const now = nowUs();
          if (at > measureFrom) waitsUs.push(now - at);
          total++;
          tally.take(n);
        });
        return tally;
      });
      const reporting = setInterval(() => line.progress({ done: 0, total, cpuUs: clientsCpu() }), REPORT_MS);
      line.reach("ready");
      const [published = 0] = await line.reached("end", warmMs + measureMs + 2 * GRACE_MS);
      await until(GRACE_MS, () => tallies.every((tally) => tally.has(published)));
      await sleep(100);
      clearInterval(reporting);
      waitsUs.sort((a, b) => a - b);
      const numbers = { p50: quantile(waitsUs, 0.5) / 1_000, p99: quantile(waitsUs, 0.99) / 1_000 };
      return { ...sum(tallies.map((tally) => tally.close(published))), numbers };
    },
  };
}
