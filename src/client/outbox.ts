/**
 * The client's side of client to server: the outbox, sent in order, several at a time, until the server has settled it.
 *
 * Rule: messages are numbered 1, 2, 3… without holes; each is saved before it is sent, and leaves only when the server has
 * settled it. One that is given up leaves its number behind as a tombstone, so that no later message is mistaken for it
 * (protocol R30, R31, R36).
 */
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
import type { Outgoing } from "../core/outbox.ts";
import { FRAME_EVENT, type WireAnswer, type WireMessage } from "../core/wire.ts";
import type { MessageStatus } from "./api.ts";
import { measure } from "./measure.ts";
import type { Ties } from "./ties.ts";

/** A frame of several messages is not larger than this, bytes. */
const FRAME_BYTES = 65_536;

/** A callback of Socket.IO's. */
export type Acknowledge = ((...args: unknown[]) => void) & { readonly withError?: boolean };

/**
 * One message on its way. Its `seq` is 0 until the storage is loaded, and when it was refused. It ends exactly once, as
 * acked, failed or expired ("sent", at a server that is not wrapped); its callback is called at most once.
 */
export interface Message extends Outgoing {
  seq: number;
  bytes: number;
  status: MessageStatus;
  error?: DeliveryError | undefined;
  compress?: boolean | undefined;
  /** Binary attachments; with any it has to be alone in its frame. */
  attachments?: number;
  /** Called with the answer. Absent: none is wanted, or it was given. */
  ack?: Acknowledge | undefined;
  /** How long to wait for the answer, milliseconds; `undefined`: for ever. */
  timeoutMs?: number | undefined;
  /** When that time is over, milliseconds since 1970. */
  until: number;
  /** Cancels the wait for the answer. */
  cancel?: (() => void) | undefined;
  /** Whether a connection has ended since it was settled, with no answer. */
  stale?: boolean;
  /** Called when it ends. */
  ended?: (status: MessageStatus) => void;
}

/** The outbox of one client. */
export interface Outbox {
  /** What is kept, by ascending number; tombstones, which have no `args`, included. */
  readonly messages: ReadonlyMap<number, Message>;
  /** Settled messages whose answer has not come. */
  readonly awaiting: ReadonlyMap<number, Message>;
  /** The first number that was never used. */
  nextSeq(): number;
  /** The client is done with everything up to here. */
  floor(): number;
  /** Sum of the messages' sizes. */
  bytes(): number;
  /** How many were never sent. */
  pending(): number;
  /** What an earlier life left behind. */
  restore(nextSeq: number, kept: readonly Outgoing[]): void;
  /**
   * A message, which {@link Outbox.add} has to take in. Never throws: a refusal is its status. `undefined`, and an error signal:
   * what Socket.IO can perhaps send and we cannot keep, because it is nested too deep or no JSON.
   *
   * @param own Whether it is about delivery itself, and not the application's.
   */
  compose(
    args: readonly unknown[],
    own: boolean,
    ack?: Acknowledge,
    timeoutMs?: number,
    compress?: boolean,
  ): Message | undefined;
  /** Takes a message in. */
  add(message: Message): void;
  /** Sends what may be sent. */
  pump(): void;
  /** A connection begins on which the server has everything up to `received`. */
  connected(received: number, payloadBytes: number): void;
  /** What the server says of the messages. */
  reported(received: number, settled: number, above: readonly number[], answers: readonly WireAnswer[]): void;
  /** The connection ended. */
  closed(): void;
  /** Gives a message up. Answers whether it was still to be settled. */
  giveUp(message: Message, code: DeliveryErrorCode, status?: MessageStatus): boolean;
  /** Takes everything out, for a server that is not wrapped. */
  drain(): Message[];
}

/** An error about a message. */
export function failure(code: string, [event]: readonly unknown[]): DeliveryError {
  return new DeliveryError(code as DeliveryErrorCode, `"${event}" was not delivered, or not answered`);
}

/** An outbox. */
export function createOutbox(ties: Ties): Outbox {
  const { settings, metrics, signal, after, safely, send, ready, mark, touch } = ties;
  const { clock, ttlMs, outbox: limits } = settings;
  const messages = new Map<number, Message>();
  const awaiting = new Map<number, Message>();
  let nextSeq = 1;
  let bytes = 0;
  /** The highest number that the server has. */
  let received = 0;
  /** The highest number sent on the present connection. */
  let sent = 0;
  /** The size of what lies between the two. */
  let flightBytes = 0;
  /** The highest number sent on any connection, perhaps in an earlier life. */
  let everSent = 0;
  /** The highest number that the application was told it is sent. */
  let told = 0;
  /** What was received when the server last had to repeat itself. */
  let rewoundAt = -1;
  /** How large a message the server takes. */
  let payloadBytes = Number.POSITIVE_INFINITY;
  let pumping = false;
  let resends = 0;
  let cancelWait: (() => void) | undefined;
  let watching = false;

  const floor = (): number => {
    for (const seq of messages.keys()) return seq - 1;
    return nextSeq - 1;
  };

  /** Calls back, once, with the answer, or with the error when the callback takes one. */
  const answer = (message: Message, error: Error | null, args: readonly unknown[] = []): void => {
    const { ack } = message;
    message.cancel?.();
    message.cancel = message.ack = undefined;
    if (!ack) return;
    if (message.timeoutMs !== undefined || ack.withError) safely(() => ack(error, ...args));
    else if (!error) safely(() => ack(...args));
  };

  const end = (message: Message, status: MessageStatus, error?: DeliveryError): void => {
    message.status = status;
    if (error) {
      message.error = error;
      metrics.failed++;
      answer(message, error);
    }
    message.ended?.(status);
    signal("status", message);
  };

  const refuse = (message: Message, error: DeliveryError): void => {
    message.status = "failed";
    message.error = error;
    // Socket.IO never calls a callback within emit.
    queueMicrotask(() => {
      end(message, "failed", error);
      signal("error", error);
    });
  };

  const giveUp: Outbox["giveUp"] = (message, code, status = "failed") => {
    const { seq, args } = message;
    const kept = messages.get(seq) === message;
    if (!args || (!kept && message.status !== "pending")) return false;
    if (kept) {
      const tombstone: Message = { ...keptPart(message), id: "", args: undefined, bytes: 0, status: "sent", until: 0 };
      messages.set(seq, tombstone);
      bytes -= message.bytes;
      mark(seq, tombstone);
      touch();
    }
    end(message, status, failure(code, args));
    return true;
  };

  const watchExpiry = (): void => {
    for (const { args, expiresAt } of messages.values()) {
      if (!args) continue;
      if (watching) return;
      watching = true;
      after(expiresAt - clock.now(), () => {
        watching = false;
        const now = clock.now();
        for (const message of messages.values()) if (message.expiresAt <= now) giveUp(message, "EXPIRED", "expired");
        watchExpiry();
      });
      return;
    }
  };

  /** Starts the wait for word of the server, if there is any to wait for. */
  const wait = (): void => {
    if (sent === received) return;
    cancelWait = after(settings.ackTimeoutMs * 2 ** resends, () => {
      cancelWait = undefined;
      if (resends++ < settings.maxResends) rewind();
      else ties.socket().io.engine?.close();
    });
  };
  const stopWaiting = (): void => {
    cancelWait?.();
    cancelWait = undefined;
  };

  const rewind = (): void => {
    metrics.resends++;
    sent = received;
    flightBytes = 0;
    pump();
  };

  const pump = (): void => {
    if (pumping) return;
    pumping = true;
    let group: WireMessage[] = [];
    let size = 0;
    let compress = true;
    const flush = (): void => {
      if (group.length > 0 && ready()) send(["m", floor(), group], compress);
      group = [];
      size = 0;
      compress = true;
    };
    const { windowEntries, windowBytes } = limits;
    while (ready() && sent < ties.savedSeq() && sent - received < windowEntries && flightBytes < windowBytes) {
      const seq = ++sent;
      everSent = Math.max(everSent, seq);
      // A number that is gone was settled ahead of its turn, on an earlier connection.
      const message = messages.get(seq);
      if (!message?.args) {
        group.push([seq]);
        continue;
      }
      const { id, args, attachments } = message;
      if (attachments || size + message.bytes > Math.min(FRAME_BYTES, payloadBytes)) flush();
      if (seq > told) {
        told = seq;
        message.status = "sent";
        if (args[0] !== FRAME_EVENT) safely(() => ties.socket().notifyOutgoingListeners({ data: args }));
        signal("status", message);
      }
      group.push([seq, id, message.wantsAnswer ? 1 : 0, args as [string, ...unknown[]]]);
      flightBytes += message.bytes;
      size += message.bytes + 100;
      if (message.compress === false) compress = false;
      if (attachments) flush();
    }
    flush();
    pumping = false;
    if (!cancelWait) wait();
  };

  return {
    messages,
    awaiting,
    nextSeq: () => nextSeq,
    floor,
    bytes: () => bytes,
    pending: () => nextSeq - 1 - everSent,
    pump,
    giveUp,

    restore(next, kept) {
      nextSeq = next;
      everSent = next - 1;
      for (const message of kept) {
        const { attachments } = measure(message.args ?? []);
        messages.set(message.seq, { ...message, status: "sent", attachments, until: 0 });
        bytes += message.bytes;
      }
      watchExpiry();
    },

    compose(args, own, ack, timeoutMs, compress) {
      const now = clock.now();
      const message: Message = {
        seq: 0,
        id: settings.newId(),
        args,
        wantsAnswer: !!ack,
        bytes: 0,
        expiresAt: now + ttlMs,
        status: "pending",
        compress,
        ack,
        timeoutMs,
        until: now + (timeoutMs ?? 0),
      };
      try {
        if (args[0] === FRAME_EVENT && !own) throw new DeliveryError("INVALID", `"${FRAME_EVENT}" is a reserved event`);
        try {
          Object.assign(message, measure(args));
        } catch (error) {
          if ((error as DeliveryError).code === "TOO_MANY_ATTACHMENTS") throw error;
          signal("error", error);
          return;
        }
        if (message.bytes > payloadBytes) throw failure("PAYLOAD_TOO_LARGE", args);
      } catch (error) {
        refuse(message, error as DeliveryError);
        return message;
      }
      if (ack && timeoutMs !== undefined) {
        message.cancel = after(timeoutMs, () => {
          answer(message, new Error("operation has timed out"));
          // As plain Socket.IO does: what was never sent is not sent any more.
          if (message.status === "pending") giveUp(message, "ACK_TIMEOUT");
        });
      }
      return message;
    },

    add(message) {
      if (message.status !== "pending") return;
      if (messages.size >= limits.maxEntries || (messages.size > 0 && bytes + message.bytes > limits.maxBytes)) {
        refuse(message, failure("OUTBOX_FULL", message.args as unknown[]));
        return;
      }
      message.seq = nextSeq++;
      messages.set(message.seq, message);
      bytes += message.bytes;
      mark(message.seq, message);
      watchExpiry();
      touch();
    },

    connected(serverReceived, limit) {
      received = sent = Math.max(serverReceived, floor());
      rewoundAt = -1;
      payloadBytes = limit;
      flightBytes = resends = 0;
      for (const message of messages.values()) {
        if (message.bytes > limit && giveUp(message, "PAYLOAD_TOO_LARGE")) signal("error", message.error);
      }
    },

    reported(nowReceived, settled, above, answers) {
      if (nowReceived > everSent || settled > nowReceived) return;
      let progress = nowReceived > received;
      received = Math.max(received, nowReceived);
      sent = Math.max(sent, received);
      for (const [seq, args, code] of answers) {
        const message = messages.get(seq) ?? awaiting.get(seq);
        awaiting.delete(seq);
        if (!message?.args) continue;
        if (args) answer(message, null, args);
        else if (message.status !== "failed") end(message, "failed", failure(code, message.args));
      }
      const leave = (seq: number): void => {
        const message = messages.get(seq);
        if (!message) return;
        progress = true;
        messages.delete(seq);
        bytes -= message.bytes;
        mark(seq);
        // The answer may still be on its way, in another frame.
        if (message.ack) awaiting.set(seq, message);
        if (message.args && message.status !== "failed") end(message, "acked");
      };
      for (const seq of messages.keys()) {
        if (seq > settled) break;
        leave(seq);
      }
      for (const seq of above) if (seq <= nowReceived) leave(seq);
      flightBytes = 0;
      for (let seq = received; seq < sent; ) flightBytes += messages.get(++seq)?.bytes ?? 0;
      if (progress) {
        resends = 0;
        stopWaiting();
        touch();
      } else if (answers.length === 0 && sent > received && rewoundAt !== received) {
        // Told again of what was known: something after it is missing.
        rewoundAt = received;
        rewind();
      }
      pump();
    },

    closed() {
      stopWaiting();
      sent = received;
      for (const [seq, message] of awaiting) {
        if (message.stale) {
          awaiting.delete(seq);
          answer(message, failure("ACK_TIMEOUT", message.args as unknown[]));
        } else message.stale = true;
      }
    },

    drain() {
      const drained = [...messages.values()].filter(({ args }) => args && args[0] !== FRAME_EVENT);
      for (const message of messages.values()) {
        mark(message.seq);
        message.cancel?.();
        if (message.args) end(message, "sent");
      }
      messages.clear();
      bytes = 0;
      received = sent = everSent = nextSeq - 1;
      touch();
      return drained;
    },
  };
}

/** What of a message is kept. */
export function keptPart({ seq, id, args, wantsAnswer, bytes, expiresAt }: Outgoing): Outgoing {
  return { seq, id, args, wantsAnswer, bytes, expiresAt };
}
