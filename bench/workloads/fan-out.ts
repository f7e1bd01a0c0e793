/**
 * Fan-out: one publisher in the server's process, everybody gets everything, as fast as the clients take it.
 *
 * Rule: a message counts as received when every client has it.
 */
import { busy, rate, serverUs, type Target } from "../figures.ts";
import { Flow } from "../flow.ts";
import { clientsCpu, Meter } from "../meter.ts";
import { payload } from "../payload.ts";
import { GRACE_MS } from "../plan.ts";
import { Reach } from "../reach.ts";
import { FINE, sum } from "../tally.ts";
import { sleep, until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What a fan-out can be told. */
export interface FanOutOptions {
  readonly clients: number;
  /** Messages published in one turn of the event loop. */
  readonly perTurn: number;
  /** Messages that are published and that some client has not received. */
  readonly outstanding: number;
  readonly rate?: readonly Target[];
  readonly serverUs?: readonly Target[];
  readonly quick?: boolean;
}

/** A fan-out of these dimensions. */
export function fanOut(options: FanOutOptions): Workload {
  const { clients: count, perTurn, outstanding, quick = false } = options;
  return {
    name: `W1 fan-out to ${count} clients, ${perTurn} a turn`,
    short: `W1 ${count} clients, ${perTurn} a turn`,
    note: `${perTurn} messages published in a turn of the event loop, at most ${outstanding} outstanding`,
    figures: [rate("deliveries", options.rate), serverUs("delivery", options.serverUs), ...busy],
    needs: [],
    demands: {},
    effort: quick ? "quick" : "full",

    async serve({ service, line, plan }) {
      await line.reached("ready", GRACE_MS * 4);
      const meter = new Meter(plan, service.pid);
      const publish = (n: number) => {
        service.publish(payload(n));
        return 1;
      };
      const flow = new Flow({ perTurn, outstanding, publish });
      line.onProgress((progress) => {
        flow.take(progress.done);
        meter.take(progress);
      });
      const numbers = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.figures);
      flow.stop();
      line.reach("end", flow.published);
      if (!numbers) throw new Error("stalled");
      return { ...FINE, numbers };
    },

    async drive({ connect, line, plan: { warmMs, measureMs } }) {
      // Clients report when this many more messages have reached all of them.
      const reach = new Reach(count, Math.max(perTurn, outstanding / 4), (done, total) => {
        line.progress({ done, total, cpuUs: clientsCpu() });
      });
      const clients = await connect(count);
      const tallies = clients.map((client) => reach.follow(client));
      line.reach("ready");
      const [published = 0] = await line.reached("end", warmMs + measureMs + 2 * GRACE_MS);
      await until(GRACE_MS, () => reach.done === published);
      // What comes twice gets a moment to come.
      await sleep(100);
      return { ...sum(tallies.map((tally) => tally.close(published))), numbers: {} };
    },
  };
}
