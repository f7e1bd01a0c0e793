/**
 * The client's side of client to server: the outbox, sent in order, several at a time, until the server has settled it.
 *
 * Rule: a message is saved before it is sent, sent in the order of its number, and leaves only when the server has
 * settled it or the application gave it up (protocol R30, R31, R36).
 */
import { DeliveryError } from "../core/error.ts";
import { Outbox, type Outgoing } from "../core/outbox.ts";
import { Patience } from "../core/patience.ts";
import { FRAME_EVENT, type WireAnswer, type WireMessage } from "../core/wire.ts";
import { createAlarm } from "./alarm.ts";
import { measure } from "./measure.ts";
import type { Settings } from "./options.ts";
import { type Answering, answer, type MessageStatus, messageError, type Sending } from "./sending.ts";
import type { Ties } from "./ties.ts";

/** A frame of several messages is not larger than this, bytes. */
const FRAME_BYTES = 65_536;

/** The outbox at work. */
export interface Sender {
  outbox: Outbox;
  readonly sendings: Map<number, Sending>;
  resends: number;
  failed: number;
  /** Takes a message in. Never throws: a refusal is the status of what it answers. */
  emit(args: readonly unknown[], answering?: Answering, compress?: boolean, own?: boolean): Sending;
  /** Sends what may be sent. */
  pump(): void;
  /** What an earlier life left behind. */
  restore(nextSeq: number, messages: readonly Outgoing[]): void;
  /** A connection begins on which the server has everything up to `received`. */
  connected(received: number, payloadBytes: number): void;
  /** What the server says of the messages. */
  reported(received: number, settled: number, above: readonly number[], answers: readonly WireAnswer[]): void;
  /** The connection ended. */
  closed(): void;
  /** Gives a message up. Answers whether there was one. */
  withdraw(seq: number, status: MessageStatus, error: DeliveryError): boolean;
  /** Takes everything out of the outbox. */
  drain(): Sending[];
}

/** An outbox. `savedSeq` answers up to which number messages are saved. */
export function createSender(settings: Settings, ties: Ties, savedSeq: () => number): Sender {
  const { clock, newId, ttlMs } = settings;
  const limits = settings.outbox;
  const sendings = new Map<number, Sending>();
  let patience = new Patience(0, 0);
  let payloadBytes = Number.POSITIVE_INFINITY;
  let received = 0;
  let rewoundAt = -1;
  let shown = 0;
  let pumping = false;

  const rewind = (): void => {
    sender.resends++;
    sender.outbox.connected(received);
    sender.pump();
  };
  const patienceAlarm = createAlarm(clock, () => {
    const verdict = patience.due(clock.now());
    if (verdict === "resend") rewind();
    if (verdict === "close") ties.host().close();
    else patienceAlarm.set(patience.dueAt);
  });
  const expiry = createAlarm(clock, () => {
    for (const { seq, args } of sender.outbox.expired(clock.now())) {
      sender.withdraw(seq, "expired", messageError("EXPIRED", args as unknown[]));
    }
    watchExpiry();
  });
  const watchExpiry = (): void => {
    for (const { args, expiresAt } of sender.outbox.messages()) {
      if (args) {
        if (expiry.at === undefined) expiry.set(expiresAt);
        return;
      }
    }
  };

  const end = (sending: Sending, status: MessageStatus, error?: DeliveryError): void => {
    sending.status = status;
    sending.over = true;
    if (error) {
      sending.error = error;
      sender.failed++;
      answer(sending, error);
    }
    sending.ended?.();
    ties.signals.emit("status", sending);
  };
  const refuse = (sending: Sending, error: DeliveryError): Sending => {
    // Socket.IO never calls a callback within emit.
    queueMicrotask(() => {
      end(sending, "failed", error);
      ties.signals.emit("error", error);
    });
    sending.status = "failed";
    sending.error = error;
    return sending;
  };

  const write = (batch: readonly Outgoing[]): void => {
    let group: WireMessage[] = [];
    let bytes = 0;
    let compress = true;
    const flush = (): void => {
      if (group.length > 0) ties.host().send(["m", sender.outbox.floor, group], compress);
      group = [];
      bytes = 0;
      compress = true;
    };
    for (const message of batch) {
      const { seq, id, args } = message;
      const sending = sendings.get(seq);
      const alone = sending?.attachments;
      if (alone || bytes + message.bytes > Math.min(FRAME_BYTES, payloadBytes)) flush();
      if (sending && seq > shown) {
        shown = seq;
        sending.status = "sent";
        if (args && args[0] !== FRAME_EVENT) ties.host().outgoing(args);
        ties.signals.emit("status", sending);
      }
      group.push(args ? [seq, id, message.wantsAnswer ? 1 : 0, args as [string, ...unknown[]]] : [seq]);
      bytes += message.bytes + 100;
      if (sending?.compress === false) compress = false;
      if (alone) flush();
    }
    flush();
  };

  const sender: Sender = {
    outbox: new Outbox(limits),
    sendings,
    resends: 0,
    failed: 0,

    emit(args, answering, compress = true, own = false) {
      const sending: Sending = {
        seq: 0,
        id: newId(),
        args,
        compress,
        status: "pending",
        attachments: false,
        answering,
      };
      let bytes: number;
      try {
        if (args[0] === FRAME_EVENT && !own) throw new DeliveryError("INVALID", `"${FRAME_EVENT}" is a reserved event`);
        const size = measure(args);
        bytes = size.bytes;
        sending.attachments = size.attachments > 0;
        if (bytes > payloadBytes) throw messageError("PAYLOAD_TOO_LARGE", args);
      } catch (error) {
        return refuse(sending, error as DeliveryError);
      }
      if (answering?.timeoutMs !== undefined) {
        sending.cancel = clock.at(answering.until, () => {
          const error = new Error("operation has timed out");
          answer(sending, error);
          // As plain Socket.IO does: what was never sent is not sent any more.
          if (sending.status !== "pending") return;
          const cause = messageError("ACK_TIMEOUT", args);
          if (!sender.withdraw(sending.seq, "failed", cause)) end(sending, "failed", cause);
        });
      }
      ties.loaded(() => {
        if (sending.status !== "pending") return;
        const expiresAt = clock.now() + ttlMs;
        const message = sender.outbox.add({ id: sending.id, args, wantsAnswer: !!answering, bytes, expiresAt });
        if (!message) {
          refuse(sending, new DeliveryError("OUTBOX_FULL", `the outbox is full; "${args[0]}" was not taken`));
          return;
        }
        sending.seq = message.seq;
        sendings.set(message.seq, sending);
        ties.mark(message.seq, message);
        watchExpiry();
        ties.touch();
      });
      return sending;
    },

    pump() {
      if (pumping) return;
      pumping = true;
      for (;;) {
        const batch = ties.ready() ? sender.outbox.next(savedSeq()) : [];
        if (batch.length === 0) break;
        patience.waiting(clock.now());
        patienceAlarm.set(patience.dueAt);
        write(batch);
      }
      pumping = false;
    },

    restore(nextSeq, messages) {
      sender.outbox = new Outbox(limits, nextSeq, messages);
      for (const { seq, id, args } of messages) {
        if (!args) continue;
        const attachments = measure(args).attachments > 0;
        sendings.set(seq, { seq, id, args, compress: true, status: "sent", attachments });
      }
      watchExpiry();
    },

    connected(serverReceived, limit) {
      received = serverReceived;
      rewoundAt = -1;
      payloadBytes = limit;
      sender.outbox.connected(received);
      patience = new Patience(settings.ackTimeoutMs, settings.maxResends);
      for (const { seq, bytes, args } of [...sender.outbox.messages()]) {
        if (args && bytes > limit) {
          const error = messageError("PAYLOAD_TOO_LARGE", args);
          sender.withdraw(seq, "failed", error);
          ties.signals.emit("error", error);
        }
      }
    },

    reported(nowReceived, settled, above, answers) {
      const { left, progress } = sender.outbox.acknowledged(nowReceived, settled, above);
      received = Math.max(received, Math.min(nowReceived, sender.outbox.nextSeq - 1));
      const now = clock.now();
      if (progress) patience.progress(now, sender.outbox.outstanding);
      for (const [seq, args, code] of answers) {
        const sending = sendings.get(seq);
        if (!sending) continue;
        if (args) answer(sending, null, args);
        else if (sending.status !== "failed") end(sending, "failed", messageError(code, sending.args));
        if (sending.status === "acked") sendings.delete(seq);
      }
      for (const { seq } of left) {
        ties.mark(seq, undefined);
        const sending = sendings.get(seq);
        if (!sending) continue;
        // The answer may still be on its way, in another frame.
        if (!sending.answering) sendings.delete(seq);
        if (sending.status !== "failed") end(sending, "acked");
      }
      if (!progress && answers.length === 0 && sender.outbox.outstanding && rewoundAt !== received) {
        // Told again of what was known: something after it is missing.
        rewoundAt = received;
        rewind();
      }
      patienceAlarm.set(patience.dueAt);
      if (left.length > 0) ties.touch();
      sender.pump();
    },

    closed() {
      patienceAlarm.set(undefined);
      for (const [seq, sending] of sendings) {
        if (sender.outbox.get(seq)) continue;
        if (!sending.stale) sending.stale = true;
        else {
          sendings.delete(seq);
          answer(sending, messageError("ACK_TIMEOUT", sending.args));
        }
      }
    },

    withdraw(seq, status, error) {
      const replaced = sender.outbox.withdraw(seq);
      if (!replaced) return false;
      const sending = sendings.get(seq);
      sendings.delete(seq);
      ties.mark(seq, replaced.tombstone);
      if (sending) end(sending, status, error);
      ties.touch();
      return true;
    },

    drain() {
      const { outbox } = sender;
      const drained: Sending[] = [];
      for (const { seq } of outbox.messages()) {
        const sending = sendings.get(seq);
        ties.mark(seq, undefined);
        if (!sending) continue;
        sendings.delete(seq);
        sending.cancel?.();
        if (sending.args[0] !== FRAME_EVENT) drained.push(sending);
        end(sending, "sent");
      }
      sender.outbox = new Outbox(limits, outbox.nextSeq);
      ties.touch();
      return drained;
    },
  };
  return sender;
}
