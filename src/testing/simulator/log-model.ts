/**
 * What the log and the memberships are, told by the steps that were performed.
 *
 * Rule: shares no code with the package; it follows the contract of the store in the plainest way there is.
 */
import type { NewEntry, Operation, Outcome } from "../../store/store.ts";
import { Violation } from "./violation.ts";

/** An entry, as far as it matters here. */
export interface LoggedEntry {
  /** The life of the log that it was appended in. */
  readonly epoch: string;
  readonly offset: number;
  readonly id: string;
  readonly n: number;
  readonly keys: readonly string[];
  readonly except: readonly string[];
  readonly data: string;
}

interface Interval {
  readonly key: string;
  readonly since: number;
  until: number;
}

/** A session, as far as it matters here. */
export interface LoggedSession {
  generation: number;
  intervals: Interval[];
  /** Up to here its stored cursor was found right. */
  verified: number;
}

/** One life of the log. */
export class LogModel {
  readonly epoch: string;
  readonly entries: LoggedEntry[] = [];
  readonly sessions: Map<string, LoggedSession> = new Map();
  head = 0;
  floor = 0;
  readonly #byId = new Map<string, LoggedEntry>();
  #forgetful = false;

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  /** Steps were performed. `appended` is called for each new entry. */
  perform(
    batch: readonly Operation[],
    outcomes: readonly (Outcome | undefined)[],
    appended: (entry: LoggedEntry) => void,
  ): void {
    batch.forEach((operation, i) => {
      const outcome = outcomes[i];
      if (operation.kind === "append") this.#append(operation.entry, outcome, appended);
      else this.#session(operation, outcome);
    });
  }

  /** Everything up to here is trimmed. */
  trim(floor: number): void {
    this.floor = floor;
    for (const [id, { offset }] of this.#byId) if (offset <= floor) this.#byId.delete(id);
  }

  /** Some sessions were forgotten; which ones shows when they are used. */
  expire(): void {
    this.#forgetful = true;
  }

  /**
   * Whether an entry is for a session. What excepts the members of a room does not concern a client that has lost the room: the
   * end of its membership is put back to where it stood then.
   */
  entitled(session: LoggedSession, { offset, keys, except }: LoggedEntry, revoked?: ReadonlySet<string>): boolean {
    const covers = (key: string): boolean =>
      session.intervals.some((interval) => interval.key === key && interval.since < offset && offset <= interval.until);
    const excepted = except.filter((key) => !revoked?.has(key.slice(key.indexOf("\n") + 1)));
    return keys.some(covers) && !excepted.some(covers);
  }

  #append(entry: NewEntry, outcome: Outcome | undefined, appended: (entry: LoggedEntry) => void): void {
    if (!outcome) throw new Violation("the store obeys", `an append had no outcome: ${entry.id}`);
    const known = this.#byId.get(entry.id);
    if (known) {
      if (outcome.duplicate !== true || outcome.offset !== known.offset) {
        throw new Violation(
          "the store obeys",
          `${entry.id} is at ${known.offset}, and was appended again at ${outcome.offset}`,
        );
      }
      return;
    }
    if (outcome.duplicate === true || outcome.offset <= this.head) {
      throw new Violation("the store obeys", `${entry.id} was appended at ${outcome.offset}, the head is ${this.head}`);
    }
    const data = String(entry.data);
    const logged: LoggedEntry = {
      epoch: this.epoch,
      offset: outcome.offset,
      id: entry.id,
      n: JSON.parse(data)[1],
      keys: [...entry.keys],
      except: [...entry.except],
      data,
    };
    this.head = outcome.offset;
    this.entries.push(logged);
    this.#byId.set(entry.id, logged);
    appended(logged);
  }

  #session(operation: Exclude<Operation, { kind: "append" }>, outcome: Outcome | undefined): void {
    if (operation.kind === "bury" || operation.kind === "unbury") return;
    const id = operation.session;
    if (operation.kind === "open") {
      const intervals = operation.keys.map((key) => ({ key, since: this.head, until: Number.POSITIVE_INFINITY }));
      this.sessions.set(id, { generation: 1, intervals, verified: this.head });
      return;
    }
    const session = this.sessions.get(id);
    const takes =
      session &&
      (operation.kind === "resume"
        ? operation.from === session.generation
        : !("generation" in operation) || operation.generation === session.generation);
    if (!takes || !outcome) {
      if (outcome) throw new Violation("the store obeys", `${operation.kind} of ${id} was not fenced`);
      if (takes && !this.#forgetful) throw new Violation("the store obeys", `${operation.kind} of ${id} was fenced`);
      if (takes) this.sessions.delete(id);
      return;
    }
    const { intervals } = session;
    switch (operation.kind) {
      case "forget":
        this.sessions.delete(id);
        return;
      case "resume":
        session.generation = operation.next;
        return;
      case "join":
        if (intervals.some(({ key, until }) => key === operation.key && until === Number.POSITIVE_INFINITY)) return;
        intervals.push({ key: operation.key, since: this.head, until: Number.POSITIVE_INFINITY });
        return;
      case "leave":
        for (const interval of intervals) {
          if (interval.key !== operation.key || interval.until !== Number.POSITIVE_INFINITY) continue;
          interval.until = operation.until ?? this.head;
        }
        return;
      case "progress":
      case "inbox":
    }
  }
}
