/**
 * The client's side of client to server: the outbox, sent in order, several at a time, until the server has settled it.
 *
 * Rule: messages are numbered 1, 2, 3… without holes; each is saved before it is sent, and leaves only when the server has
 * settled it. One that is given up leaves its number behind as a tombstone, so that no later message is mistaken for it
 * (protocol R30 to R33, R36).
 */
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
import type { Outgoing } from "../core/outbox.ts";
import { FRAME_EVENT, type WireAnswer, type WireMessage } from "../core/wire.ts";
import type { MessageStatus } from "./api.ts";
import { type Measure, measure } from "./measure.ts";
import type { Ties } from "./ties.ts";

/** A frame of several messages is not larger than this, bytes. */
const FRAME_BYTES = 65_536;
/** Socket.IO's parser drops the connection for one more in a packet. */
const MAX_ATTACHMENTS = 10;

/** A callback of Socket.IO's. */
export type Acknowledge = ((...args: unknown[]) => void) & { readonly withError?: boolean };

/**
 * One message on its way. Its `seq` is 0 until the storage is loaded, and when it was refused. It ends exactly once, as
 * acked, failed or expired ("sent", at a server that is not wrapped); its callback is called at most once.
 */
export interface Message extends Outgoing {
  seq: number;
  /** "pending" also for one of an earlier life that was not sent in this one. */
  status: MessageStatus;
  error?: DeliveryError | undefined;
  readonly attachments: number;
  readonly compress?: boolean | undefined;
  /** Called with the answer. Absent: none is wanted, or it was given. */
  ack?: Acknowledge | undefined;
  /** How long to wait for the answer, milliseconds; `undefined`: for ever. */
  readonly timeoutMs?: number | undefined;
  /** When that time is over, milliseconds since 1970. */
  readonly until?: number;
  /** Ends the wait for the answer. */
  stopWaiting?: () => void;
  /** Ends the wait for its time to live. */
  stopAging?: () => void;
  /** Called when it ends. */
  ended?: (status: MessageStatus) => void;
}

/** The outbox of one client. */
export interface Outbox {
  /** What is kept, by ascending number; tombstones, which have no `args`, included. */
  readonly messages: ReadonlyMap<number, Message>;
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
   * Takes event and arguments in. A refusal is the status of what it answers. `undefined`, and an error signal: what Socket.IO
   * can perhaps send and we cannot keep, because it is nested too deep or no JSON.
   *
   * @param own Whether it is about delivery itself, and not the application's.
   */
  emit(
    args: readonly unknown[],
    own: boolean,
    ack?: Acknowledge,
    timeoutMs?: number,
    compress?: boolean,
  ): Message | undefined;
  /** Sends what may be sent. */
  pump(): void;
  /** A connection begins on which the server has everything up to `received`. */
  connected(received: number, payloadBytes: number): void;
  /** What the server says of the messages. */
  reported(received: number, settled: number, above: readonly number[], answers: readonly WireAnswer[]): void;
  /** The connection ended. */
  closed(): void;
  /** Gives a message up. Answers whether it was still to be settled. */
  giveUp(message: Message, error: DeliveryError, status?: MessageStatus): boolean;
  /** Takes everything out, for a server that is not wrapped. */
  drain(): Message[];
}

/** An error about a message. */
export function failure(
  code: string,
  [event]: readonly unknown[] = [],
  why = "was not delivered, or not answered",
): DeliveryError {
  return new DeliveryError(code as DeliveryErrorCode, `"${event}" ${why}`);
}

/** An outbox. */
export function createOutbox(ties: Ties): Outbox {
  const { settings, metrics, signal, after, safely, ready, mark, touch } = ties;
  const { clock, outbox: limits } = settings;
  const messages = new Map<number, Message>();
  let nextSeq = 1;
  let bytes = 0;
  /** The highest number that the server has. */
  let received = 0;
  /** The highest number sent on the present connection, and the highest on any, perhaps in an earlier life. */
  let sent = 0;
  let everSent = 0;
  /** What was received when the server last had to repeat itself. */
  let rewoundAt = -1;
  /** How large a message the server takes. */
  let payloadBytes = Number.POSITIVE_INFINITY;
  let pumping = false;
  let resends = 0;
  let cancelWait: (() => void) | undefined;

  const floor = (): number => {
    for (const seq of messages.keys()) return seq - 1;
    return nextSeq - 1;
  };

  /** Calls back, once, with the answer, or with the error when the callback takes one. */
  const answer = (message: Message, error: Error | null, args: readonly unknown[] = []): void => {
    const { ack } = message;
    message.stopWaiting?.();
    message.ack = undefined;
    if (!ack) return;
    if (message.timeoutMs !== undefined || ack.withError) safely(() => ack(error, ...args));
    else if (!error) safely(() => ack(...args));
  };

  const end = (message: Message, status: MessageStatus, error?: DeliveryError): void => {
    message.status = status;
    message.stopAging?.();
    if (error) {
      message.error = error;
      metrics.failed++;
      answer(message, error);
    }
    message.ended?.(status);
    signal("status", message);
  };

  const giveUp: Outbox["giveUp"] = (message, error, status = "failed") => {
    const { seq } = message;
    const kept = messages.get(seq) === message;
    if (!kept && message.status !== "pending") return false;
    if (kept) {
      const tombstone: Message = { ...message, id: "", args: undefined, bytes: 0, ack: undefined };
      messages.set(seq, tombstone);
      bytes -= message.bytes;
      mark(seq, tombstone);
      touch();
    }
    end(message, status, error);
    return true;
  };
  const reject = (message: Message, error: DeliveryError): void => {
    if (giveUp(message, error)) signal("error", error);
  };
  /** Socket.IO never calls a callback within emit. */
  const rejectSoon = (message: Message, error: DeliveryError): void => queueMicrotask(() => reject(message, error));

  const keep = (message: Message): void => {
    messages.set(message.seq, message);
    bytes += message.bytes;
    if (!message.args) return;
    message.stopAging = after(
      message.expiresAt - clock.now(),
      () => void giveUp(message, failure("EXPIRED", message.args), "expired"),
    );
  };

  /** Starts anew the wait for word of the server, if there is any to wait for. */
  const wait = (): void => {
    cancelWait?.();
    cancelWait = undefined;
    if (sent === received) return;
    cancelWait = after(settings.ackTimeoutMs * 2 ** resends, () => {
      cancelWait = undefined;
      if (resends++ < settings.maxResends) rewind();
      else ties.socket().io.engine?.close();
    });
  };

  const rewind = (): void => {
    metrics.resends++;
    sent = received;
    pump();
  };

  const pump = (): void => {
    if (pumping) return;
    pumping = true;
    let group: WireMessage[] = [];
    let size = 0;
    const flush = (compress?: boolean): void => {
      if (group.length > 0 && ready()) ties.send(["m", floor(), group], compress);
      group = [];
      size = 0;
    };
    let flightBytes = 0;
    for (let seq = received; seq < sent; ) flightBytes += messages.get(++seq)?.bytes ?? 0;
    while (
      ready() &&
      sent < ties.savedSeq() &&
      sent - received < limits.windowEntries &&
      flightBytes < limits.windowBytes
    ) {
      const seq = ++sent;
      everSent = Math.max(everSent, seq);
      // A number that is gone was settled ahead of its turn, on an earlier connection.
      const message = messages.get(seq);
      if (!message?.args) {
        group.push([seq]);
        continue;
      }
      const { id, args, wantsAnswer, compress } = message;
      const alone = message.attachments > 0 || compress === false;
      if (alone || size + message.bytes > Math.min(FRAME_BYTES, payloadBytes)) flush();
      if (message.status === "pending") {
        message.status = "sent";
        if (args[0] !== FRAME_EVENT) safely(() => ties.socket().notifyOutgoingListeners({ data: args }));
        signal("status", message);
      }
      group.push([seq, id, wantsAnswer ? 1 : 0, args as [string, ...unknown[]]]);
      flightBytes += message.bytes;
      size += message.bytes + 100;
      if (alone) flush(compress);
    }
    flush();
    pumping = false;
    if (!cancelWait) wait();
  };

  return {
    messages,
    nextSeq: () => nextSeq,
    floor,
    bytes: () => bytes,
    pending: () => nextSeq - 1 - everSent,
    pump,
    giveUp,

    restore(next, kept) {
      nextSeq = next;
      everSent = next - 1;
      for (const message of kept) keep({ ...message, ...measure(message.args ?? []), status: "pending" });
    },

    emit(args, own, ack, timeoutMs, compress) {
      let size: Measure;
      try {
        size = measure(args);
      } catch (error) {
        signal("error", error);
        return;
      }
      const now = clock.now();
      const message: Message = {
        ...size,
        seq: 0,
        id: settings.newId(),
        args,
        wantsAnswer: !!ack,
        expiresAt: now + settings.ttlMs,
        status: "pending",
        compress,
        ack,
        timeoutMs,
        until: now + (timeoutMs ?? 0),
      };
      if (args[0] === FRAME_EVENT && !own) rejectSoon(message, failure("INVALID", args, "is a reserved event"));
      else if (size.attachments > MAX_ATTACHMENTS) rejectSoon(message, failure("TOO_MANY_ATTACHMENTS", args));
      else if (size.bytes > payloadBytes) rejectSoon(message, failure("PAYLOAD_TOO_LARGE", args));
      else {
        if (ack && timeoutMs !== undefined) {
          message.stopWaiting = after(timeoutMs, () => {
            answer(message, new Error("operation has timed out"));
            // As plain Socket.IO does: what was never sent is not sent any more.
            if (message.status === "pending") giveUp(message, failure("ACK_TIMEOUT", args));
          });
        }
        ties.loaded(() => {
          if (message.status !== "pending") return;
          if (messages.size >= limits.maxEntries || (messages.size > 0 && bytes + size.bytes > limits.maxBytes)) {
            rejectSoon(message, failure("OUTBOX_FULL", args));
            return;
          }
          message.seq = nextSeq++;
          keep(message);
          mark(message.seq, message);
          touch();
        });
      }
      return message;
    },

    connected(serverReceived, limit) {
      received = sent = Math.max(serverReceived, floor());
      rewoundAt = -1;
      resends = 0;
      payloadBytes = limit;
      for (const message of messages.values()) {
        if (message.bytes > limit) reject(message, failure("PAYLOAD_TOO_LARGE", message.args));
      }
    },

    reported(nowReceived, settled, above, answers) {
      if (nowReceived > everSent || settled > nowReceived) return;
      let progress = nowReceived > received;
      received = Math.max(received, nowReceived);
      sent = Math.max(sent, received);
      for (const [seq, args, code] of answers) {
        const message = messages.get(seq);
        if (!message?.args) continue;
        if (args) answer(message, null, args);
        else if (message.status !== "failed") end(message, "failed", failure(code, message.args));
      }
      for (const [seq, message] of messages) {
        if (seq > nowReceived) break;
        if (seq > settled && !above.includes(seq)) continue;
        progress = true;
        messages.delete(seq);
        bytes -= message.bytes;
        mark(seq);
        if (!message.args) continue;
        if (message.status !== "failed") end(message, "acked");
        // Settled without an answer, so there will be none (R32).
        if (message.timeoutMs === undefined) answer(message, failure("ACK_TIMEOUT", message.args));
      }
      if (progress) {
        resends = 0;
        wait();
        touch();
      } else if (answers.length === 0 && sent > received && rewoundAt !== received) {
        // Told again of what was known: something after it is missing.
        rewoundAt = received;
        rewind();
      }
      pump();
    },

    closed() {
      sent = received;
      wait();
    },

    drain() {
      const drained = [...messages.values()].filter(({ args }) => args && args[0] !== FRAME_EVENT);
      for (const message of messages.values()) {
        mark(message.seq);
        message.stopWaiting?.();
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
