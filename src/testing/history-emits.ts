/**
 * From clients to the server: whether each message was handled, once and in the order in which it was emitted.
 *
 * Rule: a message is handled twice only when that happened within one life of the handling process, or after its sender had
 * been told that it is settled. A process killed half-way leaves the message to its next life; that is "at least once".
 */
import { type HistoryRecord, Message, type Track } from "./history-record.ts";

/** A client's emits, as long as it keeps its outbox. */
interface Sender {
  readonly name: string;
  readonly sessions: Set<string>;
  readonly emits: Message[];
  /** Another one has taken its name: what it had begun and a handler had received is nobody's to repeat. */
  replaced: boolean;
}

/** Checks every emit of a history. */
export function checkEmits(record: HistoryRecord): void {
  const senders: Sender[] = [];
  const senderOf = new Map<Message, Sender>();
  const bySession = new Map<string, Sender>();
  for (const track of record.tracks.values()) {
    for (const sender of sendersOf(track)) {
      senders.push(sender);
      for (const message of sender.emits) senderOf.set(message, sender);
      for (const session of sender.sessions) bySession.set(session, sender);
    }
  }
  for (const track of record.tracks.values()) checkHandler(record, track, senderOf, bySession);
  for (const sender of senders) checkSender(record, sender);
}

function sendersOf(track: Track): Sender[] {
  const senders: Sender[] = [];
  let sender: Sender | undefined;
  const current = (): Sender => {
    if (!sender) {
      sender = { name: track.node, sessions: new Set(), emits: [], replaced: false };
      senders.push(sender);
    }
    return sender;
  };
  track.walk((type, thing) => {
    if (thing instanceof Message) {
      if (type === "emit") current().emits.push(thing);
    } else if (thing.type === "begin" && !thing.kept) {
      if (sender) sender.replaced = true;
      sender = undefined;
    } else if (thing.type === "session") current().sessions.add(thing.session);
  });
  return senders;
}

/** The lines in which one server handled emits. */
function checkHandler(
  record: HistoryRecord,
  track: Track,
  senderOf: Map<Message, Sender>,
  bySession: Map<string, Sender>,
): void {
  let seen = new Set<Message>();
  let handled = new Map<string, number>();
  let furthest = new Map<Sender, Message>();
  track.walk((type, thing, line, at) => {
    if (!(thing instanceof Message)) {
      if (thing.type !== "begin") return;
      seen = new Set();
      handled = new Map();
      furthest = new Map();
      return;
    }
    if (thing.direction !== "to-server" || (type !== "received" && type !== "handled" && type !== "dead")) return;
    const { id, begin } = thing;
    const session = track.session(at);
    const sender = senderOf.get(thing);
    const claimed = session === undefined ? undefined : bySession.get(session);
    if (claimed && sender && claimed !== sender) {
      record.report("phantom", track.node, id, `emitted by ${sender.name}, handled as ${claimed.name}'s`, line);
    }
    if (!seen.has(thing)) {
      seen.add(thing);
      const last = sender && furthest.get(sender);
      if (begin && last?.begin && last.begin.at > begin.at) {
        const detail = `emitted before ${last.id}, handled after it`;
        record.report("out-of-order", track.node, id, detail, begin.line, last.begin.line, line);
      } else if (begin && sender) furthest.set(sender, thing);
    }
    if (type !== "handled") return;
    const key = `${session}\n${id}`;
    const before = handled.get(key);
    if (before) record.report("duplicate", track.node, id, "handled twice in one life", before, line);
    handled.set(key, line);
  });
}

function checkSender(record: HistoryRecord, { name, emits, replaced }: Sender): void {
  let furthest = -1;
  const furthestOfLife = new Map<number, number>();
  for (const { begin, handled } of emits) {
    if (!begin || !handled) continue;
    furthest = begin.at;
    furthestOfLife.set(begin.life, begin.at);
  }
  for (const message of emits) {
    const { id, begin, handled, handlings, acknowledged, answered, acknowledgedAt, failed } = message;
    if (handled) {
      if (acknowledgedAt === undefined || handlings.length < 2) continue;
      const late = handlings.find(({ t }) => t !== undefined && t > acknowledgedAt);
      if (late)
        record.report("duplicate", name, id, "handled again after it was acknowledged", acknowledged, late.line);
      continue;
    }
    // Received, and killed before it was settled: only its sender could have sent it again.
    if (replaced && message.received && !acknowledged) continue;
    const told = acknowledged || answered;
    if (told) {
      const passed = begin !== undefined && furthest > begin.at;
      const detail = `${acknowledged ? "acknowledged" : "answered"}, and never handled`;
      record.report(passed ? "lost" : "unseen", name, id, detail, begin?.line, told);
    } else if (begin && !failed && (furthestOfLife.get(begin.life) ?? -1) > begin.at) {
      // Only within a life: what a killed client had not kept is nowhere.
      record.report("skipped", name, id, "never handled, although later ones of the same life were", begin.line);
    }
  }
}
