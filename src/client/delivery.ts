/**
 * `socket.delivery`: all that is added to a socket, under one name, because event names belong to the application.
 *
 * Rule: it looks and asks; the work is done elsewhere.
 */
import { DeliveryError } from "../core/error.ts";
import { isOffset, type Offset } from "../core/position.ts";
import type { HistoryQuery, WireEntry } from "../core/wire.ts";
import type { Current } from "./dispatch.ts";
import type { Link } from "./link.ts";
import { type Acknowledge, type MessageStatus, messageError, type Sending } from "./sending.ts";
import type { DeliverySignals, DeliveryState } from "./signals.ts";

/** A message that was emitted, followed to its end. */
export interface MessageHandle {
  /** ULID. */
  readonly id: string;
  /** Its number in the outbox; 0 while the storage is being loaded, and when the message was refused. */
  readonly seq: number;
  readonly status: MessageStatus;
  /** Why it failed. */
  readonly error: DeliveryError | undefined;
  /**
   * The status it ended with; never rejects. A message that went to a server that is not wrapped ends as "sent": nothing
   * more can be known of it.
   */
  readonly settled: Promise<MessageStatus>;
  /** Gives it up. Of what was sent the server may still have dealt with. Answers whether it was still in the outbox. */
  discard(): boolean;
}

/** What the outbox holds. */
export interface OutboxStatus {
  /** Messages kept. */
  readonly size: number;
  /** Not sent yet. */
  readonly pending: number;
  /** Sent, and not known to be settled. */
  readonly sent: number;
  /** Given up since the socket was made. */
  readonly failed: number;
  /** Whether they survive the end of the process or page. */
  readonly durable: boolean;
}

/** The outbox. */
export interface DeliveryOutbox {
  /** Messages kept. */
  readonly size: number;
  /** Estimate of their size on the wire. */
  readonly bytes: number;
  /** Whether they survive the end of the process or page. */
  readonly durable: boolean;
  /** Calls `listener` at once and after every change, as a Svelte store does. Answers the function that ends it. */
  subscribe(listener: (status: OutboxStatus) => void): () => void;
  /** Resolves `true` once it is empty, `false` after `timeoutMs` (default: never). */
  flush(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** The messages, in order. */
  list(): { readonly id: string; readonly seq: number; readonly args: readonly unknown[] }[];
}

/** An entry of a room's history. */
export interface HistoryEntry {
  readonly offset: Offset;
  readonly id: string;
  /** Event and arguments. */
  readonly args: readonly unknown[];
}

/** A page of a room's history. */
export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  /** Whether there are older ones. */
  readonly more: boolean;
  /** What to ask for as `before` to get them. */
  readonly before: Offset | undefined;
}

/** What is counted since the socket was made. */
export interface ClientMetrics {
  /** Entries that came, repeated ones included. */
  readonly received: number;
  /** Frames and entries that were here before. */
  readonly duplicates: number;
  /** Frames that do not follow the protocol. */
  readonly badFrames: number;
  readonly gaps: number;
  /** Times that a listener got an entry again. */
  readonly redelivered: number;
  /** Entries given up. */
  readonly dead: number;
  /** Entries that nobody listened to and that there was no room to hold. */
  readonly unheard: number;
  /** Entries held for want of a listener, now. */
  readonly held: number;
  /** Entries waiting their turn, now. */
  readonly waiting: number;
  /** Times that messages were sent again for want of an acknowledgement. */
  readonly resends: number;
  /** Messages given up. */
  readonly failed: number;
}

/** Reliable delivery, as seen from the client. */
export interface ClientDelivery {
  readonly state: DeliveryState;
  /** The session it holds. */
  readonly session: string | undefined;
  /** Whether the session was taken up and nothing was missed. */
  readonly recovered: boolean;
  /** The entry whose listener is being called; gone after its first `await`. */
  readonly current: Current | undefined;
  readonly outbox: DeliveryOutbox;
  /** As `socket.emit`, and answers a handle. A callback may come last. Never throws: a refusal is the handle's status. */
  emit(event: string, ...args: unknown[]): MessageHandle;
  /** Adds a listener. Answers the function that removes it. */
  on<S extends keyof DeliverySignals>(signal: S, listener: (value: DeliverySignals[S]) => void): () => void;
  /**
   * A page of a room's history, newest first. Rejects with a {@link DeliveryError}: `ACK_TIMEOUT` when no answer came within
   * `ackTimeoutMs`, `CLOSED` when not connected to a wrapped server, or what the server says.
   *
   * @param query `limit` is 50 unless told, at most 1000; `before` is the `before` of the page before.
   */
  history(query: { readonly room: string; readonly limit?: number; readonly before?: Offset }): Promise<HistoryPage>;
  metrics(): ClientMetrics;
  /** Disconnects, and releases timers and storage. The socket is a plain one afterwards. */
  close(): void;
}

/** What a delivery needs of the socket. */
export interface DeliveryTies {
  emit(event: string, args: unknown[]): Sending | undefined;
  ask(query: HistoryQuery, answered: Acknowledge): void;
  close(): void;
}

/** The delivery of a link. */
export function createDelivery(link: Link, ties: DeliveryTies): ClientDelivery {
  const { sender, reader, dispatch, signals, settings } = link;
  const { clock, storage } = settings;
  const subscribers = new Set<() => void>();
  let told = false;
  const tellSoon = (): void => {
    if (told || subscribers.size === 0) return;
    told = true;
    queueMicrotask(() => {
      told = false;
      for (const tell of [...subscribers]) tell();
    });
  };
  signals.on("status", tellSoon);
  signals.on("outbox", tellSoon);

  const outbox: DeliveryOutbox = {
    get size() {
      return sender.outbox.size;
    },
    get bytes() {
      return sender.outbox.bytes;
    },
    get durable() {
      return storage.durable;
    },
    subscribe(listener) {
      const tell = (): void => {
        const { size, durable } = outbox;
        let pending = 0;
        for (const { status } of sender.sendings.values()) if (status === "pending") pending++;
        listener({ size, pending, sent: size - pending, failed: sender.failed, durable });
      };
      subscribers.add(tell);
      tell();
      return () => void subscribers.delete(tell);
    },
    flush: ({ timeoutMs } = {}) =>
      new Promise((resolve) => {
        let cancel: (() => void) | undefined;
        let stop: (() => void) | undefined;
        const finish = (empty: boolean): void => {
          cancel?.();
          stop?.();
          resolve(empty);
        };
        if (timeoutMs !== undefined) cancel = clock.at(clock.now() + timeoutMs, () => finish(false));
        link.loaded(() => {
          stop = outbox.subscribe(() => outbox.size === 0 && queueMicrotask(() => finish(true)));
        });
      }),
    list: () => [...sender.outbox.messages()].flatMap(({ id, seq, args }) => (args ? { id, seq, args } : [])),
  };

  return {
    outbox,
    on: signals.on,
    get state() {
      return link.state;
    },
    get session() {
      return link.session;
    },
    get recovered() {
      return link.recovered;
    },
    get current() {
      return dispatch.current;
    },
    emit(event, ...args) {
      const sending = ties.emit(event, args);
      let settled: Promise<MessageStatus> | undefined;
      return {
        id: sending?.id ?? "",
        get seq() {
          return sending?.seq ?? 0;
        },
        get status() {
          return sending?.status ?? "sent";
        },
        get error() {
          return sending?.error;
        },
        get settled() {
          settled ??= new Promise((resolve) => {
            if (!sending || sending.over) resolve(this.status);
            else sending.ended = () => resolve(sending.status);
          });
          return settled;
        },
        discard: () => !!sending && sender.withdraw(sending.seq, "failed", messageError("DISCARDED", sending.args)),
      };
    },
    history: ({ room, limit = 50, before }) =>
      new Promise((resolve, reject) => {
        if (!link.live) {
          reject(new DeliveryError("CLOSED", "not connected to a server that keeps history"));
          return;
        }
        const cancel = clock.at(clock.now() + settings.ackTimeoutMs, () =>
          reject(new DeliveryError("ACK_TIMEOUT", "the server did not answer; ask again")),
        );
        ties.ask({ room, limit, ...(before !== undefined && { before }) }, (given) => {
          cancel();
          const page = given as { entries?: WireEntry[]; more?: boolean; code?: string } | undefined;
          if (!Array.isArray(page?.entries)) {
            reject(messageError(page?.code ?? "BAD_FRAME", ["history"]));
            return;
          }
          const entries = page.entries.map(([offset, id, args]) => ({ offset, id, args }));
          const oldest = entries.at(-1)?.offset;
          resolve({ entries, more: page.more === true, before: isOffset(oldest) ? oldest : undefined });
        });
      }),
    metrics: () => ({
      received: reader.received,
      duplicates: reader.duplicates,
      badFrames: link.badFrames,
      gaps: reader.gaps,
      redelivered: dispatch.redelivered,
      dead: dispatch.dead,
      unheard: reader.queue.unheard,
      held: reader.queue.held,
      waiting: reader.queue.waiting,
      resends: sender.resends,
      failed: sender.failed,
    }),
    close: ties.close,
  };
}
