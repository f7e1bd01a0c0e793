/**
 * From the log to clients: whether each got all that was for it, once and in order, or was told.
 *
 * Rule: a reader is a client with what it has kept. A life that kept nothing begins another reader; what the one before had
 * not handled is nobody's any more.
 */
import { type Audience, forEachPublish } from "./history-audience.ts";
import type { HistoryEvent } from "./history-event.ts";
import { type HistoryRecord, Message, obtain, type Track } from "./history-record.ts";

type GapEvent = Extract<HistoryEvent, { type: "gap" }>;

interface ToldGap {
  readonly event: GapEvent;
  readonly line: number;
  readonly life: number;
}

/** A client, as long as it keeps what it knows. */
class Reader {
  readonly name: string;
  readonly sessions = new Set<string>();
  /** What it has handled, once for each time, and in which lines. */
  readonly handled: Message[] = [];
  readonly handledIn: number[] = [];
  /** With how many of them each life began. */
  readonly livesFrom: number[] = [0];
  /** Handled or given up on; and received without that. */
  readonly done = new Set<Message>();
  readonly received = new Set<Message>();
  readonly due: Message[] = [];
  readonly gaps: ToldGap[] = [];
  readonly snapshots: number[] = [];
  /** Another reader has taken its name, or it has ended. */
  gone: "no" | "replaced" | "ended" = "no";
  /** The furthest that it has handled, by offset, and by the lines of each sender. */
  furthest = Number.NEGATIVE_INFINITY;
  readonly furthestOf = new Map<Track, number>();
  /** What begins with a life. */
  /** In which line each was handled; 0: received. */
  lifeSeen = new Map<Message, number>();
  lifeFurthest: Message | undefined;
  lifeFurthestOf = new Map<Track, Message>();

  constructor(name: string) {
    this.name = name;
  }

  get life(): number {
    return this.livesFrom.length - 1;
  }

  begin(): void {
    this.livesFrom.push(this.handled.length);
    this.lifeSeen = new Map();
    this.lifeFurthest = undefined;
    this.lifeFurthestOf = new Map();
  }

  /** Whether it was told that it misses the message, or has it from a snapshot. */
  excused({ offset, begun }: Message): boolean {
    if (!offset) return false;
    const { value } = offset;
    if (this.snapshots.some((to) => value <= to)) return true;
    return this.gaps.some(
      ({ event: { from, to, room } }) =>
        from < value && value <= to && (room === undefined || begun.some((one) => one.to.includes(room))),
    );
  }
}

/** Checks every client of a history. */
export function checkReaders(record: HistoryRecord): void {
  const bySession = new Map<string, Reader>();
  const readers: Reader[] = [];
  for (const track of record.tracks.values()) readers.push(...readersOf(record, track, bySession));
  const handlers = new Map<Message, Reader[]>();
  for (const reader of readers) {
    for (const message of reader.handled) {
      const others = obtain(handlers, message, () => [] as Reader[]);
      if (others.at(-1) !== reader) others.push(reader);
    }
  }
  forEachPublish(record, lastOf(bySession), (message, audience) => {
    for (const reader of handlers.get(message) ?? []) checkEntitled(record, reader, message, audience);
    if (!message.known || message.refused) return;
    for (const session of audience.due) {
      const due = bySession.get(session)?.due;
      if (due?.at(-1) !== message) due?.push(message);
    }
  });
  for (const reader of readers) {
    checkHoles(record, reader);
    for (const gap of reader.gaps) checkGap(record, reader, gap);
  }
}

/** For clients that are gone: the last line of a server in which something was begun that they have handled. */
function lastOf(bySession: Map<string, Reader>): (session: string, track: Track) => number | undefined {
  const lasts = new Map<Reader, Map<Track, number>>();
  for (const reader of new Set(bySession.values())) {
    if (reader.gone === "no") continue;
    const last = obtain(lasts, reader, () => new Map<Track, number>());
    for (const { begun } of reader.handled) {
      for (const { node, at } of begun) last.set(node, Math.max(last.get(node) ?? -1, at));
    }
  }
  return (session, track) => {
    const reader = bySession.get(session);
    const last = reader && lasts.get(reader);
    return last && (last.get(track) ?? -1);
  };
}

function readersOf(record: HistoryRecord, track: Track, bySession: Map<string, Reader>): Reader[] {
  const readers: Reader[] = [];
  let reader: Reader | undefined;
  const current = (): Reader => {
    if (!reader) {
      reader = new Reader(track.node);
      readers.push(reader);
    }
    return reader;
  };
  track.walk((type, thing, line) => {
    if (thing instanceof Message) {
      const reading = type === "received" || type === "handled" || type === "dead";
      if (reading && thing.direction !== "to-server") take(record, current(), type, thing, line);
      return;
    }
    switch (thing.type) {
      case "begin":
        if (!reader) break;
        if (thing.kept) reader.begin();
        else {
          reader.gone = "replaced";
          reader = undefined;
        }
        break;
      case "end":
        if (reader) reader.gone = "ended";
        break;
      case "session":
        current().sessions.add(thing.session);
        bySession.set(thing.session, current());
        break;
      case "gap":
        current().gaps.push({ event: thing, line, life: current().life });
        break;
      case "snapshot":
        current().snapshots.push(thing.to);
    }
  });
  return readers;
}

function take(
  record: HistoryRecord,
  reader: Reader,
  type: "received" | "handled" | "dead",
  message: Message,
  line: number,
): void {
  const { name } = reader;
  if (message.direction === undefined) record.report("phantom", name, message.id, "nobody published it", line);
  else if (message.refused) {
    record.report("phantom", name, message.id, "its publish was refused", message.refused, line);
  }
  const before = reader.lifeSeen.get(message);
  if (before === undefined) {
    reader.lifeSeen.set(message, 0);
    checkOrder(record, reader, message, line);
  }
  if (type === "received") {
    if (!reader.done.has(message)) reader.received.add(message);
    return;
  }
  reader.received.delete(message);
  reader.done.add(message);
  if (type === "dead") return;
  if (before) record.report("duplicate", name, message.id, "handled twice in one life", before, line);
  reader.lifeSeen.set(message, line);
  reader.handled.push(message);
  reader.handledIn.push(line);
  if (message.offset) reader.furthest = Math.max(reader.furthest, message.offset.value);
  const { begin } = message;
  if (begin) reader.furthestOf.set(begin.node, Math.max(reader.furthestOf.get(begin.node) ?? -1, begin.at));
}

function checkOrder(record: HistoryRecord, reader: Reader, message: Message, line: number): void {
  const { offset, begin } = message;
  const furthest = reader.lifeFurthest;
  const furthestOfSender = begin && reader.lifeFurthestOf.get(begin.node);
  if (offset && furthest?.offset && furthest.offset.value > offset.value) {
    const where = `offset ${offset.value} after ${furthest.id} at ${furthest.offset.value}`;
    record.report("out-of-order", reader.name, message.id, where, line);
  } else if (begin && furthestOfSender?.begin && furthestOfSender.begin.at > begin.at) {
    const where = `published before ${furthestOfSender.id}, handled after it`;
    record.report("out-of-order", reader.name, message.id, where, begin.line, furthestOfSender.begin.line, line);
  }
  if (offset && !(furthest?.offset && furthest.offset.value > offset.value)) reader.lifeFurthest = message;
  if (begin && !(furthestOfSender?.begin && furthestOfSender.begin.at > begin.at)) {
    reader.lifeFurthestOf.set(begin.node, message);
  }
}

function checkEntitled(record: HistoryRecord, reader: Reader, message: Message, { due, perhaps }: Audience): void {
  const { name, sessions, handled, handledIn } = reader;
  if (sessions.size === 0 || [...sessions].some((session) => due.has(session) || perhaps.has(session))) return;
  const line = handledIn[handled.indexOf(message)];
  record.report("phantom", name, message.id, "it was not for this client", message.begun[0]?.line, line);
}

function checkHoles(record: HistoryRecord, reader: Reader): void {
  for (const message of reader.due) {
    if (reader.done.has(message) || reader.excused(message)) continue;
    if (reader.gone !== "no" && reader.received.has(message)) continue;
    const { offset, begin } = message;
    const passed =
      (offset !== undefined && reader.furthest > offset.value) ||
      (begin !== undefined && (reader.furthestOf.get(begin.node) ?? -1) > begin.at);
    const at = offset ? ` at offset ${offset.value}` : "";
    const lines = [message.begun[0]?.line, message.acknowledged || message.handled];
    if (!passed) {
      const detail = `known${at}, and the run ended before this client had handled it or anything later`;
      if (reader.gone === "no") record.report("unseen", reader.name, message.id, detail, ...lines);
    } else if (message.acknowledged) {
      const detail = `acknowledged${at}, not handled although later ones were, and no gap told`;
      record.report("lost", reader.name, message.id, detail, ...lines);
    } else {
      const detail = `handled by others${at}, not by this client although later ones were, and no gap told`;
      record.report("skipped", reader.name, message.id, detail, ...lines);
    }
  }
}

function checkGap(record: HistoryRecord, reader: Reader, { event, line, life }: ToldGap): void {
  const { from, to, reason, room } = event;
  const what = `(${from}, ${to}] ${reason}`;
  const accuse = (detail: string, ...lines: number[]) =>
    record.report("false-gap", reader.name, what, detail, line, ...lines);
  const caused = record.causes.some(
    (cause) =>
      cause.reason === reason &&
      (cause.to === undefined || to <= cause.to) &&
      (cause.session === undefined || reader.sessions.has(cause.session)) &&
      (cause.room === undefined || cause.room === room),
  );
  if (!caused) accuse("nothing is recorded that could be its cause");
  const within = ({ offset, begun }: Message) =>
    offset !== undefined &&
    from < offset.value &&
    offset.value <= to &&
    (room === undefined || begun.some((one) => one.to.includes(room)));
  // An earlier life may have handled what it had not yet kept.
  for (let i = reader.livesFrom[life] as number; i < reader.handled.length; i++) {
    const message = reader.handled[i] as Message;
    if (within(message)) accuse(`it covers ${message.id}, which was handled`, reader.handledIn[i] as number);
  }
  // These two say that a message is there and cannot be had; others only that one may have been.
  if ((reason === "corrupt" || reason === "overflow") && from < to && !reader.due.some(within)) {
    accuse("nothing that was for this client is missing in it");
  }
  if (to < from) accuse("it ends before it begins");
}
