/**
 * Handling what clients send: each message once, in order of arrival, again when a handler fails, and an answer for those
 * who want one.
 *
 * Rule: a message is settled when its listeners have settled and its answer, if one is wanted, is given. Nothing else settles
 * it but giving up, which leaves a dead letter.
 */
import { afterFailure } from "../core/attempts.ts";
import { DeliveryError } from "../core/error.ts";
import { type DeadReport, FRAME_EVENT, type WireMessage } from "../core/wire.ts";
import { Allowance } from "./allowance.ts";
import { type Cause, causes } from "./cause.ts";
import { parseDeadReport } from "./client-frames.ts";
import type { Encoded } from "./codec.ts";
import type { Hub } from "./hub.ts";
import type { Session } from "./session.ts";
import { Waits } from "./waits.ts";

/** Calls one listener. */
export type Call = () => unknown;

/** What became of bringing a message to its listeners. */
export type Dispatched =
  /** These listeners are to be called. */
  | { readonly kind: "listeners"; readonly calls: readonly Call[] }
  /** Nobody listens yet; `again` looks once more, past the middleware. */
  | { readonly kind: "nobody"; readonly again: () => Dispatched }
  /** The socket is gone; its successor gets the message. */
  | { readonly kind: "gone" }
  /** A middleware has refused it. */
  | { readonly kind: "refused" };

/** The application's side of a session: the socket that has it now. */
export interface Recipient {
  /** Whether there is nothing between a message and its listeners: no middleware that may drop it, no catch-all listener. */
  readonly direct?: boolean;
  /** Brings a message to the listeners, through middleware; `then` is called once, or never when a middleware swallows it. */
  dispatch(args: unknown[], then: (dispatched: Dispatched) => void): void;
  /** Calls back when a listener is added. */
  onListener(then: () => void): void;
}

interface Task {
  readonly seq: number;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly wantsAnswer: boolean;
  attempt: number;
  answer: Encoded | undefined;
  /** Its listeners, in the order in which they were first called. */
  calls: readonly Call[];
  /** Listeners under way. */
  running: number;
  /** Listeners that failed in this attempt. */
  failed: Call[];
  reason: unknown;
  /** Whether it has come to its listeners, if there are any. */
  dispatched: boolean;
  dueAt: number | undefined;
  done: boolean;
}

/** What a publish comes from that is made while a message is handled. */
class Handled implements Cause {
  readonly session: string;
  readonly listener: number;
  readonly #task: Task;
  count = 0;

  constructor(task: Task, session: string, listener: number) {
    this.#task = task;
    this.session = session;
    this.listener = listener;
  }

  get seq(): number {
    return this.#task.seq;
  }

  get message(): string {
    return this.#task.id;
  }

  open(): boolean {
    return !this.#task.done;
  }
}

/** The messages of one session that are not settled. */
export class Handling {
  readonly #hub: Hub;
  readonly #session: Session;
  /** Held because nobody listens, or because there is no socket; with the way to look again. */
  #held: Map<Task, (() => Dispatched) | undefined> | undefined;
  #watching: Recipient | undefined;
  #recipient: Recipient | undefined;
  readonly #allowance: Allowance | undefined;
  /** For a middleware, which never says that it drops a message, or for an answer. */
  #waiting: Waits<Task> | undefined;

  constructor(hub: Hub, session: Session) {
    this.#hub = hub;
    this.#session = session;
    const { publishRate } = hub.settings.limits;
    if (publishRate > 0) this.#allowance = new Allowance(publishRate);
  }

  get #waits(): Waits<Task> {
    const { clock, settings, metrics } = this.#hub;
    this.#waiting ??= new Waits(clock, settings.answerWaitMs, (task) => {
      metrics[task.dispatched ? "unanswered" : "swallowed"]++;
      this.#finish(task);
    });
    return this.#waiting;
  }

  /** The session has a new socket: what no handler has begun is brought to it. */
  attach(recipient: Recipient): void {
    this.#recipient = recipient;
    const held = this.#held;
    this.#held = undefined;
    for (const task of held?.keys() ?? []) this.#dispatch(task);
  }

  /** Takes in a message. Answers whether the next one may be taken. */
  take(message: WireMessage): boolean {
    const { inbox } = this.#session;
    const [seq] = message;
    if (seq > inbox.received && this.#allowance?.take(this.#hub.now()) === false) {
      this.#hub.metrics.rateLimited++;
      return false;
    }
    const verdict = inbox.accept(seq);
    if (verdict === "ahead") return false;
    if (verdict === "seen") {
      this.#hub.metrics.duplicates++;
      return true;
    }
    if (message.length === 1) {
      this.#session.settleMessage(seq);
      return true;
    }
    this.#hub.metrics.received++;
    const [, id, wantsAnswer, args] = message;
    if (args[0] === FRAME_EVENT) {
      this.#deadReport(seq, args);
      return true;
    }
    const task: Task = {
      seq,
      id,
      args,
      wantsAnswer: wantsAnswer === 1,
      attempt: 0,
      answer: undefined,
      calls: [],
      running: 0,
      failed: [],
      reason: undefined,
      dispatched: false,
      dueAt: undefined,
      done: false,
    };
    try {
      this.#hub.codec.inspect(args);
    } catch {
      this.#session.settleMessage(seq, { code: "PAYLOAD_TOO_DEEP" });
      return true;
    }
    this.#session.busy++;
    this.#dispatch(task);
    return true;
  }

  /**
   * Hands a dead letter to the handlers once more. Rejects with what they throw, or `SESSION_UNKNOWN` when there is no socket, no
   * handler, or a middleware that drops it.
   */
  async again(message: string, args: unknown[]): Promise<void> {
    const { clock, settings } = this.#hub;
    const calls = await new Promise<readonly Call[]>((resolve) => {
      if (!this.#recipient) return resolve([]);
      clock.at(clock.now() + settings.answerWaitMs, () => resolve([]));
      this.#recipient.dispatch([...args], (dispatched) =>
        resolve(dispatched.kind === "listeners" ? dispatched.calls : []),
      );
    });
    if (calls.length === 0) {
      throw new DeliveryError(
        "SESSION_UNKNOWN",
        `nobody handles message ${message} now; redrive it when its sender is connected.`,
      );
    }
    for (const call of calls) await call();
  }

  /** The client has given an entry up. */
  #deadReport(seq: number, args: readonly unknown[]): void {
    const report = args[1] === "d" ? parseDeadReport(args[2]) : undefined;
    if (!report) {
      this.#hub.metrics.badFrames++;
      this.#session.settleMessage(seq);
      return;
    }
    this.#session.busy++;
    void this.#buryEntry(report).finally(() => {
      this.#session.busy--;
      this.#session.settleMessage(seq);
      this.#hub.release(this.#session);
    });
  }

  async #buryEntry({ offset, attempts, reason }: DeadReport): Promise<void> {
    try {
      const [entry] = (await this.#hub.read(this.#session, offset - 1, 1, 1)).entries;
      if (entry?.offset !== offset) return;
      const { id: message, data } = entry;
      const { id: session, namespace } = this.#session;
      this.#hub.bury({ session, direction: "to-client", namespace, message, data, attempts, reason });
    } catch (error) {
      this.#hub.failed(error);
    }
  }

  #dispatch(task: Task): void {
    const recipient = this.#recipient;
    if (!recipient) {
      this.#keep(task);
      return;
    }
    const args = [...task.args];
    if (task.wantsAnswer) args.push((...answer: unknown[]) => this.#answer(task, answer));
    if (recipient.direct) {
      recipient.dispatch(args, (dispatched) => this.#dispatched(task, recipient, dispatched));
      return;
    }
    this.#waits.start(task);
    this.#within(task, -1, () =>
      recipient.dispatch(args, (dispatched) => {
        this.#waits.stop(task);
        this.#dispatched(task, recipient, dispatched);
      }),
    );
  }

  #dispatched(task: Task, recipient: Recipient, dispatched: Dispatched): void {
    // What a middleware took too long for is settled; its listeners get it all the same, if there are any now.
    if (task.done && dispatched.kind !== "listeners") return;
    switch (dispatched.kind) {
      case "listeners":
        task.calls = dispatched.calls;
        task.dispatched = true;
        this.#run(task, dispatched.calls);
        return;
      case "nobody":
        this.#hold(task, recipient, dispatched.again);
        return;
      case "gone":
        // attach() may have come first: then the successor is there.
        if (this.#recipient !== recipient) this.#dispatch(task);
        else this.#keep(task);
        return;
      case "refused":
        this.#finish(task);
    }
  }

  #hold(task: Task, recipient: Recipient, again: () => Dispatched): void {
    const held = this.#keep(task, again);
    if (held.size > this.#hub.settings.limits.heldEntries) {
      const [oldest] = held.keys();
      if (oldest) {
        held.delete(oldest);
        this.#hub.metrics.unheard++;
        this.#finish(oldest);
      }
    }
    this.#watch(recipient);
  }

  #keep(task: Task, again?: () => Dispatched): Map<Task, (() => Dispatched) | undefined> {
    this.#held ??= new Map();
    return this.#held.set(task, again);
  }

  /** Looks again whenever a listener is added, for as long as something is held. */
  #watch(recipient: Recipient): void {
    if (this.#watching === recipient) return;
    this.#watching = recipient;
    recipient.onListener(() => {
      this.#watching = undefined;
      if (this.#recipient !== recipient) return;
      const held = this.#held;
      this.#held = undefined;
      for (const [task, again] of held ?? []) {
        if (again) this.#dispatched(task, recipient, again());
        else this.#dispatch(task);
      }
    });
  }

  #run(task: Task, calls: readonly Call[]): void {
    if (++task.attempt > 1) this.#hub.metrics.redelivered++;
    task.failed = [];
    task.running = calls.length;
    for (const call of calls) {
      let result: unknown;
      try {
        result = this.#within(task, task.calls.indexOf(call), call);
      } catch (error) {
        this.#ended(task, call, { error });
        continue;
      }
      if (isThenable(result)) {
        result.then(
          () => this.#ended(task, call),
          (error: unknown) => this.#ended(task, call, { error }),
        );
      } else this.#ended(task, call);
    }
  }

  #ended(task: Task, call: Call, failure?: { readonly error: unknown }): void {
    if (failure) {
      task.failed.push(call);
      task.reason = failure.error;
      this.#hub.failed(failure.error);
    }
    if (--task.running > 0 || task.done) return;
    if (task.failed.length > 0) {
      const { clock, settings } = this.#hub;
      const { maxDeliveries, redeliveryBackoff } = settings;
      const after = afterFailure(task.attempt, maxDeliveries, redeliveryBackoff, this.#hub.random());
      if (after.kind === "dead") this.#bury(task);
      else {
        const { failed } = task;
        clock.at(clock.now() + after.afterMs, () => {
          if (this.#session.lost) this.#abandon(task);
          else this.#run(task, failed);
        });
      }
    } else if (!task.wantsAnswer || task.answer !== undefined) this.#finish(task);
    else this.#waits.start(task);
  }

  #answer(task: Task, answer: readonly unknown[]): void {
    if (task.done || task.answer !== undefined) return;
    try {
      task.answer = this.#hub.codec.encode(answer);
    } catch (error) {
      this.#hub.failed(error);
      task.answer = this.#hub.codec.encode([]);
    }
    // Answered is not settled: the caller has its answer now, also when the handler goes on for long.
    this.#session.keepAnswer(task.seq, task.answer);
    const { connection } = this.#session;
    if (connection?.answered()) this.#hub.waits(connection);
    if (this.#waits.stop(task)) this.#finish(task);
  }

  #finish(task: Task, code?: string): void {
    if (task.done) return;
    task.done = true;
    this.#waits.stop(task);
    this.#session.busy--;
    // The first answer stands.
    if (code !== undefined && task.answer === undefined) this.#session.settleMessage(task.seq, { code });
    else this.#session.settleMessage(task.seq);
    this.#hub.release(this.#session);
  }

  /** Somebody else has the session, and the message with it. */
  #abandon(task: Task): void {
    task.done = true;
    this.#session.busy--;
    this.#hub.release(this.#session);
  }

  #bury(task: Task): void {
    this.#hub.bury({
      session: this.#session.id,
      direction: "to-server",
      namespace: this.#session.namespace,
      message: task.id,
      data: this.#hub.codec.encode(task.args),
      attempts: task.attempt,
      reason: String(task.reason),
    });
    this.#finish(task, "DEAD_LETTER");
  }

  #within<T>(task: Task, listener: number, run: () => T): T {
    return causes.run(new Handled(task, this.#session.id, listener), run);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}
