/**
 * Judges a run in which the log is replaced or loses its end: what was acknowledged and did not reach a client must lie in a gap
 * that this client was told.
 *
 * Rule: it knows lines of diaries and nothing else, and of an epoch only that receipts name it and that one follows the other. Where
 * a diary leaves open in which epoch a client was, nobody is accused.
 *
 * `checkHistory` judges one life of a log; here a client's diary falls into stretches, with a gap of the reason `epoch` (or `session`,
 * when the session went with the log) between two. In a stretch everything is as strict as there: each message once, in the order of offsets.
 */
import type { Line } from "./history.ts";
import { EVERYBODY, isFor } from "./plan.ts";

/** What came of it. */
export interface Verdict {
  /** What is wrong, in sentences. */
  readonly wrong: readonly string[];
  /** Acknowledged, for a client, not handled by it, and told. */
  readonly told: number;
  /** Handled by a client in two epochs: its publish was under way when the first one ended. */
  readonly repeated: number;
  /** Lives of the log in which something was acknowledged. */
  readonly epochs: number;
  readonly gaps: number;
}

interface Receipt {
  readonly offset: number;
  readonly epoch: number;
  readonly t: number;
}

interface Message {
  readonly to: readonly string[];
  readonly except: readonly string[];
  receipt?: Receipt;
  refused: boolean;
  /** How often it was begun. With its session the log forgets which orders it has seen, and what an order's handler publishes is published again. */
  begun: number;
}

/** What a client handled between two gaps. */
interface Stretch {
  readonly seen: Map<string, number>;
  /** Begun, and not handled yet. */
  readonly unsettled: Set<string>;
  readonly handled: Map<string, number>;
  /** Offset of the last one that it began to handle. */
  at: number;
  /** The session has been the same since the beginning: it is in the rooms that it joined there. */
  sameSession: boolean;
  /** The gap that ends it. */
  gap?: Line;
  /** First and last epoch in which it may have been. */
  low: number;
  high: number;
}

interface Client {
  readonly name: string;
  readonly stretches: Stretch[];
  session: string | undefined;
  sameSession: boolean;
}

/** Reasons for which a stretch ends. */
const ENDS = new Set(["epoch", "session"]);
/** What Redis may lose with the end of its file is at most so old. */
const LOSES_MS = 2_000;
const NO_OFFSET = Number.NEGATIVE_INFINITY;

/** Judges all lines of a run. @param names The clients. */
export async function judge(
  lines: AsyncIterable<Line> | Iterable<Line>,
  names: readonly string[],
  limit = 100,
): Promise<Verdict> {
  const wrong: string[] = [];
  const accuse = (what: string) => wrong.length < limit && wrong.push(what);
  const messages = new Map<string, Message>();
  const epochs = new Map<string, number>();
  const clients = new Map<string, Client>();
  for (const name of names)
    clients.set(name, { name, stretches: [begun(true)], session: undefined, sameSession: true });
  const emits = new Map<string, { settled: boolean; handled: boolean }>();
  const receipts: Line[] = [];
  const kills: number[] = [];
  let gaps = 0;

  for await (const line of lines) {
    const client = clients.get(line.node);
    if (client) {
      if (line.type === "gap") gaps++;
      take(client, line, accuse);
      if (line.type === "emit" && !emits.has(line.id)) emits.set(line.id, { settled: false, handled: false });
      const emit = emits.get(line.id);
      if (emit && (line.type === "answered" || line.type === "acked")) emit.settled = true;
      continue;
    }
    if (line.type === "redis killed") kills.push(line.t);
    const message = messages.get(line.id);
    if (line.type === "publish" && message) message.begun++;
    else if (line.type === "publish") {
      messages.set(line.id, { to: line.to as string[], except: line.except ?? [], refused: false, begun: 1 });
    } else if (line.type === "published") receipts.push(line);
    else if (line.type === "refused" && message) message.refused = true;
    else if (line.type === "handled") {
      const emit = emits.get(line.id);
      if (emit) emit.handled = true;
      else emits.set(line.id, { settled: false, handled: true });
    }
  }

  // The order of epochs is that of their first receipts.
  receipts.sort((a, b) => a.t - b.t);
  for (const { id, epoch = "", offset = NO_OFFSET, t } of receipts) {
    if (!epochs.has(epoch)) epochs.set(epoch, epochs.size);
    const message = messages.get(id);
    if (message) message.receipt ??= { offset, epoch: epochs.get(epoch) as number, t };
  }
  for (const [id, { settled, handled }] of emits)
    if (settled && !handled) accuse(`${id} was settled and never handled`);

  // Entries that the log had when they were acknowledged and that nobody was ever given are what it lost; and its end before a kill, which the clients of some nodes were given.
  const given = new Set(
    [...clients.values()].flatMap(({ stretches }) => stretches.flatMap(({ seen }) => [...seen.keys()])),
  );
  let told = 0;
  let repeated = 0;
  for (const client of clients.values()) {
    place(client, messages, epochs.size, accuse);
    repeated += check(client, messages, accuse);
    for (const [id, { to, except, receipt, refused }] of messages) {
      const has = client.stretches.some(({ handled }) => handled.has(id));
      if (has && refused) accuse(`${client.name} handled ${id}, of which it was said that it was not kept`);
      if (has || !receipt || !isFor(client.name, to, except)) continue;
      const toRooms = !to.includes(EVERYBODY);
      const atEnd = kills.some(
        (at) => receipt.t <= at && at - LOSES_MS < receipt.t && !wentOn(client, receipt, at, messages),
      );
      if (covered(client, receipt, toRooms, atEnd || !given.has(id))) told++;
      else
        accuse(
          `${client.name} has not got ${id}, acknowledged at ${receipt.offset} of epoch ${receipt.epoch}, and was not told`,
        );
    }
  }
  return { wrong, told, repeated, epochs: epochs.size, gaps };
}

/** Whether a client was given something that came after this one and was acknowledged by then: the log had both. */
function wentOn(
  { stretches }: Client,
  { offset, epoch }: Receipt,
  by: number,
  messages: ReadonlyMap<string, Message>,
): boolean {
  return stretches.some(({ seen }) =>
    [...seen.keys()].some((id) => {
      const later = messages.get(id)?.receipt;
      return later && later.epoch === epoch && later.offset > offset && later.t <= by;
    }),
  );
}

function begun(sameSession: boolean): Stretch {
  return {
    seen: new Map(),
    unsettled: new Set(),
    handled: new Map(),
    at: NO_OFFSET,
    sameSession,
    low: 0,
    high: Number.POSITIVE_INFINITY,
  };
}

function take(client: Client, line: Line, accuse: (what: string) => void): void {
  const stretch = client.stretches.at(-1) as Stretch;
  switch (line.type) {
    case "session":
      client.sameSession &&= client.session === undefined;
      // It may have learned of the gap a moment earlier or later.
      stretch.sameSession &&= client.sameSession;
      client.session = line.session;
      break;
    case "gap":
      if (!ENDS.has(line.reason)) accuse(`${client.name} was told a gap for the reason ${line.reason}`);
      stretch.gap = line;
      client.stretches.push(begun(client.sameSession));
      break;
    case "received":
    case "handled": {
      const { id, offset = NO_OFFSET } = line;
      if (line.type === "handled") {
        // What a handler began before a gap it may end after it.
        const where = client.stretches.findLast(({ unsettled }) => unsettled.has(id)) ?? stretch;
        where.handled.set(id, (where.handled.get(id) ?? 0) + 1);
        if (where.unsettled.delete(id)) break;
      } else stretch.unsettled.add(id);
      if (offset <= stretch.at) accuse(`${client.name} began ${id} at ${offset} after ${stretch.at}`);
      stretch.at = offset;
      stretch.seen.set(id, offset);
    }
  }
}

/** Finds in which epochs each stretch may have been. */
function place(client: Client, messages: Map<string, Message>, count: number, accuse: (what: string) => void): void {
  let low = 0;
  for (const [i, stretch] of client.stretches.entries()) {
    const known = new Set<number>();
    for (const id of stretch.seen.keys()) {
      const receipt = messages.get(id)?.receipt;
      if (receipt && receipt.offset === stretch.seen.get(id)) known.add(receipt.epoch);
    }
    if (known.size > 1) accuse(`${client.name} was in epochs ${[...known]} without a gap between them`);
    const first = Math.min(...known);
    stretch.low = known.size > 0 ? first : low;
    stretch.high = known.size > 0 ? first : count;
    if (known.size > 0 && first < low) accuse(`${client.name} came back to epoch ${first} (stretch ${i})`);
    low = stretch.low;
  }
  let high = count;
  for (const stretch of client.stretches.toReversed()) {
    stretch.high = Math.min(stretch.high, high);
    high = stretch.high;
  }
}

/** What was handled in two stretches. */
function check(client: Client, messages: Map<string, Message>, accuse: (what: string) => void): number {
  const before = new Set<string>();
  let repeated = 0;
  for (const { handled } of client.stretches) {
    for (const [id, times] of handled) {
      const published = messages.get(id)?.begun ?? 0;
      if (published === 0) accuse(`${client.name} handled ${id}, which nobody published`);
      else if (times > published) accuse(`${client.name} handled ${id} ${times} times`);
      if (before.has(id)) repeated++;
      before.add(id);
    }
  }
  return repeated;
}

/** Whether a client was told that it misses what is there. */
function covered(
  { stretches }: Client,
  { offset, epoch }: { readonly offset: number; readonly epoch: number },
  toRooms: boolean,
  lost: boolean,
): boolean {
  const within = ({ low, high }: Stretch) => low <= epoch && epoch <= high;
  // With another session it is in its rooms again only when the application has seen it.
  if (toRooms && stretches.some((stretch) => within(stretch) && !stretch.sameSession)) return true;
  return stretches.some((stretch, i) => {
    const next = stretches[i + 1];
    const { gap } = stretch;
    if (!gap || !next) return false;
    // What was lost with the log may be noticed by another node, and after entries that followed it: the epoch ends for that.
    if (within(stretch) && (offset > gap.from || (lost && gap.reason === "epoch"))) return true;
    if (within(next) && offset <= (gap.to as number)) return true;
    return stretch.low < epoch && epoch < next.high;
  });
}
