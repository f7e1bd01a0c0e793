/**
 * One connection of a session: what to send on it now.
 *
 * Rule: entries go out in log order. A connection is *live* when it has been sent everything up to what the node has
 * dispatched; otherwise it is fed from the log, and nothing is queued for it. The step between the two is one synchronous check.
 */
import type { Clock } from "../core/clock.ts";
import { Patience } from "../core/patience.ts";
import type { Offset } from "../core/position.ts";
import { Window } from "../core/window.ts";
import type { ServerFrame, WireGap } from "../core/wire.ts";
import type { Entry } from "../store/store.ts";
import type { Chunk } from "./chunk.ts";
import type { Codec } from "./codec.ts";
import type { EncodedFrame } from "./encoded.ts";
import { encodedReport, type InboxReport, wireAnswers } from "./report.ts";
import type { Session } from "./session.ts";
import { type Place, Turns } from "./turns.ts";

/** Where a connection's frames go. */
export interface Outlet {
  /** Sends a frame that Socket.IO encodes. */
  frame(frame: ServerFrame): void;
  /** Sends a frame that is encoded but for its number. */
  encoded(number: number, frame: EncodedFrame): void;
  /** Closes the transport, so that the client comes back. */
  close(): void;
}

/** What a replay step found. */
export interface Stretch {
  readonly entries: readonly Entry[];
  /** Everything for the session up to here is in `entries` and `gaps`. */
  readonly end: Offset;
  /** In order; each lies between two of the entries. */
  readonly gaps: readonly WireGap[];
}

/** What a connection needs of the node it is on. */
export interface Feeder {
  readonly clock: Clock;
  /** Up to here the node has dispatched the log. */
  readonly dispatched: Offset;
  /** The log after an offset, as far as the session may see it. At once when memory has it. */
  read(session: Session, after: Offset, limit: number, maxBytes: number): Stretch | Promise<Stretch>;
  chunks(entries: readonly Entry[], upTo: Offset): readonly Chunk[];
  readonly codec: Codec;
  /** Whether Socket.IO's own parser is in use, so that frames may be encoded here. */
  readonly spliced: boolean;
  /** Of the last durable event that was published on this node. */
  readonly place: Place;
  /** Counts something. */
  count(metric: "resends" | "replayed" | "replays" | "stalled"): void;
  failed(error: unknown): void;
}

/** Limits of a connection. */
export interface ConnectionLimits {
  readonly windowEntries: number;
  readonly windowBytes: number;
  readonly frameBytes: number;
  readonly waitingWrites: number;
  readonly ackTimeoutMs: number;
  readonly maxResends: number;
}

/** What a frame under way stands for. */
interface Cargo {
  /** Everything up to here has been sent with it. */
  readonly upTo?: Offset;
  /** How many answers are in it. */
  readonly answers?: number;
  readonly gap?: WireGap;
}

/** Arrival is reported within this time; settling at once. */
const REPORT_WITHIN_MS = 20;
const NOTHING_TOLD: InboxReport = { received: 0, settled: 0, above: [] };

function same(a: InboxReport, b: InboxReport): boolean {
  return a.received === b.received && a.settled === b.settled && a.above.join() === b.above.join();
}

/** One connection. Begins silent; {@link start} lets it speak. */
export class Connection {
  readonly session: Session;
  readonly generation: number;
  readonly #outlet: Outlet;
  readonly #feeder: Feeder;
  readonly #window: Window<Cargo>;
  readonly #patience: Patience;
  readonly #frameBytes: number;
  #state: "silent" | "feeding" | "live" | "closed" = "silent";
  /** Sent up to here; while live, up to what the node dispatched. */
  #sent: Offset;
  /** Everything up to here has arrived, what is meant for others left out. A rewind goes back to it. */
  #arrived: Offset;
  /** The last offset that the client acknowledged as arrived. */
  #acknowledged: Offset;
  /** The furthest that was ever sent: after a rewind the client may know more than was sent again. */
  #furthest: Offset;
  /** The read that is under way. A rewind makes what it will find useless. */
  #reading: object | undefined;
  #reporting = false;
  readonly #turns: Turns;
  /** What the client was last told of its messages on this connection. */
  #told: InboxReport = NOTHING_TOLD;
  #cancelTimer: (() => void) | undefined;

  constructor(session: Session, position: Offset, outlet: Outlet, feeder: Feeder, limits: ConnectionLimits) {
    this.session = session;
    this.generation = session.generation;
    this.#outlet = outlet;
    this.#feeder = feeder;
    this.#window = new Window(limits.windowEntries, limits.windowBytes);
    this.#turns = new Turns(limits.waitingWrites);
    this.#frameBytes = limits.frameBytes;
    this.#patience = new Patience(limits.ackTimeoutMs, limits.maxResends);
    this.#sent = position;
    this.#arrived = position;
    this.#acknowledged = position;
    this.#furthest = position;
  }

  /** Whether it has been sent everything that the node dispatched. */
  get live(): boolean {
    return this.#state === "live";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Entries sent and not acknowledged. */
  get inFlight(): number {
    return this.#window.entries;
  }

  /** Whether everything for the session has been sent and acknowledged as arrived. */
  get drained(): boolean {
    return this.#state === "live" && !this.#window.outstanding;
  }

  /** Socket.IO's CONNECT is out: frames may follow. */
  start(): void {
    if (this.#state !== "silent") return;
    this.#state = "feeding";
    // What came up after the welcome was written.
    for (const gap of this.session.owed) if (!this.session.announced.includes(gap)) this.#sendGap(gap);
    this.report();
    this.feed();
  }

  /** Entries that the node has just dispatched, in chunks, to a live connection. @param before Where the node stood before them. */
  deliver(chunks: readonly Chunk[], before: Offset): void {
    this.#sent = before;
    if (!this.#window.outstanding) this.#arrived = before;
    for (const chunk of chunks) {
      if (this.#window.room < chunk.count || this.#window.roomBytes === 0) {
        this.#state = "feeding";
        this.#feeder.count("stalled");
        // A chunk can be larger than the whole window: then no acknowledgement is to come that would go on.
        this.feed();
        return;
      }
      this.#sendChunk(chunk);
    }
  }

  /** The node has dispatched entries for a live connection, and sends them later: it is to be fed. @param before Where the node stood before them. */
  postpone(before: Offset): void {
    this.#sent = before;
    if (!this.#window.outstanding) this.#arrived = before;
    this.#state = "feeding";
  }

  /** Tells of something that can never be delivered. */
  tell(gap: WireGap): void {
    if (this.#state === "feeding" || this.#state === "live") this.#sendGap(gap);
  }

  /** Sends from the log what the window has room for, until the connection is live. */
  feed(): void {
    while (this.#state === "feeding" && !this.#reading) {
      const { horizon } = this.session;
      if (this.#sent >= Math.min(this.#feeder.dispatched, horizon)) {
        if (horizon !== Number.POSITIVE_INFINITY) return;
        this.#state = "live";
        this.release();
        return;
      }
      const room = this.#window.room;
      const roomBytes = this.#window.roomBytes;
      if (room === 0 || roomBytes === 0) return;
      const stretch = this.#feeder.read(this.session, this.#sent, room, roomBytes);
      if (stretch instanceof Promise) {
        const reading = {};
        this.#reading = reading;
        stretch.then(
          (read) => {
            if (this.#reading !== reading) return;
            this.#reading = undefined;
            if (this.#state !== "feeding") return;
            this.#sendStretch(read);
            this.feed();
          },
          (error: unknown) => {
            this.#feeder.failed(error);
            if (this.#reading !== reading) return;
            this.#reading = undefined;
            const { clock } = this.#feeder;
            clock.at(clock.now() + 1_000, () => this.feed());
          },
        );
      } else {
        this.#sendStretch(stretch);
      }
    }
  }

  /** "Frames up to `number` arrived; entries up to `cursor` are settled." Answers whether that can be. */
  acknowledge(number: number, cursor: Offset): boolean {
    if (this.#state === "closed" || number > this.#window.last) return false;
    if (cursor > Math.max(this.#arrived, this.#furthest)) return false;
    const cargo = this.#window.acknowledge(number);
    for (const { upTo, answers, gap } of cargo) {
      if (upTo !== undefined && upTo > this.#arrived) this.#arrived = this.#acknowledged = upTo;
      if (answers) this.session.confirmAnswers(answers);
      if (gap) this.session.told(gap);
    }
    if (cargo.length > 0) this.#patience.progress(this.#feeder.clock.now(), this.#window.outstanding);
    this.session.progressed(cursor, this.#acknowledged);
    this.feed();
    return true;
  }

  /** A frame was lost, or seems to be: everything that is not acknowledged is sent again. */
  rewind(): void {
    if (this.#state !== "feeding" && this.#state !== "live") return;
    this.#feeder.count("resends");
    this.#state = "feeding";
    this.#reading = undefined;
    // Not from before the cursor: who was a member of what is forgotten up to there.
    this.#sent = Math.max(this.#arrived, this.session.cursor);
    const gaps = this.#window
      .rewind()
      .flatMap((cargo) => (cargo.gap && this.session.owed.includes(cargo.gap) ? [cargo.gap] : []));
    this.#send([this.#window.send(0, 0, {}), "s", this.#arrived]);
    for (const gap of gaps) this.#sendGap(gap);
    this.#told = NOTHING_TOLD;
    this.session.answers?.recarry();
    this.report();
    this.feed();
  }

  /** Messages arrived: their arrival is reported soon, with what is settled by then. */
  arrived(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    const { clock } = this.#feeder;
    clock.at(clock.now() + REPORT_WITHIN_MS, () => {
      this.#reporting = false;
      this.report();
    });
  }

  /** Reports where the client's messages stand, if that is news, with the answers that this connection has not carried. */
  report(): void {
    // Answers have a turn of their own while something waits; see answered().
    this.#report(!this.#turns.waiting);
  }

  #report(withAnswers: boolean): void {
    if (this.#state !== "feeding" && this.#state !== "live") return;
    const now = this.session.inboxReport();
    for (let more = true; more; ) {
      const kept = this.session.answers;
      const answers = (withAnswers && kept?.carry(this, this.#frameBytes)) || [];
      more = kept?.left(this) === true;
      // A message counts as settled only in or after the frame that carries its answer.
      const told = more ? { ...this.#told, received: now.received } : now;
      if (answers.length === 0 && same(told, this.#told)) return;
      this.#told = told;
      const bytes = answers.reduce((sum, { answer }) => sum + answer.length, 0);
      const number = this.#window.send(0, bytes, { answers: answers.length });
      const encoded = this.#feeder.spliced ? encodedReport(told, answers) : undefined;
      if (encoded) {
        this.#outlet.encoded(number, encoded);
        this.#wait();
      } else {
        const wire = wireAnswers(answers, this.#feeder.codec);
        this.#send([number, "a", told.received, told.settled, told.above, wire]);
      }
      if (!withAnswers) return;
    }
  }

  /**
   * Writes something of the application's that is not durable, in its place: after the durable events that were published
   * before it. Answers false when there is nothing to wait for and the caller may write at once.
   */
  wait(write: () => void): boolean {
    return this.behind && this.#turns.add(this.#feeder.place, write);
  }

  /** An answer was given now: it is reported after the durable events that were published before it, and before later ones. */
  answered(): boolean {
    if (this.#state === "closed" || this.#state === "silent") return false;
    return this.#turns.add(this.#feeder.place, () => this.#report(true));
  }

  /** Whether durable events that were published before now are not all sent. */
  get behind(): boolean {
    if (this.#state === "closed" || this.#state === "silent") return false;
    const { offset } = this.#feeder.place;
    return offset === undefined || offset > this.#sentUpTo || this.#turns.waiting;
  }

  /** Whether something waits for {@link release}. */
  get waits(): boolean {
    return this.#turns.waiting;
  }

  /** Offsets after which something waits to be written. */
  awaited(): Offset[] {
    return this.#turns.offsets();
  }

  /** Writes what has waited long enough. @param all Whatever it waits for. */
  release(all = false): void {
    if (all) this.#turns.flush();
    else if (this.#state !== "silent") this.#turns.release(this.#sentUpTo);
    if (!this.#turns.waiting) this.report();
  }

  /** A newer connection has taken the session over, or the session is gone. */
  end(code: "SUPERSEDED" | "SESSION_UNKNOWN"): void {
    if (this.#state === "closed") return;
    if (this.#state !== "silent") this.#outlet.frame([this.#window.last + 1, "x", code]);
    this.drop();
  }

  /** The client is to come back: what its session is, is decided anew. */
  drop(): void {
    this.close();
    this.#outlet.close();
  }

  /** The transport is gone, or will be. */
  close(): void {
    this.#state = "closed";
    this.#turns.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  get #sentUpTo(): Offset {
    return this.#state === "live" ? this.#feeder.dispatched : this.#sent;
  }

  #sendStretch({ entries, end, gaps }: Stretch): void {
    let from = 0;
    for (const gap of gaps) {
      let to = from;
      while (to < entries.length && (entries[to] as Entry).offset <= gap.from) to++;
      this.#sendEntries(entries.slice(from, to), gap.from);
      this.#sendGap(gap);
      from = to;
    }
    this.#sendEntries(entries.slice(from), end);
    this.#sent = Math.max(this.#sent, end);
    this.release();
  }

  #sendEntries(entries: readonly Entry[], upTo: Offset): void {
    for (const chunk of this.#feeder.chunks(entries, Math.max(upTo, this.#sent))) {
      this.#sendChunk(chunk);
      for (let i = 0; i < chunk.count; i++) this.#feeder.count("replayed");
    }
  }

  #sendChunk(chunk: Chunk): void {
    const number = this.#window.send(chunk.count, chunk.bytes, { upTo: chunk.upTo });
    if (chunk.encoded) this.#outlet.encoded(number, chunk.encoded);
    else this.#outlet.frame([number, "b", chunk.upTo, chunk.entries ?? []]);
    this.#sent = chunk.upTo;
    this.#furthest = Math.max(this.#furthest, chunk.upTo);
    this.#wait();
  }

  #sendGap(gap: WireGap): void {
    this.#send([this.#window.send(0, 0, { upTo: gap.to, gap }), "g", gap]);
    this.#sent = Math.max(this.#sent, gap.to);
    this.#furthest = Math.max(this.#furthest, gap.to);
  }

  #send(frame: ServerFrame): void {
    this.#outlet.frame(frame);
    this.#wait();
  }

  #wait(): void {
    this.#patience.waiting(this.#feeder.clock.now());
    this.#arm(this.#feeder.clock.now());
  }

  /** @param from The time, or the moment that was waited for: when the clock was set back meanwhile, the later one. */
  #arm(from: number): void {
    const dueAt = this.#patience.dueAt;
    if (this.#cancelTimer || dueAt === undefined) return;
    const { clock } = this.#feeder;
    const waitMs = Math.max(0, dueAt - from);
    this.#cancelTimer = clock.at(clock.now() + waitMs, () => this.#due(dueAt));
  }

  /** @param at The moment that was waited for. */
  #due(at: number): void {
    this.#cancelTimer = undefined;
    if (this.#state === "closed") return;
    switch (this.#patience.due(at, this.#feeder.clock.now())) {
      case "resend":
        this.rewind();
        break;
      case "close":
        this.drop();
        return;
    }
    this.#arm(Math.max(at, this.#feeder.clock.now()));
  }
}
