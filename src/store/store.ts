/**
 * The seam between delivery and a database: one log in order, and what is known of each session.
 *
 * Rule: every change goes through {@link Store.commit}, a batch of operations that happens in order and as one
 * atomic step, or not at all. That is what puts a join between the two messages it stood between, a stored answer
 * beside the position it belongs to, and lets an engine be one transaction or one script.
 *
 * The store knows opaque audience keys, not namespaces or rooms; it stores `except` and does not interpret it.
 * `memory()` is the executable meaning of this file.
 */
import type { Epoch, Offset } from "../core/position.ts";

/** What an acknowledged commit survives: nothing, a killed process, power loss, the loss of a machine. */
export type Durability = "memory" | "os" | "disk" | "replicated";

/** Names a set of readers. Opaque to the store. */
export type AudienceKey = string;

/** A message on its way into the log. */
export interface NewEntry {
  /** The message's identity, a ULID. Appending an id the log still holds appends nothing. */
  readonly id: string;
  /** Who may read it: at least one key. */
  readonly keys: readonly AudienceKey[];
  /** Who may not, although a key of theirs is in `keys`. */
  readonly except: readonly AudienceKey[];
  /** Event and arguments, encoded once. Opaque. Text is well-formed Unicode, as JSON is. */
  readonly data: string | Uint8Array;
  /** When it was published, milliseconds since 1970. Used for retention by age only. */
  readonly publishedAt: number;
}

/** A message at its place. */
export interface Entry extends NewEntry {
  readonly offset: Offset;
}

/** A stretch of time in which a session belongs to an audience: entries with `since < offset <= until`. */
export interface Membership {
  readonly key: AudienceKey;
  readonly since: Offset;
  /** `null` while it lasts. */
  readonly until: Offset | null;
}

/** Answers that were kept in one step. The list is named by the number of the first. */
export type AnswerList = readonly (readonly [seq: number, answer: string | Uint8Array])[];

/** All that outlives a session's connections. */
export interface StoredSession {
  readonly id: string;
  /** The Socket.IO namespace the session belongs to. */
  readonly namespace: string;
  /** Who owns the session, as told by the application; `null` when it tells nothing. */
  readonly principal: string | null;
  /** Counts resumes. The connection of the highest generation owns the session. */
  readonly generation: number;
  /** The highest generation whose welcome the client has shown to have received. */
  readonly confirmed: number;
  readonly seenAt: number;
  /** The client's cursor: up to here it has settled everything that is for it. */
  readonly cursor: Offset;
  /** The last offset that the client acknowledged as arrived, settled or not. */
  readonly arrived: Offset;
  /** Up to here everything that is for the session has arrived. Never below `arrived` or `cursor`. */
  readonly position: Offset;
  readonly memberships: readonly Membership[];
  /** Every message of the client up to this sequence number is settled. */
  readonly inboxSettled: number;
  /** Settled sequence numbers above `inboxSettled`, ascending. */
  readonly inboxAbove: readonly number[];
  /** Answers that the client may not have: lists as they were kept, by ascending names. */
  readonly answers: readonly AnswerList[];
}

/** An entry or message that was given up on. */
export interface DeadLetter {
  /** ULID of the letter. */
  readonly id: string;
  readonly session: string;
  /** Which handler gave up: the client's, for a message of the log, or the server's, for one of the client. */
  readonly direction: "to-client" | "to-server";
  readonly namespace: string;
  /** The message's ULID. */
  readonly message: string;
  /** Event and arguments as they were stored. */
  readonly data: string | Uint8Array;
  readonly attempts: number;
  /** What the last attempt said. */
  readonly reason: string;
  readonly at: number;
}

/**
 * One step of a commit.
 *
 * Steps that carry a `generation` change nothing when the session's stored generation is another one (it was
 * resumed elsewhere) or the session is unknown; their outcome is then `undefined`.
 */
export type Operation =
  | { readonly kind: "append"; readonly entry: NewEntry }
  /**
   * Starts a session at the log's head, generation 1, member of `keys`, with an inbox that starts after `inboxSettled`.
   * A session that has this id already starts over.
   */
  | {
      readonly kind: "open";
      readonly session: string;
      readonly namespace: string;
      readonly principal: string | null;
      readonly keys: readonly AudienceKey[];
      readonly inboxSettled: number;
      readonly at: number;
    }
  /**
   * Takes a session over: its generation becomes `next`, if it is `from`. Otherwise somebody else has taken it over, or it is unknown: `undefined`.
   * Callers choose `next` above `from` and so that two hardly choose the same: a repetition takes a session with `next` for its own doing.
   */
  | {
      readonly kind: "resume";
      readonly session: string;
      readonly from: number;
      readonly next: number;
      readonly at: number;
    }
  /** Becomes a member from the log's head on. A member already: the old membership goes on. */
  | { readonly kind: "join"; readonly session: string; readonly generation: number; readonly key: AudienceKey }
  /** Membership ends at `until`, by default at the log's head. One that holds no offset is dropped at once. No member: nothing happens. */
  | {
      readonly kind: "leave";
      readonly session: string;
      readonly generation: number;
      readonly key: AudienceKey;
      readonly until?: Offset;
    }
  /** Moves the cursor. `cursor`, `arrived` and `position` never move back unless `rewind`; memberships that ended at or before `cursor` are dropped. */
  | {
      readonly kind: "progress";
      readonly session: string;
      readonly generation: number;
      readonly cursor: Offset;
      readonly arrived: Offset;
      readonly position: Offset;
      readonly confirmed: number;
      readonly at: number;
      readonly rewind?: boolean;
    }
  /**
   * Moves the inbox: `settled` never moves back, `above` is replaced by those of the numbers given that are above it,
   * answers are added as one list (one of the same name is replaced, an empty one is none), then the lists named in `drop` are removed.
   */
  | {
      readonly kind: "inbox";
      readonly session: string;
      readonly generation: number;
      readonly settled: number;
      readonly above: readonly number[];
      readonly answers: AnswerList;
      readonly drop: readonly number[];
    }
  /** Forgets a session and everything kept for it, dead letters excepted. */
  | { readonly kind: "forget"; readonly session: string }
  /** Keeps a dead letter, in place of one of the same id. */
  | { readonly kind: "bury"; readonly letter: DeadLetter }
  /** Removes a dead letter. */
  | { readonly kind: "unbury"; readonly letter: string };

/** What came of one operation. Fields that do not concern its kind are absent. */
export interface Outcome {
  /** `append`: where the entry is. All others: the log's head at that moment. */
  readonly offset: Offset;
  /** `append`: whether the id was there already, at `offset`. */
  readonly duplicate?: boolean;
  /** `resume`: the session as it now is. */
  readonly session?: StoredSession;
}

/** Names a batch, so that repeating it is no second one. */
export interface CommitId {
  /** Who commits: nobody else has this name. */
  readonly writer: string;
  /** Grows with each batch of this writer; the same for each attempt at one. */
  readonly number: number;
}

/** What a store says of itself when it is opened. */
export interface LogState {
  readonly epoch: Epoch;
  /** The last offset, or the trim floor when nothing is above it. */
  readonly head: Offset;
  /** Entries at or below this offset are trimmed. */
  readonly floor: Offset;
  /** 32 random bytes that stay the same as long as the log lives; they sign resume tokens. */
  readonly secret: Uint8Array;
}

/** Which entries to read: those under any of the keys, within that key's own bounds. */
export interface ReadQuery {
  readonly keys: readonly {
    readonly key: AudienceKey;
    /** Exclusive. */
    readonly after: Offset;
    /** Inclusive. */
    readonly upTo: Offset;
  }[];
  /** At most so many entries and damaged rows; at least one. */
  readonly limit: number;
  /** Stop after the entry with which the sum of `data`, in bytes, reaches this size; never before the first. */
  readonly maxBytes: number;
  /** Newest first. Default: oldest first. */
  readonly reverse?: boolean;
}

/** Entries in log order (or against it, for a reverse query), each once. May hold entries beyond what was asked: the caller tests the audience. */
export interface Page {
  readonly entries: readonly Entry[];
  /** Whether the query has more. When it has, `end` is the offset of the last row considered; read on from there. */
  readonly more: boolean;
  /**
   * The last offset this page speaks for: everything asked for up to it (from it, for a reverse query) is in `entries` or
   * `corrupt`. Without `more` that is the highest `upTo`, or the head where that is lower; for a reverse query, what
   * follows the lowest `after` or the floor.
   */
  readonly end: Offset;
  /** The trim floor at the moment of reading: what is at or below it was not considered. */
  readonly floor: Offset;
  /** Offsets in this stretch whose row is damaged. */
  readonly corrupt: readonly Offset[];
}

/** How much of the log is kept: the first bound that is reached trims. */
export interface Retention {
  readonly maxAgeMs: number;
  readonly maxEntries: number;
  /** Sum of the entries' `data`. */
  readonly maxBytes: number;
}

/**
 * Where the log and the sessions are kept. Methods reject with a `DeliveryError` of a `STORE_*` code.
 *
 * A rejected {@link Store.commit} has one of three meanings. `STORE_FULL`, `STORE_READONLY`, `STORE_BUSY`: nothing of the
 * batch was kept by this attempt; one whose earlier attempt was unknown stays unknown. `INVALID`, `CLOSED`: nothing was
 * kept, and repeating it is no use. Any other code: unknown; the same batch is repeated with the same id.
 *
 * A log that others keep can be emptied, replaced or rolled back while the store is open. A store that notices it begins a new epoch: tails
 * end, `replaced` is called, and then what was called before rejects with `STORE_REPLACED`, which means that nothing of it is to be built on.
 * What is called from then on is about the log as it is now.
 */
export interface Store {
  /** The level that a resolved commit has reached. */
  readonly durability: Durability;

  /** Whether other processes may use it at the same time. @default false */
  readonly shared?: boolean;

  /** Opens the store; creates, migrates or repairs it first. Called once, before anything else; again only after it rejected. @param replaced Called when the log has begun another life. */
  open(replaced?: (log: LogState) => void): Promise<LogState>;

  /**
   * Performs the operations in order, as one atomic step. One outcome each; `undefined` where it was fenced or the session is unknown.
   *
   * A batch with the id of the one that this writer committed last is that one, repeated: nothing is performed, and the outcomes are
   * what they were; of an entry that was trimmed meanwhile the offset may be any that is not above the floor.
   */
  commit(batch: readonly Operation[], id?: CommitId): Promise<readonly (Outcome | undefined)[]>;

  /** A page of the log. */
  read(query: ReadQuery): Promise<Page>;

  /**
   * Calls `sink` with every entry after `after`, in log order, each once, as commits of any process are seen.
   * After x was seen nothing below x appears. Never calls `sink` before this method has returned. Entries that were
   * trimmed before the tail came to them, and damaged ones, are left out: `read` tells of them.
   */
  tail(after: Offset, sink: (entries: readonly Entry[]) => void): Tail;

  /** Whether the log holds this message at this place: notices a log that was rolled back or replaced behind its epoch. */
  check(offset: Offset, id: string): Promise<"match" | "trimmed" | "forked">;

  /** The session, or `undefined`. */
  session(id: string): Promise<StoredSession | undefined>;

  /** Sessions in the order of their ids, after the one named. */
  sessions(after: string, limit: number): Promise<readonly StoredSession[]>;

  /** How many sessions a principal has, and the one of them that was seen longest ago. */
  sessionsOf(principal: string): Promise<{ readonly count: number; readonly oldest: string | undefined }>;

  /** Forgets up to `limit` sessions last seen before `seenBefore`, and answers how many. */
  expire(seenBefore: number, limit: number): Promise<number>;

  /**
   * One small step of trimming: removes up to `limit` entries from the log's beginning, as long as the first is older
   * than allowed or the log exceeds a bound, and raises the floor with it. Answers the floor, and whether there is more
   * to do.
   */
  trim(retention: Retention, now: number, limit: number): Promise<{ readonly floor: Offset; readonly more: boolean }>;

  /** Dead letters in the order of their ids, after the one named. */
  deadLetters(after: string, limit: number): Promise<readonly DeadLetter[]>;

  /** How much is kept. */
  usage(): Promise<{
    readonly entries: number;
    readonly bytes: number;
    readonly sessions: number;
    readonly deadLetters: number;
  }>;

  /**
   * Only where the engine can: appends inside the transaction that the application has open on the same connection.
   * `undefined` when there is none; the entry is not made then. Throws at once when it cannot be made or appended, so that the transaction is rolled
   * back with it. The promise resolves with the outcome once the transaction has ended and kept the entry, and rejects
   * with `ROLLED_BACK` when it did not.
   */
  appendInTransaction?(makeEntry: () => NewEntry): Promise<Outcome> | undefined;

  /** Finishes what was begun and lets go of files and connections. The store cannot be used afterwards. */
  close(): Promise<void>;
}

/** A running {@link Store.tail}. */
export interface Tail {
  /** Stops calling the sink. */
  stop(): void;
}
