/**
 * One node: it reads the log in order and hands each entry to the connections of the sessions it is for.
 *
 * Rule: an entry is sent only after it was read back from the log, on the node that published it too; so every client sees one
 * order. Outcomes of a commit are applied before the entries of that commit are dispatched; so a join or a leave lies exactly
 * between the two publishes it was made between.
 *
 * No Socket.IO, no clock but the one it is given: the simulator runs this file as it is.
 */
import type { Clock } from "../core/clock.ts";
import { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import type { GapReason } from "../core/resume.ts";
import type { WireGap } from "../core/wire.ts";
import type { DeadLetter, Entry, LogState, NewEntry, Operation, Store, Tail } from "../store/store.ts";
import { address } from "./addressing.ts";
import { append } from "./append.ts";
import { type Chunk, chunksOf } from "./chunk.ts";
import type { Codec } from "./codec.ts";
import { type Coming, Comings } from "./comings.ts";
import type { Connection, Feeder, Stretch } from "./connection.ts";
import { Cursors } from "./cursors.ts";
import type { DeliveryEvents } from "./delivery-events.ts";
import type { Events } from "./events.ts";
import { Handling } from "./handling.ts";
import type { Metrics } from "./metrics.ts";
import { Opening } from "./opening.ts";
import type { Settings } from "./options.ts";
import { Recent } from "./recent.ts";
import { readRecent, readStore } from "./replay.ts";
import { Replayed } from "./replayed.ts";
import { Roster } from "./roster.ts";
import type { Session, SessionHost } from "./session.ts";
import type { Place } from "./turns.ts";
import { type Settled, Writer } from "./writer.ts";

/** What surrounds a hub. */
export interface HubOptions {
  readonly store: Store;
  readonly settings: Settings;
  readonly codec: Codec;
  /** Whether entries are spliced into frames as text: Socket.IO's own parser is in use. */
  readonly spliced: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly later: (run: () => void) => void;
  /** A new ULID. */
  readonly newId: () => string;
  /** A new session's id, which nobody can guess. */
  readonly newSession: () => string;
  readonly events: Events<DeliveryEvents>;
  readonly metrics: Metrics;
}

/** A node of the delivery network. */
export class Hub implements Feeder, SessionHost {
  readonly store: Store;
  readonly settings: Settings;
  readonly codec: Codec;
  readonly spliced: boolean;
  readonly clock: Clock;
  readonly events: Events<DeliveryEvents>;
  readonly metrics: Metrics;
  readonly writer: Writer;
  readonly cursors: Cursors;
  /** Sessions that this node has to do with. */
  readonly sessions: Map<string, Session> = new Map();
  readonly #options: HubOptions;
  #roster = new Roster();
  readonly #waiting = new Set<Connection>();
  readonly #comings = new Comings();
  readonly #opening: Opening;
  #closed: DeliveryError | undefined;
  #log: LogState | undefined;
  #recent: Recent;
  readonly #replayed: Replayed;
  #tail: Tail | undefined;
  #incoming: (readonly Entry[])[] = [];
  #dispatched: Offset = 0;
  /** Connections that are to be fed, for want of time in the turn that dispatched what is for them. */
  readonly #postponed: Connection[] = [];
  #feeding = false;
  /** Of the last append of this node. */
  #place: Place = { offset: 0 };
  #membershipsUnderWay = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.store = options.store;
    this.settings = options.settings;
    this.codec = options.codec;
    this.spliced = options.spliced;
    this.clock = options.clock;
    this.events = options.events;
    this.metrics = options.metrics;
    const { pendingEntries, pendingBytes, recentEntries, recentBytes } = options.settings.limits;
    this.#recent = new Recent(0, recentEntries, recentBytes);
    this.#replayed = new Replayed((entries, upTo) => this.#chunks(entries, upTo), recentBytes);
    this.cursors = new Cursors(this);
    this.#opening = new Opening({
      ...options,
      replaced: (log) => this.#replaced(log),
      opened: (log) => this.#follow(log),
      failing: (error) => this.failed(error),
    });
    this.ready.catch((error: DeliveryError) => {
      this.writer.stop(error);
      if (error.code !== "CLOSED") this.failed(error);
    });
    this.writer = new Writer((batch, id) => this.#opening.open().then(() => options.store.commit(batch, id)), {
      name: options.newId(),
      pendingEntries,
      pendingBytes,
      clock: options.clock,
      random: options.random,
      later: options.later,
      onHealth: (failing) => this.#health(failing),
      onCommitted: () => this.#dispatch(),
    });
  }

  /** Opens the store and begins to read its log at the end. Resolves when that was tried. */
  open(): Promise<void> {
    return this.#opening.begin();
  }

  /** Resolves when the store is open; rejects when it cannot be. */
  get ready(): Promise<void> {
    return this.#opening.ready;
  }

  /** Resolves when the store is open; rejects, as soon as it is known, when it is not, or not yet. */
  reached(): Promise<void> {
    return this.#opening.open();
  }

  /** Why the store cannot be used any more. Everything is delivered as plain Socket.IO would, then. */
  get broken(): DeliveryError | undefined {
    return this.#closed ?? this.#opening.broken;
  }

  /** Reads this life of the log from its present end on. */
  #follow(log: LogState): void {
    this.#log = log;
    this.#dispatched = log.head;
    const { recentEntries, recentBytes } = this.settings.limits;
    this.#recent = new Recent(log.head, recentEntries, recentBytes);
    this.#replayed.clear();
    this.#incoming = [];
    this.#tail = this.store.tail(log.head, (entries) => {
      this.#incoming.push(entries);
      this.#dispatch();
    });
  }

  /**
   * The log was replaced, or has lost its end. Nothing that is known of sessions can be built on: clients come again, are told of a gap, and
   * go on in the new life. What is on its way into the log goes into that.
   */
  #replaced(log: LogState): void {
    if (this.broken) return;
    const error = new DeliveryError(
      "STORE_REPLACED",
      "the log was replaced, or has lost its end. It has a new epoch; clients come again and are told of a gap. Find out what happened to the store.",
    );
    this.#tail?.stop();
    this.#follow(log);
    this.#place = { offset: 0 };
    this.#waiting.clear();
    this.#postponed.length = 0;
    this.#roster = new Roster();
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) session.over = session.lost = true;
    this.writer.renew(error);
    for (const session of sessions) {
      const { connection } = session;
      session.connection = undefined;
      connection?.drop();
    }
    this.failed(error);
  }

  /** The log's epoch and secret. Throws `CLOSED` before the store is open. */
  get log(): LogState {
    if (!this.#log) throw new DeliveryError("CLOSED", "the store is not open; wait for io.delivery.ready.");
    return this.#log;
  }

  /** Whether the store is open. */
  get opened(): boolean {
    return this.#log !== undefined && !this.broken;
  }

  get dispatched(): Offset {
    return this.#dispatched;
  }

  /** How many audiences have a session here. */
  get audiences(): number {
    return this.#roster.size;
  }

  get place(): Place {
    // While the store fails, what is not durable does not wait for what is.
    return this.writer.failing ? { offset: 0 } : this.#place;
  }

  now(): number {
    return this.clock.now();
  }

  count(metric: "resends" | "replayed" | "replays" | "stalled"): void {
    this.metrics[metric]++;
  }

  random(): number {
    return this.#options.random();
  }

  newSession(): string {
    return this.#options.newSession();
  }

  /** Keeps a message that was given up on, and tells of it. */
  bury(given: Omit<DeadLetter, "id" | "at">): void {
    const letter: DeadLetter = { ...given, id: this.#options.newId(), at: this.now() };
    this.metrics.deadLetters++;
    this.writer.add(
      () => ({ kind: "bury", letter }),
      () => this.events.emit("dead-letter", letter),
      { outlives: true },
    );
  }

  failed(error: unknown): void {
    this.events.emit("error", error instanceof Error ? error : new Error(String(error)));
  }

  /**
   * Appends to the log; every entitled session gets it once it is committed. Answers why not, when too much waits already.
   *
   * @param patient Waits for a failing store instead of being refused.
   */
  append(entry: NewEntry, patient: boolean, settled: Settled): DeliveryError | undefined {
    const place: Place = { offset: undefined };
    const refusal = append(this.writer, entry, patient, (outcome, error) => {
      place.offset = outcome?.offset ?? 0;
      if (outcome?.duplicate) this.metrics.duplicateAppends++;
      else if (outcome) this.metrics.appended++;
      settled(outcome, error);
    });
    if (!refusal) this.#place = place;
    return refusal;
  }

  /** Something for these audiences could not be made durable: their connected sessions are told. */
  lost(keys: readonly string[], reason: GapReason): void {
    const sessions = new Set<Session>();
    for (const key of keys) for (const session of this.#roster.of(key)) if (session.has(key)) sessions.add(session);
    for (const session of sessions) {
      const gap: WireGap = { from: session.position, to: session.position, reason };
      session.owe(gap);
      session.connection?.tell(gap);
      this.reportGap(session, gap);
    }
  }

  /** Tells the application of a gap. */
  reportGap(session: Session, gap: WireGap): void {
    this.metrics.gaps++;
    this.events.emit("gap", { session: session.id, namespace: session.namespace, ...gap });
  }

  /** Takes a session in: its audiences count from now on. */
  attach(session: Session): void {
    session.handling = new Handling(this, session);
    const older = this.sessions.get(session.id);
    if (older) {
      older.lost = true;
      this.#roster.drop(older);
    }
    this.sessions.set(session.id, session);
    for (const { key } of session.memberships.all()) this.#roster.add(key, session);
  }

  /** Somebody comes back to a session: it stays here until he is in, or gone again. */
  expect(id: string | undefined): Coming {
    if (id === undefined) return { first: () => true, over: () => {} };
    return this.#comings.expect(id, () => {
      const session = this.sessions.get(id);
      if (session) this.release(session);
    });
  }

  /** The session's connection ended. It stays as long as there is something of it to finish, or to tell that is stored nowhere. */
  release(session: Session): void {
    if (session.connection || session.busy > 0 || session.writes > 0 || session.owed.length > 0) return;
    if (this.#comings.has(session.id)) return;
    if (this.sessions.get(session.id) !== session) return;
    this.sessions.delete(session.id);
    this.#roster.drop(session);
  }

  /** Lets go of sessions that are gone from the store for their age. @param seenBefore Milliseconds since 1970. */
  sweep(seenBefore: number): void {
    for (const session of this.sessions.values()) {
      if (session.connection || session.seenAt >= seenBefore) continue;
      session.owed = [];
      this.release(session);
    }
  }

  write(session: Session, operation: () => Operation, then: (offset: Offset) => void, membership = false): void {
    if (session.over) return;
    const decided = membership ? this.deciding() : undefined;
    session.writes++;
    this.writer.add(operation, (outcome) => {
      decided?.();
      session.writes--;
      if (outcome) then(outcome.offset);
      else this.fenced(session);
      this.release(session);
    });
  }

  /** A step is on its way that decides who gets the entries around it. Answers what ends that, to be called with its outcome. */
  deciding(): () => void {
    this.#membershipsUnderWay++;
    return () => {
      this.#membershipsUnderWay--;
    };
  }

  dirty(session: Session): void {
    this.cursors.moved(session);
  }

  joins(session: Session, key: string): void {
    if (this.sessions.get(session.id) === session) this.#roster.add(key, session);
  }

  left(session: Session, key: string, until: Offset): void {
    this.#roster.leave(key, session, until);
    this.#roster.dispatched(this.#dispatched);
  }

  read(session: Session, after: Offset, limit: number, maxBytes: number): Stretch | Promise<Stretch> {
    const query = { session, after, upTo: Math.min(this.#dispatched, session.horizon), limit, maxBytes };
    if (after >= this.#recent.after) return readRecent(this.#recent, query);
    return readStore(this.store, query).then((stretch) => {
      for (const gap of stretch.gaps) this.reportGap(session, gap);
      return stretch;
    });
  }

  /** For a replay: others may come back from the same place. */
  chunks(entries: readonly Entry[], upTo: Offset): readonly Chunk[] {
    return this.#replayed.of(entries, upTo);
  }

  #chunks(entries: readonly Entry[], upTo: Offset): readonly Chunk[] {
    return chunksOf(entries, upTo, this.codec, this.spliced, this.settings.limits.frameBytes);
  }

  /** The connection has something that waits for its turn. */
  waits(connection: Connection): void {
    this.#waiting.add(connection);
  }

  /** Stops reading the log, commits what waits and closes the store. */
  async close(): Promise<void> {
    if (this.broken) return;
    const closed = new DeliveryError("CLOSED", "the server was closed.");
    if (!(await this.#opening.end(closed))) return;
    for (const session of this.sessions.values()) {
      session.settlePosition();
      this.cursors.save(session);
    }
    if (!this.writer.failing) await this.writer.flushed();
    this.#closed = closed;
    this.writer.stop(closed);
    this.#tail?.stop();
    await this.store.close();
  }

  #dispatch(): void {
    // What is not durable does not wait for a store that fails.
    if (this.writer.failing) this.#releaseTurns();
    // Outcomes first: who became a member, and which places something waits for.
    if (this.writer.committing && (this.#membershipsUnderWay > 0 || this.#waiting.size > 0)) return;
    const incoming = this.#incoming;
    this.#incoming = [];
    this.#releaseTurns();
    for (const entries of incoming) {
      for (const page of this.#cut(entries)) {
        this.#dispatchPage(page);
        this.#releaseTurns();
      }
    }
  }

  /** Cuts entries where something waits to be written after one of them. */
  #cut(entries: readonly Entry[]): (readonly Entry[])[] {
    if (this.#waiting.size === 0) return [entries];
    const places = new Set([...this.#waiting].flatMap((connection) => connection.awaited()));
    const pages: Entry[][] = [[]];
    for (const entry of entries) {
      pages.at(-1)?.push(entry);
      if (places.has(entry.offset)) pages.push([]);
    }
    return pages;
  }

  #releaseTurns(): void {
    for (const connection of this.#waiting) {
      connection.release(this.writer.failing !== undefined);
      if (!connection.waits) this.#waiting.delete(connection);
    }
  }

  #dispatchPage(entries: readonly Entry[]): void {
    const before = this.#dispatched;
    const last = entries.at(-1);
    if (!last || last.offset <= before) return;
    const fresh = (entries[0] as Entry).offset > before ? entries : entries.filter(({ offset }) => offset > before);
    for (const entry of fresh) this.#recent.push(entry);
    const shares = address(fresh, this.#roster, (list) => this.#chunks(list, last.offset));
    this.#replayed.clear();
    this.#dispatched = last.offset;
    let left = this.settings.limits.fanOut;
    for (const [connection, { entries: given, chunks }] of shares) {
      if (left-- > 0) {
        connection.deliver(chunks, before);
        this.metrics.delivered += given.length;
      } else {
        connection.postpone(before);
        this.#postponed.push(connection);
      }
    }
    this.#feedLater();
    this.#roster.dispatched(this.#dispatched);
  }

  /** Others have their turn of the event loop first. */
  #feedLater(): void {
    if (this.#feeding || this.#postponed.length === 0) return;
    this.#feeding = true;
    this.#options.later(() => {
      this.#feeding = false;
      for (const connection of this.#postponed.splice(0, this.settings.limits.fanOut)) connection.feed();
      this.#feedLater();
    });
  }

  #health(failing: DeliveryError | undefined): void {
    this.events.emit("store", failing);
    // Before it is open, that was said already.
    if (failing && this.opened) this.failed(failing);
    this.#dispatch();
  }

  /**
   * Another node has raised the session's generation. The client stays away only when it has shown there that it has the newer one: the
   * connection may be its own earlier one, whose hello or whose resume came late. It comes back, then, and takes its session up again.
   */
  fenced(session: Session): void {
    if (this.sessions.get(session.id) !== session) return;
    const { connection } = session;
    session.lost = true;
    session.connection = undefined;
    this.release(session);
    if (!connection) return;
    this.store.session(session.id).then(
      (stored) => {
        if (stored && stored.confirmed > connection.generation) connection.end("SUPERSEDED");
        else connection.drop();
      },
      () => connection.drop(),
    );
  }
}
