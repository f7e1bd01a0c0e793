/**
 * The words in which a run is recorded: one JSON object a line.
 *
 * Rule: lines of one node stand in the order in which they were written; lines of different nodes may be mixed in any way, so
 * the files of several processes are simply joined. A node writes "I am about to" before it acts and "it is so" after it was
 * told, each synchronously, so that a killed process has recorded all that it knew.
 */

/** What every line has. */
export interface Recorded {
  /** Who writes. The name of a client, or of a server; it stays the same when the process is started again. */
  readonly node: string;
  /** Milliseconds, of one clock for all nodes. Used only to see that a message was handled again after it was acknowledged. */
  readonly t?: number;
}

/** A life of a node begins: its process, or its page. */
interface Begin extends Recorded {
  readonly type: "begin";
  /** Clients: whether cursor and outbox of the life before are still there. Without them it is another reader and sender. Default: false. */
  readonly kept?: boolean;
}

/** A node ends for good, on purpose: nothing more is due to it. A server: everything it began has been committed. */
interface End extends Recorded {
  readonly type: "end";
}

/** A client learns its session; again whenever it changes. */
interface SessionKnown extends Recorded {
  readonly type: "session";
  readonly session: string;
}

/** A server is about to publish to rooms, or a client is about to emit to the server. The same id again: it does so again. */
interface Publish extends Recorded {
  readonly type: "publish";
  readonly id: string;
  /** Who is to get it. Everybody, or one session, is a room too: record that they join it. */
  readonly to: readonly string[];
  /** Who is not, although in one of those rooms. */
  readonly except?: readonly string[];
  /** The content, or a digest of it. Compared as JSON text. */
  readonly data?: unknown;
}

/** See {@link Publish}. */
interface Emit extends Recorded {
  readonly type: "emit";
  readonly id: string;
  readonly data?: unknown;
}

/** `published`: the publish is acknowledged. */
interface Published extends Recorded {
  readonly type: "published";
  readonly id: string;
  /** Its place in the log. */
  readonly offset?: number;
}

/** `refused`: the publish has not taken place and never will. `answered`: the emit's answer came. `acked`: the server said that it is settled. `failed`: it was given up, and may have been handled. */
interface Fate extends Recorded {
  readonly type: "refused" | "answered" | "acked" | "failed";
  readonly id: string;
}

/**
 * A session becomes, or ceases to be, a member of a room. With an offset: from the entry after it on, whoever publishes.
 * Without: from this node's next publish on.
 */
interface Membership extends Recorded {
  readonly type: "join" | "leave";
  readonly session: string;
  readonly room: string;
  readonly offset?: number;
}

/** The server finds a session in these rooms, and no others: decides what a kill has left open. What is certain stays certain. */
interface Rooms extends Recorded {
  readonly type: "rooms";
  readonly session: string;
  readonly rooms: readonly string[];
}

/**
 * `received`: the handler is called (optional; the first line of a message decides about order). `handled`: it has done its
 * work. `dead`: it was given up on after its attempts.
 */
interface Handled extends Recorded {
  readonly type: "received" | "handled" | "dead";
  readonly id: string;
  /** Clients: its place in the log, if known. */
  readonly offset?: number;
  /** Servers: whose message it is. */
  readonly session?: string;
  readonly data?: unknown;
}

/** A client is told that entries after `from` up to `to` cannot be delivered. */
interface Gap extends Recorded {
  readonly type: "gap";
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  /** Only this room's. */
  readonly room?: string;
}

/** A client has loaded a snapshot which contains every entry up to `to`. */
interface Snapshot extends Recorded {
  readonly type: "snapshot";
  readonly to: number;
}

/** Something happened after which gaps of this reason are right: the log was trimmed up to `to`, a session was forgotten, a room revoked. What is left out may be anything. */
interface Cause extends Recorded {
  readonly type: "cause";
  readonly reason: string;
  readonly to?: number;
  readonly session?: string;
  readonly room?: string;
}

/** One line. */
export type HistoryEvent =
  | Begin
  | End
  | SessionKnown
  | Publish
  | Published
  | Emit
  | Fate
  | Membership
  | Rooms
  | Handled
  | Gap
  | Snapshot
  | Cause;

const TEXT = "a text";
const NUMBER = "a number";
const TEXTS = "a list of texts";
const REQUIRED: Record<HistoryEvent["type"], Readonly<Record<string, string>>> = {
  begin: {},
  end: {},
  session: { session: TEXT },
  publish: { id: TEXT, to: TEXTS },
  published: { id: TEXT },
  refused: { id: TEXT },
  emit: { id: TEXT },
  answered: { id: TEXT },
  acked: { id: TEXT },
  failed: { id: TEXT },
  join: { session: TEXT, room: TEXT },
  leave: { session: TEXT, room: TEXT },
  rooms: { session: TEXT, rooms: TEXTS },
  received: { id: TEXT },
  handled: { id: TEXT },
  dead: { id: TEXT },
  gap: { from: NUMBER, to: NUMBER, reason: TEXT },
  snapshot: { to: NUMBER },
  cause: { reason: TEXT },
};

/** Reads a line. Throws an `Error` that says what is wrong with it: a line that is passed over could hide what it was to prove. */
export function parseHistoryEvent(text: string, line: number): HistoryEvent {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`line ${line} of the history is no JSON: ${text.slice(0, 80)}`, { cause });
  }
  const required = Object.hasOwn(REQUIRED, String(raw?.type)) ? REQUIRED[raw.type as HistoryEvent["type"]] : undefined;
  if (!required) throw new Error(`line ${line} of the history has an unknown type: ${text.slice(0, 80)}`);
  if (typeof raw.node !== "string") throw new Error(`line ${line} of the history does not say which node wrote it`);
  for (const [name, wanted] of Object.entries(required)) {
    if (!is(wanted, raw[name])) throw new Error(`line ${line} of the history: "${name}" is not ${wanted}`);
  }
  for (const name of ["offset", "t"]) {
    if (raw[name] !== undefined && !is(NUMBER, raw[name])) {
      throw new Error(`line ${line} of the history: "${name}" is not ${NUMBER}`);
    }
  }
  return raw as unknown as HistoryEvent;
}

function is(wanted: string, value: unknown): boolean {
  if (wanted === TEXT) return typeof value === "string";
  if (wanted === NUMBER) return typeof value === "number";
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
