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
import { type Encoded, encode } from "./encode.ts";
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
  /** "pending" or "stored" also for one of an earlier life that was not sent in this one. */
  status: MessageStatus;
  error?: DeliveryError | undefined;
  /** See {@link Encoded}. */
  readonly text: string | undefined;
  readonly compress?: boolean | undefined;
  /** Called with the answer. Absent: none is wanted, or it was given. */
  ack?: Acknowledge | undefined;
  /** How long to wait for the answer, milliseconds; `undefined`: for ever. */
  readonly timeoutMs?: number | undefined;
  /** When that time is over, milliseconds since 1970. */
  readonly until?: number;
  /** Ends the wait for the answer. */
  stopWaiting?: () => void;
  /** Called when it ends. */
  ended?: (status: MessageStatus) => void;
}

/** The outbox of one client. */
export interface Outbox {
  /** What is kept, in order; tombstones, which have no `args`, included. */
  readonly messages: {
    readonly size: number;
    get(seq: number): Message | undefined;
    values(): Message[];
  };
  /** The first number that was never used. */
  nextSeq(): number;
  /** The client is done with everything up to here. */
  floor(): number;
  /** Sum of the messages' sizes. */
  bytes(): number;
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
  giveUp(message: Message, code: DeliveryErrorCode, status?: MessageStatus): boolean;
  /** Everything before this number is in durable storage. */
  stored(before: number): void;
  /** Another page delivers everything up to here. */
  handOver(seq: number): void;
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

/** Whether it was not sent in this life. */
export const unsent = ({ status }: Message): boolean => status === "pending" || status === "stored";

/** An outbox. */
export function createOutbox(ties: Ties): Outbox {
  const { settings, metrics, signal, after, safely, ready, mark } = ties;
  const { clock, outbox: limits } = settings;
  /**
   * What is kept, from number `first` on, with holes where something was settled ahead of its turn. No Map: what a queue puts
   * through one is kept alive by the tables that the Map has outgrown, until the next full garbage collection.
   */
  let kept: (Message | undefined)[] = [];
  let first = 1;
  let size = 0;
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
  /** Whether a timer runs for the time to live of the messages. */
  let aging = false;
  /** Everything before this number is in durable storage. */
  let storedBefore = 1;

  const nextSeq = (): number => first + kept.length;
  const floor = (): number => first - 1;
  const get = (seq: number): Message | undefined => kept[seq - first];
  const values = (): Message[] => kept.filter((message) => message !== undefined);

  /** Calls back, once, with the answer, or with the error when the callback takes one. */
  const answer = (message: Message, error: Error | null, args: readonly unknown[] = []): void => {
    const { ack } = message;
    if (!ack) return;
    message.stopWaiting?.();
    message.ack = undefined;
    if (message.timeoutMs !== undefined || ack.withError) safely(() => ack(error, ...args));
    else if (!error) safely(() => ack(...args));
  };

  const end = (message: Message, status: MessageStatus, code?: string, why?: string): void => {
    message.status = status;
    if (code) {
      message.error = failure(code, message.args, why);
      metrics.failed++;
      answer(message, message.error);
    }
    message.ended?.(status);
    signal("status", message);
  };

  const giveUp = (message: Message, code: string, status: MessageStatus = "failed", why?: string): boolean => {
    const { seq } = message;
    const found = get(seq) === message;
    if (!unsent(message) && !(found && message.status === "sent")) return false;
    if (found) {
      const tombstone: Message = { ...message, id: "", args: undefined, text: "", bytes: 0, ack: undefined };
      kept[seq - first] = tombstone;
      bytes -= message.bytes;
      mark(seq, tombstone);
    }
    end(message, status, code, why);
    return true;
  };
  const refuse = (message: Message, code: string, why?: string): void => {
    if (giveUp(message, code, "failed", why)) signal("error", message.error);
  };

  const keep = (message: Message): void => {
    kept[message.seq - first] = message;
    size++;
    bytes += message.bytes;
    if (!aging) age();
  };
  const remove = ({ seq, bytes: removed }: Message): void => {
    kept[seq - first] = undefined;
    size--;
    bytes -= removed;
  };
  const shift = (): void => {
    while (kept.length > 0 && !kept[0]) {
      kept.shift();
      first++;
    }
  };
  /** Waits until the oldest is too old. It may be settled by then, so that one timer does for all. */
  const age = (): void => {
    const oldest = kept.find((message) => message?.args && message.status !== "failed");
    aging = oldest !== undefined;
    if (!oldest) return;
    after(oldest.expiresAt - clock.now(), () => {
      giveUp(oldest, "EXPIRED", "expired");
      age();
    });
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
    const { nsp, io } = ties.socket();
    /** Sends what was gathered. @param alone The one message of the frame, when it has to be alone. */
    const flush = (alone?: Message): void => {
      const { text, compress = true } = alone ?? { text: "" };
      if (group.length > 0 && ready()) {
        if (text === undefined || io.opts.parser) ties.send(["m", floor(), group], compress);
        else {
          // What Socket.IO's own parser would make of it, put together from what is encoded already.
          const texts = group.map(([seq, id, wants]) => `[${id ? [seq, `"${id}"`, wants, get(seq)?.text] : seq}]`);
          const place = nsp === "/" ? "" : `${nsp},`;
          io.engine?.write(`2${place}["${FRAME_EVENT}","m",${floor()},[${texts}]]`, { compress });
        }
      }
      group = [];
      size = 0;
    };
    let flightBytes = 0;
    // While all that is kept fits, there is nothing to be counted.
    if (bytes >= limits.windowBytes) {
      for (let seq = received; seq < sent; ) flightBytes += get(++seq)?.bytes ?? 0;
    }
    while (
      ready() &&
      sent < ties.savedSeq() &&
      sent - received < limits.windowEntries &&
      flightBytes < limits.windowBytes
    ) {
      const message = get(sent + 1);
      // A next life that does not know that it was given up would take the server's word for an answer to it.
      if (message && !message.args && ties.unsaved(sent + 1)) break;
      const seq = ++sent;
      everSent = Math.max(everSent, seq);
      if (!message?.args) {
        group.push([seq]);
        continue;
      }
      const { id, args, wantsAnswer } = message;
      const alone = message.text === undefined || message.compress === false;
      if (alone || size + message.bytes > Math.min(FRAME_BYTES, payloadBytes)) flush();
      if (unsent(message)) {
        message.status = "sent";
        if (args[0] !== FRAME_EVENT) safely(() => ties.socket().notifyOutgoingListeners({ data: args }));
        signal("status", message);
      }
      group.push([seq, id, wantsAnswer ? 1 : 0, args as [string, ...unknown[]]]);
      flightBytes += message.bytes;
      size += message.bytes + 100;
      if (alone) flush(message);
    }
    flush();
    pumping = false;
    if (!cancelWait) wait();
  };

  return {
    messages: {
      get size() {
        return size;
      },
      get,
      values,
    },
    nextSeq,
    floor,
    bytes: () => bytes,
    pump,
    giveUp,

    restore(next, left) {
      everSent = next - 1;
      first = left[0]?.seq ?? next;
      kept.length = next - first;
      for (const message of left) keep({ ...message, ...encode(message.args ?? []), status: "stored" });
      storedBefore = next;
    },

    emit(args, own, ack, timeoutMs, compress) {
      let encoded: Encoded;
      try {
        encoded = encode(args);
      } catch (error) {
        signal("error", error);
        return;
      }
      const now = clock.now();
      const message: Message = {
        // One by one: a spread before other properties is twenty times as slow.
        text: encoded.text,
        bytes: encoded.bytes,
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
      // Socket.IO never calls a callback within emit.
      const refuseSoon = (code: string, why?: string): void => queueMicrotask(() => refuse(message, code, why));
      if (args[0] === FRAME_EVENT && !own) refuseSoon("INVALID", "is a reserved event");
      else if (encoded.attachments > MAX_ATTACHMENTS) refuseSoon("TOO_MANY_ATTACHMENTS");
      else if (encoded.bytes > payloadBytes) refuseSoon("PAYLOAD_TOO_LARGE");
      else {
        if (ack && timeoutMs !== undefined) {
          message.stopWaiting = after(timeoutMs, () => {
            answer(message, new Error("operation has timed out"));
            // As plain Socket.IO does: what was never sent is not sent any more.
            if (unsent(message)) giveUp(message, "ACK_TIMEOUT");
          });
        }
        ties.loaded(() => {
          if (message.status !== "pending") return;
          if (size >= limits.maxEntries || (size > 0 && bytes + encoded.bytes > limits.maxBytes)) {
            refuseSoon("OUTBOX_FULL");
            return;
          }
          message.seq = nextSeq();
          keep(message);
          mark(message.seq, message);
        });
      }
      return message;
    },

    connected(serverReceived, limit) {
      const unknown = serverReceived - everSent;
      if (unknown > 0) {
        // What was kept is older than what the server has seen (a storage that failed, or was put back): no number is used twice.
        const later = kept.splice(everSent + 1 - first);
        kept.length += unknown;
        for (const message of later) if (message) mark(message.seq);
        for (const message of later) {
          kept.push(message);
          if (!message) continue;
          message.seq += unknown;
          mark(message.seq, message);
        }
        everSent = serverReceived;
      }
      received = sent = Math.max(serverReceived, floor());
      rewoundAt = -1;
      resends = 0;
      payloadBytes = limit;
      for (const message of values()) {
        if (message.bytes > limit) refuse(message, "PAYLOAD_TOO_LARGE");
      }
    },

    reported(nowReceived, settled, above, answers) {
      if (nowReceived > everSent || settled > nowReceived) return;
      let progress = nowReceived > received;
      received = Math.max(received, nowReceived);
      sent = Math.max(sent, received);
      for (const [seq, args, code] of answers) {
        const message = get(seq);
        if (!message?.args) continue;
        if (args) answer(message, null, args);
        else if (message.status !== "failed") end(message, "failed", code);
      }
      const ahead = new Set(above);
      for (let seq = first; seq <= nowReceived; seq++) {
        const message = get(seq);
        if (!message || (seq > settled && !ahead.has(seq))) continue;
        progress = true;
        remove(message);
        mark(seq);
        if (!message.args) continue;
        if (message.status !== "failed") end(message, "acked");
        // Settled without an answer, so there will be none (R32).
        if (message.ack && message.timeoutMs === undefined) answer(message, failure("ACK_TIMEOUT", message.args));
      }
      shift();
      if (progress) {
        resends = 0;
        wait();
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

    stored(before) {
      for (; storedBefore < before; storedBefore++) {
        const message = get(storedBefore);
        if (message?.status !== "pending") continue;
        message.status = "stored";
        signal("status", message);
      }
    },

    handOver(seq) {
      for (const message of values()) {
        if (message.seq > seq) mark(message.seq, message);
        else {
          remove(message);
          answer(message, failure("SUPERSEDED", message.args, "is delivered by another page"));
          if (message.args && message.status !== "failed") end(message, "stored");
        }
      }
      shift();
    },

    drain() {
      const drained = values().filter(({ args }) => args && args[0] !== FRAME_EVENT);
      for (const message of values()) {
        mark(message.seq);
        message.stopWaiting?.();
        if (message.args) end(message, "sent");
      }
      first = nextSeq();
      kept = [];
      size = bytes = 0;
      received = sent = everSent = first - 1;
      return drained;
    },
  };
}
