/**
 * Replay: one client was away for a long time and comes back.
 *
 * Rule: the cost is to follow what it has missed, not what else there is.
 */
import type { Figure, Target } from "../figures.ts";
import type { Line } from "../line.ts";
import { ownCpu, serverCpu } from "../meter.ts";
import { payload } from "../payload.ts";
import type { Addressed, Client, Service } from "../peers/peer.ts";
import { GRACE_MS } from "../plan.ts";
import { FINE, Tally } from "../tally.ts";
import { sleep, until } from "../time.ts";
import type { Effort, Workload } from "./workload.ts";

/** What a replay can be told. */
export interface ReplayOptions {
  readonly missed: number;
  readonly rate?: readonly Target[];
}

/** What a replay from a larger log can be told besides. */
export interface FileOptions extends ReplayOptions {
  /** How many times as many messages are put into the log as those for the client. */
  readonly times: number;
  readonly effort: Effort;
  readonly share?: readonly Target[];
}

const MINE = "mine";
const OTHERS = "others";
/** Messages that it gets before it goes away. */
const BEFORE = 10;
/** Of what is measured, so much is replayed once before. */
const WARM = 0.2;
const WARMED = "a replay of a fifth as many goes before and does not count";
const PER_TURN = 100;
const AWAY_MS = 500;
/** A replay takes this long, at most. */
const REPLAY_MS = 30_000;
/** A log takes this long to fill, at most. */
const FILL_MS = 900_000;

/** From the memory of a server that has just published it. */
export function replayFromMemory({ missed, rate }: ReplayOptions): Workload {
  return {
    name: `W7 replay of ${inWords(missed)} messages to one client, from memory`,
    short: `W7 from memory`,
    note: `ours with \`limits.recentEntries\` and \`recentBytes\` raised, so that they hold all; ${WARMED}`,
    figures: [speed("rate", "messages/s", rate), ...costs],
    needs: ["rooms", "replays"],
    demands: { recent: 2 * missed, kept: 2 * missed },
    effort: "full",
    slackMs: 3 * REPLAY_MS,

    async serve({ service, line, plan: { share } }) {
      const serverUs = await returns(
        line,
        service,
        [WARM, 1].map((part) => missed * share * part),
        async (from, count) => {
          for (let n = from; n < from + count; n++) {
            service.publishTo?.(MINE, payload(n));
            if (n % PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          await sleep(AWAY_MS);
        },
      );
      return { ...FINE, numbers: { serverUs: serverUs[1] as number } };
    },

    async drive({ connect, line, plan: { share } }) {
      const { rates, clientUs, ...findings } = await away(
        connect,
        line,
        [WARM, 1].map((part) => missed * share * part),
      );
      return { ...findings, numbers: { rate: rates[1] as number, clientUs: clientUs[1] as number } };
    },
  };
}

/** From the file of a server that was started again; then once more, when the log holds many times as many messages for others between. */
export function replayFromFile({ missed, times, effort, ...targets }: FileOptions): Workload {
  return {
    name: `W7 replay of ${inWords(missed)} messages to one client, from the file, and among ${inWords(missed * times)}`,
    short: `W7 from the file`,
    note: `after a restart; then again, with ${times - 1} messages for others before each of its own; ${WARMED}`,
    figures: [
      speed("rate", "messages/s", targets.rate),
      ...costs,
      speed("rateLarge", "messages/s, larger log", []),
      speed("share", "share of the first", targets.share, 2),
      { key: "rows", label: "messages in the larger log", digits: 0 },
      { key: "fillS", label: "filled in s", digits: 0 },
    ],
    needs: ["rooms", "replays", "bulk"],
    demands: { kept: missed * times },
    effort,
    slackMs: FILL_MS,

    async serve({ service, line, plan: { share } }) {
      const counts = [WARM, 1, 1].map((part) => missed * share * part);
      let fillS = 0;
      const serverUs = await returns(line, service, counts, async (from, count, i) => {
        const startAt = performance.now();
        await service.refill?.(among(from, count, i === 2 ? times : 1));
        fillS = (performance.now() - startAt) / 1_000;
      });
      return { ...FINE, numbers: { serverUs: serverUs[1] as number, rows: missed * share * times, fillS } };
    },

    async drive({ connect, line, plan: { share } }) {
      const counts = [WARM, 1, 1].map((part) => missed * share * part);
      const { rates, clientUs, ...findings } = await away(connect, line, counts);
      const [, rate = Number.NaN, rateLarge = Number.NaN] = rates;
      return { ...findings, numbers: { rate, rateLarge, share: rateLarge / rate, clientUs: clientUs[1] as number } };
    },
  };
}

/** What a message costs on either side. */
const costs: readonly Figure[] = [
  { key: "serverUs", label: "server µs/message", digits: 2, better: "less" },
  { key: "clientUs", label: "client µs/message", digits: 2, better: "less" },
];

function speed(key: string, label: string, targets: readonly Target[] = [], digits = 0): Figure {
  return { key, label, digits, better: "more", targets };
}

function inWords(count: number): string {
  return count.toLocaleString("en-US");
}

/** Messages `from` and following for the client, each after `times - 1` for others. */
function* among(from: number, count: number, times: number): Generator<Addressed> {
  for (let n = from; n < from + count; n++) {
    for (let other = 1; other < times; other++) yield [OTHERS, payload(other)];
    yield [MINE, payload(n)];
  }
}

/** Lets the client come back as often as there are counts, each time after so many messages were put in. Answers what one has cost the server. */
async function returns(
  line: Line,
  service: Service,
  counts: readonly number[],
  put: (from: number, count: number, i: number) => Promise<void>,
): Promise<number[]> {
  await line.reached("ready", 4 * GRACE_MS);
  for (let n = 0; n < BEFORE; n++) service.publishTo?.(MINE, payload(n));
  let from = BEFORE;
  const us: number[] = [];
  for (const [i, count] of counts.entries()) {
    await line.reached(`away ${i}`, 2 * GRACE_MS);
    await sleep(AWAY_MS);
    await put(from, count, i);
    from += count;
    const cpuUs = serverCpu(service.pid);
    line.reach(`back ${i}`);
    await line.reached(`done ${i}`, REPLAY_MS);
    us.push((serverCpu(service.pid) - cpuUs) / count);
  }
  return us;
}

/** The client's life: away, and back when it is told to, as often as there are counts. */
async function away(connect: (count: number) => Promise<Client[]>, line: Line, counts: readonly number[]) {
  const [client] = (await connect(1)) as [Client];
  const tally = new Tally();
  let [came, lastAt] = [0, 0];
  client.listen(({ n }) => {
    came++;
    lastAt = performance.now();
    tally.take(n);
  });
  await client.join?.([MINE]);
  line.reach("ready");
  let expected = BEFORE;
  const [rates, clientUs]: [number[], number[]] = [[], []];
  for (const [i, count] of counts.entries()) {
    await until(2 * GRACE_MS, () => came >= expected);
    // Its acknowledgement has arrived, too.
    await sleep(AWAY_MS);
    client.cut();
    line.reach(`away ${i}`);
    await line.reached(`back ${i}`, FILL_MS);
    const startAt = performance.now();
    const cpuUs = ownCpu();
    await client.comeBack();
    expected += count;
    await until(REPLAY_MS, () => came >= expected);
    rates.push((count / (lastAt - startAt)) * 1_000);
    clientUs.push((ownCpu() - cpuUs) / count);
    line.reach(`done ${i}`);
  }
  await sleep(300);
  return { ...tally.close(expected), rates, clientUs };
}
