/**
 * What clients have emitted, and what became of it, as it really was.
 *
 * Rule: a message may be handled again only when its handling was cut off by the end of a server's process or by the session's
 * move to another one, or in another session; and never after it was reported as settled.
 */
import type { ClientState } from "../../client-storage.ts";
import type { Behaviour } from "./behaviour.ts";
import type { Oracle } from "./oracle.ts";

/** One call of a server's handler. */
export interface Run {
  readonly session: string;
  /** Which run of the message it is, from 0. */
  readonly number: number;
  /** Which of the session's stays at a server process it is in. */
  readonly stay: string;
  worked: boolean;
}

interface Emitted {
  readonly persona: number;
  readonly n: number;
  readonly id: string;
  readonly behaviour: Behaviour;
  /** Whether it has a callback that waits for ever. */
  readonly waits: boolean;
  readonly runs: Run[];
  status: string;
  sent: boolean;
  swallowed: boolean;
  /** Sessions in which the store has it as settled; with the stays that began before that, of which the store learned later. */
  readonly stored: Map<string, ReadonlySet<string>>;
  answers: number;
}

const FAILS: readonly Behaviour[] = ["poison"];
const TAKES: readonly Behaviour[] = ["async", "slow", "publishes"];
/** Why a message may fail without having been handled. */
const UNHANDLED: readonly string[] = ["OUTBOX_FULL", "ACK_TIMEOUT", "EXPIRED"];

/** All messages of all clients. */
export class Inbound {
  readonly #messages = new Map<number, Emitted>();
  readonly #byId = new Map<string, Emitted>();
  readonly #bySeq = new Map<string, Map<number, Emitted>>();
  /** Sessions that somebody else has presented, too. */
  readonly contested: Set<string> = new Set();
  /** The last message that was begun, by session and process. */
  readonly #lastBegun = new Map<string, number>();
  readonly #maxDeliveries: number;
  readonly #oracle: Oracle;

  constructor(maxDeliveries: number, oracle: Oracle) {
    this.#maxDeliveries = maxDeliveries;
    this.#oracle = oracle;
  }

  /** A client has emitted. */
  emitted(persona: number, n: number, id: string, behaviour: Behaviour, waits: boolean): void {
    const message: Emitted = {
      persona,
      n,
      id,
      behaviour,
      waits,
      runs: [],
      status: "pending",
      sent: false,
      swallowed: false,
      stored: new Map(),
      answers: 0,
    };
    this.#messages.set(n, message);
    this.#byId.set(id, message);
  }

  /** Messages came to a server. */
  came(session: string, messages: readonly (readonly [seq: number, id?: string])[]): void {
    const bySeq = this.#bySeq.get(session) ?? new Map<number, Emitted>();
    this.#bySeq.set(session, bySeq);
    for (const [seq, id] of messages) {
      const message = id === undefined ? undefined : this.#byId.get(id);
      if (message && !message.stored.has(session)) bySeq.set(seq, message);
    }
  }

  /** The store has messages of a session as settled. @param unaware Stays at other processes that cannot know of it. */
  stored(session: string, settled: number, above: readonly number[], unaware: ReadonlySet<string>): void {
    for (const [seq, message] of this.#bySeq.get(session) ?? []) {
      if ((seq > settled && !above.includes(seq)) || message.stored.has(session)) continue;
      message.stored.set(session, unaware);
    }
  }

  /** The store was put back: what it had is open again. */
  restored(): void {
    for (const { stored } of this.#messages.values()) stored.clear();
  }

  /** A middleware has taken it away. */
  swallowed(n: number): void {
    const message = this.#messages.get(n);
    if (message) message.swallowed = true;
  }

  /**
   * A server's handler is called.
   *
   * @param stay Which of the session's stays at a server process it is.
   * @param present Whether that process still has the session.
   */
  handling(persona: number, session: string, n: number, stay: string, present: boolean): Run {
    const message = this.#messages.get(n);
    const run: Run = { session, number: message?.runs.length ?? 0, stay, worked: false };
    if (!message || message.persona !== persona) {
      this.#oracle.violated("nothing invented", `message ${n} of client ${persona} is handled`);
      return run;
    }
    const who = `message ${n} of ${session}`;
    const same = message.runs.filter((other) => other.session === session);
    const here = same.filter((other) => other.stay === stay);
    // Two connections that fight for a session on several servers leave open which of its lives a run belongs to.
    const certain = !this.contested.has(session);
    if (certain && here.some(({ worked }) => worked)) this.#oracle.violated("once a life", `${who} is handled again`);
    if (certain && here.length > 0 && TAKES.includes(message.behaviour))
      this.#oracle.violated("once a life", `${who} is being handled`);
    if (present && message.stored.get(session)?.has(stay) === false) {
      this.#oracle.violated("settled stays", `${who} is handled again, and the store has it as settled`);
    }
    if (present && message.status === "acked" && same.length > 0)
      this.#oracle.violated("settled stays", `${who} is handled again`);
    if (certain && here.length === 0) {
      const key = `${session} ${stay}`;
      if (n <= (this.#lastBegun.get(key) ?? -1))
        this.#oracle.violated("in order", `${who} after ${this.#lastBegun.get(key)}`);
      this.#lastBegun.set(key, n);
    }
    if (certain && here.length >= this.#maxDeliveries)
      this.#oracle.violated("failed is failed", `${who} is tried once more than it may`);
    message.runs.push(run);
    return run;
  }

  /** A server's handler has done its work. */
  handled(_n: number, run: Run): void {
    run.worked = true;
  }

  /** A message's status, as its client is told. */
  status(id: string, status: string, code: string | undefined): void {
    const message = this.#byId.get(id);
    if (!message) return;
    const { n, runs, behaviour } = message;
    if (status === "sent") message.sent = true;
    if (status === "acked" && !message.swallowed && !runs.some(({ worked }) => worked)) {
      this.#oracle.violated("acked is handled", `message ${n} is acked; ${runs.length} runs, none worked`);
    }
    if (status === "failed") {
      this.#oracle.hit(`message failed: ${code}`);
      if (code === "DEAD_LETTER") {
        // By process: a session that was resumed while the store failed is counted anew once that is stored.
        const tries = new Map<string, number>();
        for (const { session, stay } of runs) {
          const place = `${session} ${stay.split(".")[0]}`;
          tries.set(place, (tries.get(place) ?? 0) + 1);
        }
        const most = Math.max(0, ...tries.values());
        const certain = !runs.some(({ session }) => this.contested.has(session));
        if (!FAILS.includes(behaviour) || (certain && most < this.#maxDeliveries)) {
          this.#oracle.violated("failed is failed", `message ${n} is dead after ${most} runs`);
        }
      } else if (!UNHANDLED.includes(code ?? ""))
        this.#oracle.violated("failed is failed", `message ${n} failed: ${code}`);
    }
    message.status = status;
  }

  /** A callback was called. */
  answered(n: number, [error, answer, run]: readonly unknown[]): void {
    const message = this.#messages.get(n);
    if (!message) return;
    if (++message.answers > 1) this.#oracle.violated("same answer", `message ${n} is answered again`);
    if (error) {
      // It is told of settling without an answer only where none was given.
      const given = message.runs.some(({ worked }) => worked) && message.behaviour !== "mute";
      if (message.waits && given) this.#oracle.violated("same answer", `message ${n} lost its answer: ${error}`);
      return;
    }
    this.#oracle.hit("answer");
    if (answer !== n || !message.runs[run as number])
      this.#oracle.violated("same answer", `message ${n} is answered with ${answer}`);
  }

  /** The client's process died; this is what its storage has. */
  crashed(persona: number, kept: ClientState | undefined): void {
    const ids = new Set((kept?.messages ?? []).map(({ id }) => id));
    for (const message of this.#messages.values()) {
      if (message.persona !== persona) continue;
      message.answers = 0;
      if (!open(message) || ids.has(message.id)) continue;
      if (message.sent) this.#oracle.violated("saved first", `message ${message.n} was sent and is not in the storage`);
      // It was never promised.
      message.status = "forgotten";
    }
  }

  /** The client is gone with its storage. */
  forget(persona: number): void {
    for (const message of this.#messages.values())
      if (message.persona === persona && open(message)) message.status = "forgotten";
  }

  /** The messages that their clients know as acknowledged. */
  acknowledged(): number[] {
    return [...this.#messages.values()]
      .filter(({ status, swallowed }) => status === "acked" && !swallowed)
      .map(({ n }) => n);
  }

  /** The first message of a client that has not ended. */
  missing(persona: number): string | undefined {
    for (const message of this.#messages.values()) {
      if (message.persona === persona && open(message))
        return `message ${message.n} (${message.behaviour}) is ${message.status}`;
    }
    return undefined;
  }
}

function open({ status }: Emitted): boolean {
  return status === "pending" || status === "sent";
}
