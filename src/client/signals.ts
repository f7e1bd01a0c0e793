/**
 * What an application can be told about delivery.
 *
 * Rule: a listener that throws harms nobody else, and an error that nobody listens to is printed, never swallowed.
 */
import type { Offset } from "../core/position.ts";
import type { WireGap } from "../core/wire.ts";
import type { MessageStatus } from "./sending.ts";

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

/** Listeners of {@link DeliverySignals}. */
export interface Signals {
  /** Adds a listener. Answers the function that removes it. */
  on<S extends keyof DeliverySignals>(signal: S, listener: (value: DeliverySignals[S]) => void): () => void;
  /** Calls the listeners. */
  emit<S extends keyof DeliverySignals>(signal: S, value: DeliverySignals[S]): void;
}

/** A set of listeners. */
export function createSignals(): Signals {
  const listeners = new Map<string, Set<(value: never) => void>>();
  return {
    on(signal, listener) {
      const set = listeners.get(signal) ?? new Set();
      listeners.set(signal, set.add(listener));
      return () => void set.delete(listener);
    },
    emit(signal, value) {
      const set = listeners.get(signal);
      if (signal === "error" && !set?.size) print(value);
      for (const listener of [...(set ?? [])]) {
        try {
          (listener as (value: unknown) => void)(value);
        } catch (error) {
          print(error);
        }
      }
    },
  };
}

function print(error: unknown): void {
  // biome-ignore lint/suspicious/noConsole: the last place an error can go when no listener takes it.
  console.error("gapless-io:", error);
}
