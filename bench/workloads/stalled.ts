/**
 * A stalled client: one stops reading while everybody gets messages, and reads on when they are all published.
 *
 * Rule: the pace is that of the others; the stalled one has to get everything in the end, like them.
 */
import { busy, growthMb, rate, serverUs, type Target } from "../figures.ts";
import { Flow } from "../flow.ts";
import { collect, Growth, javaScriptBytes } from "../memory.ts";
import { between, clientsCpu, read } from "../meter.ts";
import { payload } from "../payload.ts";
import type { Client } from "../peers/peer.ts";
import { GRACE_MS } from "../plan.ts";
import { Reach } from "../reach.ts";
import { FINE, sum, Tally } from "../tally.ts";
import { sleep, until } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What it can be told. */
export interface StalledOptions {
  readonly others: number;
  readonly messages: number;
  readonly perTurn: number;
  readonly outstanding: number;
  readonly rate?: readonly Target[];
  readonly growthMb?: readonly Target[];
}

/** Messages that everybody gets before: enough for what a peer keeps of recent ones to have its full size. */
const BEFORE = 25_600;
/** The others report when so many more have reached them; divides all counts. */
const STEP = 32;
const ALL_MS = 90_000;

/** A stalled client among others. */
export function stalled({ others, messages, perTurn, outstanding, ...targets }: StalledOptions): Workload {
  return {
    name: `W6 one of ${others + 1} clients stalled, ${messages.toLocaleString("en-US")} messages`,
    short: "W6 others beside a stalled one",
    note: `${perTurn} a turn, at most ${outstanding} outstanding to the others; the peak of RSS over its value before, until all have all, garbage included; held is what is left without it while the client is still stalled`,
    figures: [
      rate("deliveries to the others", targets.rate),
      serverUs("delivery"),
      growthMb(targets.growthMb),
      { key: "heldMb", label: "held for it, MB of JS memory", digits: 1, better: "less" },
      { key: "resumedMs", label: "stalled one has all after ms", digits: 0, better: "less" },
      ...busy,
    ],
    needs: [],
    demands: {},
    effort: "full",
    slackMs: 2 * ALL_MS,

    async serve({ service, line, plan: { share } }) {
      await line.reached("ready", 4 * GRACE_MS);
      const publish = (n: number) => {
        service.publish(payload(n));
        return 1;
      };
      const warm = new Flow({ perTurn, outstanding, count: BEFORE, publish });
      line.onProgress(({ done }) => warm.take(done));
      await line.reached("warm", 4 * GRACE_MS);
      await collect();
      const before = javaScriptBytes();
      const growth = new Growth(service.pid);
      line.reach("stall");
      const [total = 0, cpuUs = 0] = await line.reached("stalled", GRACE_MS);
      const first = read({ total, cpuUs }, service.pid);
      let last = first;
      const flow = new Flow({ perTurn, outstanding, count: messages * share, publish: (n) => publish(n + BEFORE) });
      line.onProgress((progress) => {
        flow.take(progress.done - BEFORE);
        last = read(progress, service.pid);
      });
      await line.reached("others done", ALL_MS);
      const numbers = between(first, last);
      await collect();
      const heldMb = service.pid === undefined ? (javaScriptBytes() - before) / 1e6 : Number.NaN;
      line.reach("resume");
      await line.reached("done", ALL_MS);
      return { ...FINE, numbers: { ...numbers, growthMb: growth.endMb(), heldMb } };
    },

    async drive({ connect, line, plan: { share } }) {
      const count = BEFORE + messages * share;
      const [one, ...rest] = (await connect(others + 1)) as [Client, ...Client[]];
      const mine = new Tally();
      let lastAt = 0;
      one.listen(({ n }) => {
        lastAt = performance.now();
        mine.take(n);
      });
      const reach = new Reach(others, STEP, (done, total) => line.progress({ done, total, cpuUs: clientsCpu() }));
      const tallies = rest.map((client) => reach.follow(client));
      line.reach("ready");
      await until(3 * GRACE_MS, () => reach.done === BEFORE && mine.has(BEFORE));
      line.reach("warm");
      await line.reached("stall", GRACE_MS);
      one.pause();
      line.reach("stalled", reach.total, clientsCpu());
      await until(ALL_MS, () => reach.done === count);
      line.reach("others done");
      await line.reached("resume", GRACE_MS);
      const startAt = performance.now();
      one.resume();
      await until(ALL_MS, () => mine.has(count));
      const resumedMs = lastAt - startAt;
      line.reach("done");
      await sleep(300);
      return { ...sum([mine, ...tallies].map((tally) => tally.close(count))), numbers: { resumedMs } };
    },
  };
}
