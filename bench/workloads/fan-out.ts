/**
 * Fan-out: one publisher in the server's process, everybody gets everything, as fast as the clients take it.
 *
 * Rule: what may be outstanding is bounded by what every client is known to have received, in the same way for every peer;
 * otherwise the growth of buffers would be measured.
 */
import { clientsCpuUs, Meter } from "../meter.ts";
import { payload } from "../payload.ts";
import { sum, Tally } from "../tally.ts";
import { sleep, until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What a fan-out can be told. */
export interface FanOutOptions {
  readonly clients: number;
  /** Messages published in one turn of the event loop. */
  readonly perTurn: number;
  /** Messages that are published and that some client has not received. */
  readonly outstanding: number;
}

/** What has not arrived after this time is lost. */
const GRACE_MS = 5_000;

/** A fan-out of these dimensions. */
export function fanOut({ clients: count, perTurn, outstanding }: FanOutOptions): Workload {
  /** Clients report when this many more messages have reached all of them. */
  const step = Math.max(perTurn, outstanding / 4);
  return {
    name: `fan-out to ${count} clients`,
    clients: count,
    unit: "delivery",
    note: `${perTurn} messages published in a turn of the event loop, at most ${outstanding} outstanding`,

    async serve(service, line, plan) {
      const meter = new Meter(plan);
      let published = 0;
      let done = 0;
      let scheduled = false;
      let stopped = false;
      const turn = () => {
        scheduled = false;
        if (stopped || published - done + perTurn > outstanding) return;
        for (let i = 0; i < perTurn; i++) service.publish(payload(published++));
        schedule();
      };
      const schedule = () => {
        if (scheduled || stopped) return;
        scheduled = true;
        setImmediate(turn);
      };
      line.listen((said) => {
        if (said.kind !== "progress") return;
        done = said.done;
        meter.take(said);
        schedule();
      });
      schedule();
      const sample = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.sample);
      stopped = true;
      line.say({ kind: "end", published });
      return { lost: 0, duplicates: 0, disordered: 0, ...(sample && { sample }) };
    },

    async drive(clients, line, { warmMs, measureMs }) {
      /** How many clients message n has reached, by n. */
      const reached: number[] = [];
      let done = 0;
      let told = 0;
      let total = 0;
      const tallies = clients.map((client) => {
        const tally = new Tally();
        client.listen(({ n }) => {
          total++;
          tally.take(n);
          reached[n] = (reached[n] ?? 0) + 1;
          while (reached[done] === clients.length) done++;
          if (done - told < step) return;
          told = done;
          line.say({ kind: "progress", done, total, cpuUs: clientsCpuUs() });
        });
        return tally;
      });
      let published: number | undefined;
      line.listen((said) => {
        if (said.kind === "end") published = said.published;
      });
      line.say({ kind: "ready" });
      await until(warmMs + measureMs + 2 * GRACE_MS, () => published !== undefined);
      await until(GRACE_MS, () => done === published);
      // What comes twice gets a moment to come.
      await sleep(100);
      return sum(tallies.map((tally) => tally.close(published ?? 0)));
    },
  };
}
