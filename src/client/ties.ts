/**
 * What the parts of a client share, and what they need from outside.
 *
 * Rule: nothing here knows Socket.IO, so that all of it can run on a virtual clock and a simulated network.
 */
import type { Outgoing } from "../core/outbox.ts";
import type { ClientFrame } from "../core/wire.ts";
import type { Signals } from "./signals.ts";

/** A call of one listener. */
export type Job = () => unknown;

/** What carries the frames and holds the listeners. */
export interface Host {
  /** Writes a frame on the present connection. */
  send(frame: ClientFrame, compress: boolean): void;
  /** Closes the transport; whoever owns it connects again. */
  close(): void;
  /** Ends the connection, and does not come back by itself. */
  leave(): void;
  /** Whether it is connected or trying to be. */
  active(): boolean;
  /** A message is sent for the first time. */
  outgoing(args: readonly unknown[]): void;
  /** Listeners of every event, to be called first. */
  anyListeners(args: readonly unknown[]): Job[];
  /** Listeners of this event. */
  listeners(args: readonly unknown[]): Job[];
}

/** What a part of the client may use of the others. */
export interface Ties {
  readonly signals: Signals;
  host(): Host;
  /** Whether frames may be sent: connected to a wrapped server, and the session it gave is saved. */
  ready(): boolean;
  /** Calls `then` once the storage is loaded. */
  loaded(then: () => void): void;
  /** Something of what is kept has changed: save it. */
  touch(): void;
  /** A message is to be kept under its number, or to be forgotten, at the next {@link Ties.touch}. */
  mark(seq: number, message: Outgoing | undefined): void;
}
