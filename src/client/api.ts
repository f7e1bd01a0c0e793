/**
 * `socket.delivery`: all that is added to a socket, under one name, because event names belong to the application.
 *
 * Rule: only types; whatever an application can see of reliable delivery is described here.
 */
import type { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import type { WireGap } from "../core/wire.ts";

/** Where a message stands. "sent" is not final, except on a connection to a server that is not wrapped. */
export type MessageStatus =
  /** Not sent yet. */
  | "pending"
  /** Not sent yet, and in durable storage. Final when another page of the browser has taken the session over: that one delivers it. */
  | "stored"
  /** Sent, and not known to be settled. */
  | "sent"
  /** Settled by the server. */
  | "acked"
  /** Given up; the error says why. */
  | "failed"
  /** Waited for longer than its time to live. */
  | "expired";

/** Where the connection stands. */
export type DeliveryState =
  /** Not connected and not trying to be. */
  | "offline"
  /** Not connected, and trying to be. */
  | "connecting"
  /** Connected to a server that is not wrapped, or is full: everything is plain Socket.IO. */
  | "plain"
  /** Connected to a wrapped server. */
  | "live"
  /** Connected or not, and entries wait for the `resync` hook. */
  | "resyncing"
  /** Another connection took the session over; `socket.connect()` begins a new one. */
  | "superseded";

/** Events of `socket.delivery`, and what their listeners get. */
export interface DeliverySignals {
  /** Entries that can never be delivered. */
  gap: WireGap;
  /** A session was taken up; delivery goes on after `offset`. */
  replay: { readonly offset: Offset; readonly recovered: boolean };
  /** A message of the outbox changed its status. */
  status: { readonly id: string; readonly seq: number; readonly status: MessageStatus };
  /** The outbox holds something else than before. */
  outbox: undefined;
  /** The listeners of an entry are done with it. */
  settled: { readonly id: string; readonly offset: Offset; readonly attempts: number };
  /** A listener failed at every attempt; the entry is given up, and the server is told. */
  "dead-letter": {
    readonly id: string;
    readonly offset: Offset;
    readonly args: readonly unknown[];
    readonly attempts: number;
    readonly error: unknown;
  };
  /** Something failed: a listener, the storage, `resync`, or an emit. Printed when nobody listens. */
  error: unknown;
  /** The connection changed its state. */
  state: DeliveryState;
}

/** The entry whose listener is being called. */
export interface Current {
  readonly id: string;
  readonly offset: Offset;
  /** 1 for the first time. */
  readonly attempt: number;
}

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
  /** Messages kept, but for those given up. */
  readonly size: number;
  /** Not sent yet, in this life of the page or process. */
  readonly pending: number;
  /** Sent, and not known to be settled. */
  readonly sent: number;
  /** Given up since the socket was made. */
  readonly failed: number;
  /** Whether they survive the end of the process or page. */
  readonly durable: boolean;
  /** Why they do not, where they should: `STORE_FULL`, `STORE_TOO_NEW` or `STORE_FAILED`. */
  readonly error: DeliveryError | undefined;
}

/** The outbox. */
export interface DeliveryOutbox {
  /** Messages kept, but for those given up. */
  readonly size: number;
  /** Estimate of their size on the wire. */
  readonly bytes: number;
  /** Whether they survive the end of the process or page. */
  readonly durable: boolean;
  /** What it holds. The same object until that changes. */
  readonly status: OutboxStatus;
  /** Calls `listener` at once and after every change, as a Svelte store does. Answers the function that ends it. */
  subscribe(listener: (status: OutboxStatus) => void): () => void;
  /** Resolves `true` once it is empty, `false` after `timeoutMs` (default: never). */
  flush(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Gives all messages up (`DISCARDED`), for example when the user logs out. Of what was sent the server may still have dealt with. */
  clear(): void;
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
