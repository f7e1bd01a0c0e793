/**
 * The truth of a simulation, and whether what happens agrees with it.
 *
 * Rule: it learns what was performed, sent and handled where that happens, keeps its own account, and never asks the package.
 */
import type { ClientPlace, ClientState } from "../../client-storage.ts";
import type { Welcome, WireGap } from "../../core/wire.ts";
import type { Receipt } from "../../server/publisher.ts";
import type { Operation, Outcome } from "../../store/store.ts";
import type { Behaviour } from "./behaviour.ts";
import type { Witness } from "./disk.ts";
import { type Hits, hit } from "./hits.ts";
import { Inbound, type Run } from "./inbound-model.ts";
import { type LoggedEntry, LogModel } from "./log-model.ts";
import { Reading } from "./reading-model.ts";
import { Stays } from "./stays.ts";
import type { Timeline } from "./timeline.ts";
import { type Property, Violation } from "./violation.ts";

/** What the oracle is told of its world. */
export interface OracleOptions {
  readonly timeline: Timeline;
  readonly hits: Hits;
  readonly maxDeliveries: number;
  /** Whether sessions may be forgotten for their age. */
  readonly forgetful: boolean;
}

/** Where a session is. */
interface Turns {
  next: number;
  last: number;
  readonly turns: Map<number, number>;
}

type Step = (model: LogModel) => void;

/** Refusals after which nothing was published. */
const CERTAIN: readonly string[] = ["STORE_FULL", "STORE_BUSY", "STORE_READONLY", "OVERLOADED", "INVALID"];

/** Everything that is known to be true. */
export class Oracle implements Witness {
  readonly #options: OracleOptions;
  /** The lives of the log; the last one is the present one. */
  readonly #logs: LogModel[] = [new LogModel("E1")];
  /** What was performed in the present life. */
  #steps: Step[] = [];
  readonly readings: Map<number, Reading> = new Map();
  readonly inbound: Inbound;
  /** What was published, as text. */
  readonly #published = new Map<number, string>();
  /** In which order a process has published, and how far that is in the log. */
  readonly #turns = new Map<object, Turns>();
  /** Where it was appended: again, when the log was put back. */
  readonly #copies = new Map<number, LoggedEntry[]>();
  readonly #places = new Map<number, LoggedEntry>();
  readonly #refused = new Set<number>();
  readonly #receipts = new Map<number, number>();
  /** Whose a session is, and where. */
  readonly #owners = new Map<string, number>();
  readonly #stays = new Stays();
  /** Whether everything is done: whoever comes back now recovers. */
  calm = false;
  /** Entries that were sent, and calls of handlers. */
  sentEntries = 0;
  runs = 0;
  /** Errors that were reported, by code or message; for those who look at a failure. */
  readonly errors: Map<string, number> = new Map();

  constructor(options: OracleOptions) {
    this.#options = options;
    this.inbound = new Inbound(options.maxDeliveries, this);
  }

  get log(): LogModel {
    return this.#logs.at(-1) as LogModel;
  }

  /** Notes what does not hold; the run ends. */
  readonly violated = (property: Property, what: string): void => {
    this.#options.timeline.fail(new Violation(property, what));
  };

  hit(what: string): void {
    hit(this.#options.hits, what);
  }

  /** An error was reported, as it should be. */
  error(who: string, error: unknown): void {
    const name = (error as { code?: string }).code ?? String(error);
    this.#options.timeline.trace(who, "reports", name);
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
    if (
      error instanceof Violation ||
      (error as Error)?.name === "TypeError" ||
      (error as Error)?.name === "RangeError"
    ) {
      this.#options.timeline.fail(error);
    }
  }

  // What the store has performed.

  performed(batch: readonly Operation[], outcomes: readonly (Outcome | undefined)[], process: object): void {
    this.#steps.push((model) => model.perform(batch, outcomes, () => {}));
    try {
      this.log.perform(batch, outcomes, (entry) => this.#appended(entry, process));
    } catch (error) {
      this.#options.timeline.fail(error);
      return;
    }
    batch.forEach((operation, i) => {
      if (operation.kind === "resume" && !outcomes[i]) this.lost(operation.session, process);
      if (!outcomes[i]) return;
      if (operation.kind === "progress") this.#progressed(operation);
      if (operation.kind === "inbox") {
        const { session, settled, above } = operation;
        this.inbound.stored(session, settled, above, this.#stays.unaware(session, process));
      }
      if (operation.kind === "open" || operation.kind === "resume") this.#taken(operation.session, process);
    });
  }

  trimmed(floor: number): void {
    this.#steps.push((model) => model.trim(floor));
    this.log.trim(floor);
  }

  expired(): void {
    this.#steps.push((model) => model.expire());
    this.log.expire();
  }

  restored(steps: number): void {
    this.#steps = this.#steps.slice(0, steps);
    this.inbound.restored();
    const model = new LogModel(`E${this.#logs.length + 1}`);
    for (const step of this.#steps) step(model);
    this.#logs.push(model);
    this.#stays.restored();
    // What was on its way into the log may come again.
    const kept = new Set(model.entries.map(({ n }) => n));
    for (const turns of this.#turns.values()) {
      turns.last = -1;
      for (const [n, turn] of turns.turns) {
        if (kept.has(n)) turns.last = Math.max(turns.last, turn);
        // It comes again when its writer does not know that it was kept, or when its handler runs again: who can say when?
        else if (this.#places.has(n)) turns.turns.delete(n);
      }
    }
  }

  /** For its sessions it is as if it had been started again. */
  noticed(process: object): void {
    this.#stays.noticed(process);
  }

  #appended(entry: LoggedEntry, process: object): void {
    const { n, data, offset } = entry;
    this.#options.timeline.trace("log", "appends", n, offset);
    if (this.#published.get(n) !== data) this.violated("nothing invented", `entry ${offset} holds ${data}`);
    const publisher = this.#turns.get(process);
    const turn = publisher?.turns.get(n);
    if (publisher && turn !== undefined) {
      if (turn <= publisher.last) this.violated("in order", `${n} is appended after what was published later`);
      publisher.last = turn;
    }
    const earlier = this.#places.get(n);
    // An id is known for as long as the log holds it.
    if (earlier && earlier.offset > this.log.floor && this.log.entries.includes(earlier)) {
      this.violated("one entry each", `${n} is at ${earlier.offset} and at ${offset}`);
    }
    this.#places.set(n, entry);
    this.#copies.set(n, [...(this.#copies.get(n) ?? []), entry]);
  }

  #progressed({ session: id, cursor, rewind }: Extract<Operation, { kind: "progress" }>): void {
    const session = this.log.sessions.get(id);
    const reading = this.readings.get(this.#owners.get(id) ?? 0);
    if (!session || !reading) return;
    if (rewind) {
      session.verified = Math.min(session.verified, cursor);
      return;
    }
    for (const entry of this.log.entries) {
      if (entry.offset <= session.verified || entry.offset > cursor) continue;
      if (!this.log.entitled(session, entry)) continue;
      // A client may have been told of it in an earlier life of the log, which this one continues.
      const lives = [entry, ...(this.#copies.get(entry.n) ?? [])];
      const dealtWith = (life: LoggedEntry) =>
        reading.dealtWith(life.epoch, life) && reading.hasSaved(life.epoch, life);
      if (!lives.some(dealtWith)) {
        this.violated(
          "cursor behind",
          `the stored cursor of ${id} is ${cursor}; ${entry.n} at ${entry.offset} is not dealt with`,
        );
      }
    }
    session.verified = Math.max(session.verified, cursor);
  }

  // What servers do.

  /** Somebody comes to a process with a session. */
  comes(session: string | undefined, process: object): void {
    this.#stays.comes(session, process);
  }

  /** Somebody has been let in on a session. */
  owned(session: string, persona: number, process: object, { offset, resumed }: Welcome): void {
    this.comes(session, process);
    const logged = this.log.sessions.get(session);
    // A new session reads from where it is told to, not from where it was opened.
    if (logged && !resumed) logged.verified = Math.max(logged.verified, offset);
    if (!this.#owners.has(session)) this.#owners.set(session, persona);
  }

  /** A process has the session now. */
  #taken(session: string, process: object): void {
    if (!this.#stays.taken(session, process)) this.readings.get(this.#owners.get(session) ?? 0)?.moved(session);
  }

  /** A process has found that it does not have the session any more: what it had not stored is done with. */
  lost(session: string | undefined, process: object): void {
    this.#stays.lost(session, process);
  }

  /** Something is about to be published. */
  published(n: number, args: readonly unknown[], process: object): void {
    this.#published.set(n, JSON.stringify(args));
    // A handler that runs again publishes again.
    this.#refused.delete(n);
    const turn = this.#turns.get(process) ?? { next: 0, last: -1, turns: new Map() };
    this.#turns.set(process, turn);
    // In another life of the log a handler runs again in the same process, maybe after what it published was trimmed.
    const again = this.#logs.length > 1 && this.#places.has(n);
    if (again || !turn.turns.has(n)) turn.turns.set(n, turn.next++);
  }

  /** An emit could not be made durable: the sessions that are here are to be told. */
  notDurable(n: number, sessions: readonly string[], process: object): void {
    this.hit("emit not durable");
    this.#refused.add(n);
    for (const session of sessions) {
      const stored = this.#stays.has(session, process);
      this.readings.get(this.#owners.get(session) ?? 0)?.overflows(session, stored);
    }
  }

  receipt(n: number, { id, epoch, offset, duplicate }: Receipt): void {
    this.hit(duplicate ? "publish found in the log" : "publish acknowledged");
    if (epoch !== this.log.epoch) return;
    // Where exactly a batch was that was trimmed before it was repeated, nobody knows any more.
    if (offset <= this.log.floor) return;
    const entry = this.log.entries.find((other) => other.offset === offset);
    // What it had tried in an earlier life of the log it finds there, and cannot know whose that was.
    const own = duplicate && entry?.n === n && this.#logs.length > 1;
    if (!entry || entry.id !== id || ((entry.n !== n) !== duplicate && !own)) {
      this.violated("acknowledged stays", `the receipt of ${n} names ${offset}, where ${entry?.n ?? "nothing"} is`);
    }
    if (!duplicate) this.#receipts.set(n, offset);
  }

  refusedPublish(n: number, error: unknown): void {
    const code = (error as { code?: string }).code ?? String(error);
    this.hit("publish refused");
    if (CERTAIN.includes(code)) this.#refused.add(n);
  }

  /** A frame is on its way to a session. Answers how many entries it has. @param lost Rooms that it lost before this connection. */
  sent(id: string, text: string, lost: readonly string[], process: object): number {
    const at = text.indexOf(',"b",');
    if (at < 0 || at > 12) return 0;
    // One that stood still, or was left, does not know yet what has become of the session.
    const session = this.#stays.has(id, process) ? this.log.sessions.get(id) : undefined;
    const [, , , entries] = JSON.parse(text) as [number, string, number, [number, string, unknown[]][]];
    for (const [offset, , args] of entries) {
      const copies = this.#copies.get(args[1] as number) ?? [];
      // One that does not know of the log's new life sends what was in the old one.
      const entry = copies.findLast((copy) => copy.offset === offset);
      if (!entry || entry.data !== JSON.stringify(args)) {
        this.violated("nothing invented", `${JSON.stringify(args)} is sent as entry ${offset}`);
      } else if (session && !this.log.entitled(session, entry, this.#revoked(id))) {
        this.violated("members only", `${entry.n} at ${offset} is sent to ${id}, which was no member`);
      } else if (lost.length > 0 && entry.keys.every((key) => lost.some((room) => key.endsWith(`\n${room}`)))) {
        this.violated("members only", `${entry.n} at ${offset} is sent to ${id}, which may not read it any more`);
      }
    }
    this.sentEntries += entries.length;
    return entries.length;
  }

  /** Rooms that the client of a session may not read any more. */
  #revoked(session: string): ReadonlySet<string> | undefined {
    return this.readings.get(this.#owners.get(session) ?? 0)?.revoked;
  }

  handling(persona: number, session: string, n: number, process: object): Run {
    this.runs++;
    // While the store fails a process may have a session before the store says so.
    const stay = this.#stays.name(session, process);
    // One that stood still does not know yet that it has lost the session.
    const present = this.#stays.has(session, process);
    return this.inbound.handling(persona, session, n, stay, present);
  }

  handled(n: number, run: Run): void {
    this.inbound.handled(n, run);
  }

  swallowed(n: number): void {
    this.inbound.swallowed(n);
  }

  // What clients do.

  reading(persona: number): Reading {
    return this.readings.get(persona) as Reading;
  }

  newPersona(persona: number, durable: boolean): void {
    this.readings.set(persona, new Reading(persona, durable, this, this.#options));
  }

  personaEnds(persona: number): void {
    this.readings.delete(persona);
    this.inbound.forget(persona);
  }

  clientStarts(persona: number, kept: ClientState | undefined): void {
    this.reading(persona).starts(kept);
  }

  clientCrashed(persona: number, kept: ClientState | undefined): void {
    this.inbound.crashed(persona, kept);
  }

  welcomed(persona: number, welcome: Welcome): void {
    if (
      this.calm &&
      !this.#options.forgetful &&
      (!welcome.resumed || welcome.gaps.some(({ reason }) => reason !== "unauthorized"))
    ) {
      this.violated("quiet after", `client ${persona} came back with ${JSON.stringify(welcome.gaps)}`);
    }
    this.reading(persona).welcomed(welcome);
  }

  gap(persona: number, gap: WireGap): void {
    this.hit(`gap: ${gap.reason}`);
    this.readings.get(persona)?.gap(gap);
  }

  resync(persona: number, gap: WireGap): unknown {
    return this.reading(persona).snapshot(gap);
  }

  saved(persona: number, place: ClientPlace): void {
    this.readings.get(persona)?.saves(place);
  }

  clientHandles(persona: number, offset: number, n: number, behaviour: Behaviour, attempt: number): void {
    this.runs++;
    const copies = this.#copies.get(n) ?? [];
    const there = copies.filter((copy) => copy.offset === offset);
    const reading = this.reading(persona);
    // What came in an earlier life and waited for its turn is handed out in this one.
    const entry = (attempt === 1 ? there.find((copy) => !reading.began(copy)) : undefined) ?? there.at(-1);
    if (!entry || JSON.parse(entry.data)[2] !== behaviour) {
      this.violated("nothing invented", `client ${persona} handles ${n} as entry ${offset}`);
    } else reading.handles(entry, attempt, copies.length);
  }

  clientHandled(persona: number, n: number): void {
    this.readings.get(persona)?.handled(n);
  }

  clientDead(persona: number, n: number, attempts: number): void {
    this.readings.get(persona)?.gaveUp(n, attempts);
  }

  // At the end.

  /** Every audience that something was published to. */
  keys(): Set<string> {
    return new Set(this.log.entries.flatMap(({ keys }) => keys));
  }

  /** The log in the store, as far as it can still be read, is what was performed. */
  compare(
    stored: readonly { readonly offset: number; readonly id: string; readonly data: unknown }[],
    floor: number,
  ): void {
    const expected = this.log.entries.filter(({ offset }) => offset > floor);
    const texts = stored.map(({ offset, id, data }) => `${offset} ${id} ${data}`);
    for (const { offset, id, data } of expected) {
      if (!texts.includes(`${offset} ${id} ${data}`))
        this.violated("acknowledged stays", `entry ${offset} is not in the store`);
    }
    if (stored.length !== expected.length) {
      this.violated("nothing invented", `the store holds ${stored.length} entries, ${expected.length} were appended`);
    }
    for (const n of this.#refused) {
      // Another server has perhaps handled the same message, and published the same.
      const publishers = [...this.#turns.values()].filter(({ turns }) => turns.has(n));
      if (this.#places.has(n) && publishers.length < 2)
        this.violated("refused is nowhere", `${n} was refused and is in the log`);
    }
  }

  /** What the client is entitled to and has not dealt with. */
  missing(persona: number): string | undefined {
    return this.reading(persona).missing(this.#logs) ?? this.inbound.missing(persona);
  }
}
