/**
 * Who a recorded publish was for.
 *
 * Rule: there are three answers, yes, no and perhaps, and only the first two accuse anybody. A join counts from the
 * recorder's next publish on; one that nothing was known to follow in its server's life may have died with it.
 */
import type { HistoryEvent } from "./history-event.ts";
import { type Begun, type HistoryRecord, Message, obtain, type Track } from "./history-record.ts";

/** Sessions that a publish was for, and those of which it is not known. */
export interface Audience {
  readonly due: ReadonlySet<string>;
  readonly perhaps: ReadonlySet<string>;
}

type Members = Map<string, "yes" | "perhaps">;
type MembershipEvent = Extract<HistoryEvent, { type: "join" | "leave" }>;
/** Offsets after which a session is in a room, or is not, ascending. */
type Timeline = { readonly offset: number; readonly member: boolean }[];

/** What all servers together have recorded of a room. */
interface RoomRecord {
  /** Who recorded something without an offset about a session. */
  readonly recorders: Map<string, Set<Track>>;
  /** Sessions of which offsets are known. */
  readonly timelines: Map<string, Timeline>;
}

/**
 * Calls back with each publish and its audience.
 *
 * @param lastOf After which line of a server a session's client is gone and cannot be accused of anything; `undefined`: it is
 * not gone. Servers do not say so, and would seem to have more and more members.
 */
export function forEachPublish(
  record: HistoryRecord,
  lastOf: (session: string, track: Track) => number | undefined,
  tell: (message: Message, audience: Audience) => void,
): void {
  const rooms = collect(record);
  const again = new Map<Message, Audience>();
  for (const track of record.tracks.values()) {
    const server = new ServerView(track, rooms, lastOf);
    track.walk((_type, thing, _line, at) => {
      server.reach(at);
      if (!(thing instanceof Message)) {
        server.take(thing);
        return;
      }
      if (thing.direction !== "to-clients") return;
      const begun = thing.begun.find((one) => one.node === track && one.at === at);
      if (!begun) return;
      const audience = server.audience(thing, begun);
      // One that another life began again may have got into the log only then.
      if (thing.known && thing.begin) server.confirm();
      if (thing.begun.length === 1) tell(thing, audience);
      else again.set(thing, both(again.get(thing), audience));
    });
  }
  for (const [message, audience] of again) tell(message, audience);
}

/** One of several times that the same was published counts, and it is not known which. */
function both(one: Audience | undefined, other: Audience): Audience {
  if (!one) return other;
  const due = new Set([...one.due].filter((session) => other.due.has(session)));
  const perhaps = [...one.due, ...other.due, ...one.perhaps, ...other.perhaps].filter((session) => !due.has(session));
  return { due, perhaps: new Set(perhaps) };
}

function collect(record: HistoryRecord): Map<string, RoomRecord> {
  const rooms = new Map<string, RoomRecord>();
  for (const track of record.tracks.values()) {
    track.walk((_type, thing) => {
      if (thing instanceof Message || (thing.type !== "join" && thing.type !== "leave")) return;
      const { room: name, session, offset, type } = thing;
      const room = obtain(rooms, name, () => ({ recorders: new Map(), timelines: new Map() }));
      if (offset === undefined) obtain(room.recorders, session, () => new Set<Track>()).add(track);
      else obtain(room.timelines, session, () => [] as Timeline).push({ offset, member: type === "join" });
    });
  }
  for (const { timelines } of rooms.values()) {
    for (const timeline of timelines.values()) timeline.sort((a, b) => a.offset - b.offset);
  }
  return rooms;
}

/** The rooms as one server has recorded them, up to a line. */
class ServerView {
  readonly #records: Map<string, RoomRecord>;
  readonly #rooms = new Map<string, Members>();
  /** Joins and leaves of this life that nothing is known to follow. */
  #open: MembershipEvent[] = [];
  #cached = new Map<string, Audience>();
  /** Sessions that others than this server, too, have recorded something of, by room: no order can be made of that. */
  readonly #others = new Map<string, string[]>();
  /** Whose client will be gone, soonest last. */
  readonly #leaving: { readonly session: string; readonly after: number }[] = [];
  readonly #gone = new Set<string>();

  constructor(
    track: Track,
    records: Map<string, RoomRecord>,
    lastOf: (session: string, track: Track) => number | undefined,
  ) {
    this.#records = records;
    const sessions = new Set<string>();
    for (const [room, { recorders }] of records) {
      const others: string[] = [];
      for (const [session, by] of recorders) {
        sessions.add(session);
        if (by.size > 1 || !by.has(track)) others.push(session);
      }
      this.#others.set(room, others);
    }
    for (const session of sessions) {
      const after = lastOf(session, track);
      if (after !== undefined) this.#leaving.push({ session, after });
    }
    this.#leaving.sort((a, b) => b.after - a.after);
  }

  /** The next line is this one. */
  reach(at: number): void {
    for (let next = this.#leaving.at(-1); next && next.after < at; next = this.#leaving.at(-1)) {
      this.#leaving.pop();
      this.#gone.add(next.session);
      for (const members of this.#rooms.values()) members.delete(next.session);
      this.#cached = new Map();
    }
  }

  take(event: HistoryEvent): void {
    if ("session" in event && event.session !== undefined && this.#gone.has(event.session)) return;
    switch (event.type) {
      case "begin":
        for (const { room, session } of this.#open) {
          if (!this.#gone.has(session)) this.#members(room).set(session, "perhaps");
        }
        this.#open = [];
        break;
      case "end":
        this.#open = [];
        return;
      case "join":
      case "leave":
        if (event.offset !== undefined) return;
        if (event.type === "join") this.#members(event.room).set(event.session, "yes");
        else this.#members(event.room).delete(event.session);
        this.#open.push(event);
        break;
      case "rooms":
        for (const [room, members] of this.#rooms) {
          if (members.get(event.session) !== "perhaps") continue;
          if (event.rooms.includes(room)) members.set(event.session, "yes");
          else members.delete(event.session);
        }
        break;
      default:
        return;
    }
    this.#cached = new Map();
  }

  /** A publish of this life is in the log, and so is what this server did before it. */
  confirm(): void {
    this.#open = [];
  }

  audience(message: Message, { to, except }: Begun): Audience {
    const offset = message.offset?.value;
    const timed = [...to, ...except].some((room) => (this.#records.get(room)?.timelines.size ?? 0) > 0);
    const key = JSON.stringify([to, except]);
    const cached = timed ? undefined : this.#cached.get(key);
    if (cached) return cached;
    const wanted = this.#union(to, offset);
    const excepted = this.#union(except, offset);
    const due = new Set<string>();
    const perhaps = new Set<string>();
    for (const [session, member] of wanted) {
      const out = excepted.get(session);
      if (out === "yes") continue;
      if (member === "yes" && out === undefined) due.add(session);
      else perhaps.add(session);
    }
    const audience = { due, perhaps };
    if (!timed) this.#cached.set(key, audience);
    return audience;
  }

  #union(rooms: readonly string[], offset: number | undefined): Members {
    const all: Members = new Map();
    for (const name of rooms) {
      for (const [session, member] of this.#room(name, offset)) {
        if (all.get(session) !== "yes") all.set(session, member);
      }
    }
    return all;
  }

  #room(name: string, offset: number | undefined): Members {
    const members: Members = new Map(this.#rooms.get(name));
    for (const session of this.#others.get(name) ?? []) members.set(session, "perhaps");
    for (const [session, timeline] of this.#records.get(name)?.timelines ?? []) {
      if (offset === undefined) members.set(session, "perhaps");
      else if (timeline.findLast((change) => change.offset < offset)?.member) members.set(session, "yes");
      else members.delete(session);
    }
    return members;
  }

  #members(room: string): Members {
    return obtain(this.#rooms, room, () => new Map());
  }
}
