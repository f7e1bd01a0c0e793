/**
 * What the parts of a client share.
 *
 * Rule: of Socket.IO only the socket is known here, so that all of it can run on a virtual clock and a simulated network.
 */
import type { ClientFrame } from "../core/wire.ts";
import type { ClientMetrics, DeliverySignals } from "./api.ts";
import type { Settings } from "./options.ts";
import type { Message } from "./outbox.ts";
import type { RawSocket } from "./socket.ts";

/** What a part of the client may use of the others. */
export interface Ties {
  readonly settings: Settings;
  /** The counts, in place. */
  readonly metrics: { -readonly [Name in keyof ClientMetrics]: ClientMetrics[Name] };
  /** The socket; not before it was bound. */
  socket(): RawSocket;
  /** Writes a frame on the present connection. */
  send(frame: ClientFrame, compress?: boolean): void;
  /** Tells the application. */
  signal<S extends keyof DeliverySignals>(signal: S, value: DeliverySignals[S]): void;
  /** Calls `wake` after some milliseconds. Answers what cancels that. */
  after(ms: number, wake: () => void): () => void;
  /** Calls `run` until it succeeds, with growing waits, and then `ok`. */
  insist<T>(run: () => T | PromiseLike<T>, ok: (value: T) => void): void;
  /** Calls `run`; what it throws or rejects with is reported. */
  safely(run: () => unknown): void;
  /** Calls `then` once the storage is loaded; at once when it is. */
  loaded(then: () => void): void;
  /** Whether frames may be sent: connected to a wrapped server, and the session it gave is saved. */
  ready(): boolean;
  /** Up to which number messages are saved. */
  savedSeq(): number;
  /** Whether a change of this message is not saved yet. */
  unsaved(seq: number): boolean;
  /** A message is to be kept under its number, or to be forgotten: save that. */
  mark(seq: number, message?: Message): void;
  /** Something of what is kept has changed: save it. */
  touch(): void;
  /** The connection's state may have changed. */
  changed(): void;
}
