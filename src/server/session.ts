/**
 * A session on this node: what the store knows of it, ahead by what is on its way there.
 *
 * Rule: what is told to the client (a settled message, an answer) is committed first. Changes are gathered and written once a
 * commit, not once a message.
 */
import { Inbox } from "../core/inbox.ts";
import { Memberships } from "../core/memberships.ts";
import type { Offset } from "../core/position.ts";
import type { WireGap } from "../core/wire.ts";
import type { AnswerList, Operation, StoredSession } from "../store/store.ts";
import { Answers } from "./answers.ts";
import type { Encoded } from "./codec.ts";
import type { Connection } from "./connection.ts";
import type { Handling } from "./handling.ts";
import { codeAnswer, type InboxReport } from "./report.ts";

/** What a session needs of the node it is on. */
export interface SessionHost {
  readonly dispatched: Offset;
  now(): number;
  /** Puts an operation of this session into the writer's queue; `then` runs when it is committed and was not fenced. `membership`: it decides who gets the entries around it. */
  write(session: Session, operation: () => Operation, then: (offset: Offset) => void, membership?: boolean): void;
  /** The session's cursor moved; it is written soon. */
  dirty(session: Session): void;
  /** Membership begins soon, or has begun. */
  joins(session: Session, key: string): void;
  /** Membership ended after `until`. */
  left(session: Session, key: string, until: Offset): void;
}

const NONE: readonly never[] = [];

/** One session, while this node has to do with it. */
export class Session {
  readonly id: string;
  readonly namespace: string;
  readonly principal: string | null;
  memberships: Memberships;
  /** Gaps that no later reading would find again, until the client has acknowledged them. */
  owed: readonly WireGap[] = NONE;
  /** Those of them that the present connection's welcome told of. */
  announced: readonly WireGap[] = NONE;
  /** Operations of it that are not through. */
  writes = 0;
  /** The present connection's, above those of all before. */
  generation: number;
  /** The generation that the store has by the time the next operation is made: a resume may be on its way there. */
  fence: number;
  /** The connection that owns the session. */
  connection: Connection | undefined;
  /** Its messages that are not settled. Set when the node takes the session in. */
  handling: Handling | undefined;
  /** How many of them there are. */
  busy = 0;
  /** Whether another server, or another life of it here, has it now: what failed is for that one to try again. */
  lost = false;
  /** Whether it was made of what the store had before it was taken over there: whoever had it may have stored something since. */
  provisional = false;
  /**
   * Set when a client is let in before the store has it taken up: until then nothing after this is given out, because whoever has it in the store may
   * still have written down which rooms it is in.
   */
  horizon: Offset = Number.POSITIVE_INFINITY;
  /** Whether it belongs to a life of the log that is over: nothing of it is written any more. */
  over = false;
  readonly inbox: Inbox;
  readonly #host: SessionHost;
  /** Keys of the rooms that it is, or is about to be, in. */
  readonly #intended: Set<string>;
  #confirmed: number;
  #cursor: Offset;
  #arrived: Offset;
  #position: Offset;
  /** Whether everything that arrived is settled. */
  #caughtUp = false;
  #seenAt: number;
  /** When the store was last told of it, and of which position. */
  #toldAt: number;
  #toldPosition: Offset;
  /** The inbox as committed, and what of it the next commit changes. */
  #committed: { settled: number; above: readonly number[] };
  #writingInbox = false;
  /** Audiences that it may not read any more, as was found when it was taken up. */
  #revoked: readonly (readonly [key: string, position: Offset])[] = NONE;
  #answers: Answers | undefined;

  constructor(stored: StoredSession, host: SessionHost) {
    this.id = stored.id;
    this.namespace = stored.namespace;
    this.principal = stored.principal;
    this.generation = stored.generation;
    this.fence = stored.generation;
    this.memberships = new Memberships(stored.memberships);
    this.inbox = new Inbox({ settled: stored.inboxSettled, above: stored.inboxAbove });
    if (stored.answers.length > 0) this.#answers = new Answers(stored.answers);
    this.#host = host;
    this.#intended = new Set(this.memberships.open());
    this.#confirmed = stored.confirmed;
    this.#cursor = stored.cursor;
    this.#arrived = stored.arrived;
    this.#position = stored.position;
    this.#seenAt = stored.seenAt;
    this.#toldAt = stored.seenAt;
    this.#toldPosition = stored.position;
    this.#committed = this.inbox.state;
  }

  /** Its answers that the client may not have, if there ever were any here. */
  get answers(): Answers | undefined {
    return this.#answers;
  }

  /** Up to here the client has settled everything. */
  get cursor(): Offset {
    return this.#caughtUp ? this.position : this.#cursor;
  }

  /** The last offset that the client acknowledged as arrived. */
  get arrived(): Offset {
    return this.#arrived;
  }

  /** Up to here everything has arrived. */
  get position(): Offset {
    return this.idle ? Math.max(this.#position, this.#host.dispatched) : this.#position;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  get seenAt(): number {
    return this.connection ? this.#host.now() : this.#seenAt;
  }

  /** Whether everything there is for the client has arrived. An older connection cannot say so any more when somebody has come back. */
  get idle(): boolean {
    return this.connection?.generation === this.generation && this.connection.drained;
  }

  /** How many rooms it is, or is about to be, in. */
  get rooms(): number {
    return this.#intended.size;
  }

  /** Whether it is, or is about to be, in a room. */
  has(key: string): boolean {
    return this.#intended.has(key);
  }

  /** The client's socket joins a room: from the next publish on. */
  join(key: string): void {
    if (this.#intended.has(key)) return;
    this.#intended.add(key);
    this.#host.joins(this, key);
    this.#host.write(
      this,
      () => ({ kind: "join", session: this.id, generation: this.fence, key }),
      (since) => {
        this.memberships.join(key, since);
        // A leave before it, which went through just now, may have taken it out.
        this.#host.joins(this, key);
      },
      true,
    );
  }

  /** The client's socket leaves a room: before the next publish. @param at The last offset that it may still see. @default the log's head */
  leave(key: string, at?: Offset): void {
    if (!this.#intended.delete(key)) return;
    this.#host.write(
      this,
      () => ({
        kind: "leave",
        session: this.id,
        generation: this.fence,
        key,
        ...(at === undefined ? {} : { until: at }),
      }),
      (head) => {
        this.memberships.leave(key, at ?? head);
        this.#host.left(this, key, at ?? head);
      },
      true,
    );
  }

  /**
   * The store has taken it up only now, and its older connection has joined, left and handled messages in between. Its memberships count for
   * what was published until now; from now on what holds on this node. What it has settled is settled.
   */
  takenUp(stored: StoredSession): void {
    this.#committed = { settled: stored.inboxSettled, above: stored.inboxAbove };
    this.inbox.settledElsewhere(this.#committed);
    if (stored.answers.length > 0) {
      this.#answers ??= new Answers();
      this.#answers.givenElsewhere(stored.answers);
    }
    this.writeInbox();
    this.memberships = new Memberships(stored.memberships);
    for (const [key, position] of this.#revoked) this.memberships.clip(key, position);
    for (const key of this.memberships.open()) {
      this.#host.joins(this, key);
      // Steps that change nothing, if they are on their way already, change nothing.
      if (!this.#intended.has(key)) {
        this.#intended.add(key);
        this.leave(key);
      }
    }
    for (const key of [...this.#intended]) {
      if (this.memberships.has(key)) continue;
      this.#intended.delete(key);
      this.join(key);
    }
  }

  /** The client may not read an audience any more: nothing of it after `position` is sent from now on. */
  revoke(key: string, position: Offset): void {
    this.memberships.clip(key, position);
    this.#revoked = [...this.#revoked, [key, position]];
    this.leave(key, position);
  }

  /** Keys of what it is, or is about to be, a member of. */
  intended(): string[] {
    return [...this.#intended];
  }

  /** The client acknowledged that entries up to `arrived` are there, and those up to `cursor` settled. */
  progressed(cursor: Offset, arrived: Offset): void {
    this.#seenAt = this.#host.now();
    const moved = cursor > this.#cursor || arrived > this.#arrived;
    this.#cursor = Math.max(this.#cursor, cursor);
    this.#arrived = Math.max(this.#arrived, arrived);
    this.#position = Math.max(this.#position, this.#arrived);
    this.#caughtUp = this.#cursor >= this.#arrived;
    if (moved) this.#host.dirty(this);
  }

  /** The client comes back and says that everything up to here has reached it, which need not have been acknowledged. */
  claimed(offset: Offset): void {
    this.progressed(this.#cursor, Math.max(this.#arrived, offset));
  }

  /** Something can never be delivered: the client is told until it has acknowledged that. */
  owe(gap: WireGap): void {
    const others = this.owed.filter(({ from, reason }) => from !== gap.from || reason !== gap.reason);
    this.owed = [...others, gap];
  }

  /** Delivery goes on after this, whatever was stored. */
  rewindTo(position: Offset): void {
    // Past a gap, what came before it may still be with its handlers.
    this.#cursor = Math.min(this.#cursor, position);
    this.#arrived = position;
    this.#position = position;
    this.#caughtUp = false;
    this.#host.write(
      this,
      () => ({ ...this.progress(), rewind: true }),
      () => {},
    );
  }

  /** The client has shown that it received the token of this generation. */
  confirmGeneration(generation: number): void {
    if (this.#confirmed >= generation) return;
    if (this.announced.length > 0) this.owed = this.owed.filter((gap) => !this.announced.includes(gap));
    this.announced = NONE;
    this.#confirmed = generation;
    this.#host.dirty(this);
  }

  /** Remembers where the client stands, for when its connection is gone. */
  settlePosition(): void {
    this.#position = this.position;
    this.#seenAt = this.#host.now();
  }

  /** Whether the store knows less of it than it should before it trims: that it is there, and has everything. @param ttlMs After which a session that is not heard of is forgotten. */
  stale(ttlMs: number): boolean {
    if (!this.connection) return false;
    return this.position > this.#toldPosition || this.#host.now() - this.#toldAt > ttlMs / 4;
  }

  /** What the store is to know of the client's reading. */
  progress(): Extract<Operation, { kind: "progress" }> {
    this.#toldAt = this.#host.now();
    this.#toldPosition = this.position;
    this.#position = this.position;
    this.#cursor = this.cursor;
    this.memberships.forget(this.#cursor);
    return {
      kind: "progress",
      session: this.id,
      generation: this.fence,
      cursor: this.#cursor,
      arrived: this.#arrived,
      position: this.#position,
      confirmed: this.#confirmed,
      at: this.#host.now(),
    };
  }

  /** The client was told of a gap that is owed to it. */
  told(gap: WireGap): void {
    this.owed = this.owed.filter((other) => other !== gap);
  }

  /** The answer to a message, which may not be settled yet. The first one counts, also when an earlier life gave it. */
  keepAnswer(seq: number, answer: Encoded): void {
    this.#answers ??= new Answers();
    if (this.#answers.give(seq, answer)) this.writeInbox();
  }

  /** A message is dealt with. @param failure The code of the error that the caller gets instead of an answer. */
  settleMessage(seq: number, failure?: { readonly code: string }): void {
    if (failure) this.keepAnswer(seq, codeAnswer(failure.code));
    this.inbox.settle(seq);
    this.writeInbox();
  }

  /** The client has so many more of the answers that its connection carried. */
  confirmAnswers(count: number): void {
    if (count === 0 || !this.#answers) return;
    this.#answers.confirmed(count);
    // Nothing is lost by forgetting these late: they ride along with the next settled message, or with the cursor.
    if (this.#answers.dropped > 100) this.writeInbox();
    else this.#host.dirty(this);
  }

  /** Whether answers wait to be dropped from the store. */
  get untidy(): boolean {
    return (this.#answers?.dropped ?? 0) > 0;
  }

  /** Commits the inbox as it will be by then, once; of a session that the store does not have taken up yet, when it has: somebody else may still write there. */
  writeInbox(): void {
    if (this.#writingInbox || this.provisional) return;
    this.#writingInbox = true;
    let state = this.inbox.state;
    let answers: AnswerList = [];
    this.#host.write(
      this,
      () => {
        this.#writingInbox = false;
        state = this.inbox.state;
        const change = this.#answers?.change() ?? { answers: [], drop: [] };
        answers = change.answers;
        return { kind: "inbox", session: this.id, generation: this.fence, ...state, ...change };
      },
      () => {
        this.#committed = state;
        this.#answers?.committed(answers);
        this.connection?.report();
      },
    );
  }

  /** What may be told of the client's messages: what arrived, and what of it is committed as settled. */
  inboxReport(): InboxReport {
    return { received: Math.max(this.inbox.received, this.#committed.settled), ...this.#committed };
  }
}
