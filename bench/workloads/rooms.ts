/**
 * Rooms: every client is in some of very many, and messages go to one room each.
 *
 * Rule: both halves draw the same rooms from the same seed, so that each knows without being told who is to get what.
 */
import { busy, rate, serverUs, type Target } from "../figures.ts";
import { Flow } from "../flow.ts";
import { clientsCpu, Meter } from "../meter.ts";
import { payload } from "../payload.ts";
import { GRACE_MS } from "../plan.ts";
import { randomBelow } from "../random.ts";
import { FINE, sum, Tally } from "../tally.ts";
import { sleep, until, within } from "../time.ts";
import type { Workload } from "./workload.ts";

/** What it can be told. */
export interface RoomsOptions {
  readonly rooms: number;
  readonly clients: number;
  /** Rooms that a client is in. */
  readonly perClient: number;
  /** Messages published in one turn of the event loop. */
  readonly perTurn: number;
  /** Deliveries that are due and have not come. */
  readonly outstanding: number;
  readonly rate?: readonly Target[];
}

/** Seeds: of the messages' rooms, and of the first client's. */
const MESSAGES = 1;
const CLIENTS = 1_000;
/** Clients report when so many more messages have come. */
const STEP = 64;

/** Messages to random rooms. */
export function randomRooms({
  rooms,
  clients: count,
  perClient,
  perTurn,
  outstanding,
  ...targets
}: RoomsOptions): Workload {
  return {
    name: `W8 ${rooms.toLocaleString("en-US")} rooms, ${count.toLocaleString("en-US")} clients in ${perClient} each`,
    short: `W8 ${rooms} rooms`,
    note: `${perTurn} messages to random rooms in a turn of the event loop, at most ${outstanding} deliveries outstanding; order is checked within a room`,
    figures: [rate("deliveries", targets.rate), serverUs("delivery"), ...busy],
    needs: ["rooms"],
    demands: {},
    effort: "full",

    async serve({ service, line, plan }) {
      const members = new Array<number>(rooms).fill(0);
      for (let id = 0; id < count; id++) for (const room of roomsOf(id)) (members[room] as number)++;
      await line.reached("ready", 12 * GRACE_MS);
      const meter = new Meter(plan, service.pid);
      const published = new Array<number>(rooms).fill(0);
      const next = randomBelow(rooms, MESSAGES);
      const publish = () => {
        const room = next();
        service.publishTo?.(String(room), payload((published[room] as number)++, room));
        return members[room] as number;
      };
      const flow = new Flow({ perTurn, outstanding, publish });
      line.onProgress((progress) => {
        flow.take(progress.total);
        meter.take(progress);
      });
      const numbers = await within(plan.warmMs + plan.measureMs + GRACE_MS, meter.figures);
      flow.stop();
      line.reach("end", flow.published);
      if (!numbers) throw new Error("stalled");
      return { ...FINE, numbers };
    },

    async drive({ connect, line, plan: { warmMs, measureMs } }) {
      const clients = await connect(count);
      let total = 0;
      const tallies = clients.map((client, id) => {
        const byRoom = new Map(roomsOf(id).map((room) => [room, new Tally()]));
        const strange = new Tally();
        client.listen(({ n, from }) => {
          (byRoom.get(from) ?? strange).take(n);
          if (++total % STEP === 0) line.progress({ done: 0, total, cpuUs: clientsCpu() });
        });
        return byRoom;
      });
      for (const [id, client] of clients.entries()) await client.join?.(roomsOf(id).map(String));
      line.reach("ready");
      const [published = 0] = await line.reached("end", warmMs + measureMs + 2 * GRACE_MS);
      const counts = new Array<number>(rooms).fill(0);
      const next = randomBelow(rooms, MESSAGES);
      for (let n = 0; n < published; n++) (counts[next()] as number)++;
      const due = tallies.reduce(
        (all, byRoom) => [...byRoom.keys()].reduce((mine, room) => mine + (counts[room] ?? 0), all),
        0,
      );
      await until(GRACE_MS, () => total === due);
      await sleep(100);
      const found = sum(
        tallies.flatMap((byRoom) => [...byRoom].map(([room, tally]) => tally.close(counts[room] ?? 0))),
      );
      // What came to somebody whom it was not for is more than was due.
      const duplicates = Math.max(found.duplicates, total - due);
      return { ...found, duplicates, numbers: {} };
    },
  };

  /** The rooms of a client, each once. */
  function roomsOf(id: number): number[] {
    const next = randomBelow(rooms, CLIENTS + id);
    const own = new Set<number>();
    while (own.size < perClient) own.add(next());
    return [...own];
  }
}
