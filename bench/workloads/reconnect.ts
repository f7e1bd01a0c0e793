/**
 * Reconnecting: all clients lose their connections, messages are published, and all come back at once.
 *
 * Rule: it is over when the last client has everything; for a peer that replays nothing, when the last is connected, and what it missed
 * is then no loss.
 */
import { growthMb, type Target } from "../figures.ts";
import { collect, Growth } from "../memory.ts";
import { serverCpu } from "../meter.ts";
import { payload } from "../payload.ts";
import { GRACE_MS } from "../plan.ts";
import { FINE, sum, Tally } from "../tally.ts";
import { sleep, until } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What a reconnect can be told. */
export interface ReconnectOptions {
  readonly clients: number;
  /** Groups that are cut one after another; each has missed a different stretch then. */
  readonly groups: number;
  /** Messages published after each group was cut. */
  readonly perGroup: number;
  readonly caughtUpMs?: readonly Target[];
  readonly growthMb?: readonly Target[];
}

/** Messages that everybody gets before anything happens: some peers recover only a client that has had one. */
const BEFORE = 10;
/** The server notices within this time that connections are gone. */
const NOTICED_MS = 500;
/** Between two groups. */
const PAUSE_MS = 15;

/** A reconnect of these dimensions. */
export function reconnect({ clients: count, groups, perGroup, ...targets }: ReconnectOptions): Workload {
  const published = BEFORE + groups * perGroup;
  const missed =
    groups === 1
      ? `${perGroup} messages missed each`
      : `${groups} groups that missed ${perGroup} to ${groups * perGroup}`;
  return {
    name: `W3 ${count} clients back at once, ${missed}`,
    short: groups === 1 ? `W3 ${count} clients` : `W3 at ${groups} offsets`,
    note:
      "cut without a goodbye; from when they are let back until the last has everything, or, for a peer that replays nothing, until the last is connected" +
      (groups === 1 ? "" : `; groups of ${count / groups} were cut one after another, ${perGroup} messages apart`),
    figures: [
      {
        key: "caughtUpMs",
        label: "all caught up, ms",
        digits: 0,
        better: "less",
        ratio: true,
        targets: targets.caughtUpMs ?? [],
      },
      { key: "connectedMs", label: "all connected, ms", digits: 0, better: "less" },
      { key: "cpuMs", label: "server CPU ms", digits: 0, better: "less", ratio: true },
      growthMb(targets.growthMb),
    ],
    needs: [],
    demands: {},
    effort: groups === 1 ? "quick" : "full",

    async serve({ service, line }) {
      await line.reached("ready", GRACE_MS * 4);
      let n = 0;
      while (n < BEFORE) service.publish(payload(n++));
      if (groups === 1) {
        await line.reached("away", GRACE_MS);
        await sleep(NOTICED_MS);
      }
      // The groups cut themselves when they see the last message that they are to have.
      for (let group = 0; group < groups; group++) {
        await sleep(PAUSE_MS);
        for (let i = 0; i < perGroup; i++) service.publish(payload(n++));
      }
      await line.reached("away", GRACE_MS);
      await sleep(NOTICED_MS);
      await collect();
      const growth = new Growth(service.pid);
      const cpuUs = serverCpu(service.pid);
      line.reach("back");
      await line.reached("caught up", 4 * GRACE_MS);
      return { ...FINE, numbers: { cpuMs: (serverCpu(service.pid) - cpuUs) / 1_000, growthMb: growth.endMb() } };
    },

    async drive({ peer, connect, line }) {
      const clients = await connect(count);
      let away = 0;
      let lastAt = 0;
      const tallies = clients.map((client, i) => {
        const tally = new Tally();
        const last = BEFORE + Math.floor(i / (count / groups)) * perGroup - 1;
        let cut = false;
        client.listen(({ n }) => {
          lastAt = performance.now();
          tally.take(n);
          if (n !== last || cut) return;
          cut = true;
          // In a turn of its own: what came with the message is handled.
          setImmediate(() => {
            client.cut();
            away++;
          });
        });
        return tally;
      });
      line.reach("ready");
      if (!(await until(4 * GRACE_MS, () => away === count))) throw new Error("not everybody got what came before");
      line.reach("away");
      await line.reached("back", 4 * GRACE_MS);
      const startAt = performance.now();
      await Promise.all(clients.map((client) => client.comeBack()));
      const connectedMs = performance.now() - startAt;
      const replays = peer.can.includes("replays");
      if (replays) await until(3 * GRACE_MS, () => tallies.every((tally) => tally.has(published)));
      const caughtUpMs = replays ? lastAt - startAt : connectedMs;
      line.reach("caught up");
      await sleep(300);
      const found = sum(tallies.map((tally) => tally.close(published)));
      return { ...found, ...(!replays && { lost: 0 }), numbers: { caughtUpMs, connectedMs } };
    },
  };
}
