/**
 * Telling an application about delivery.
 *
 * Rule: a listener that throws harms nobody else, and an error that nobody listens to is printed, never swallowed.
 */
import type { DeliverySignals } from "./api.ts";

/** Listeners of {@link DeliverySignals}. */
export interface Signals {
  /** Adds a listener. Answers the function that removes it. */
  on<S extends keyof DeliverySignals>(signal: S, listener: (value: DeliverySignals[S]) => void): () => void;
  /** Calls the listeners. */
  signal<S extends keyof DeliverySignals>(signal: S, value: DeliverySignals[S]): void;
}

/** A set of listeners. */
export function createSignals(): Signals {
  const listeners = new Map<string, Set<(value: never) => void>>();
  // biome-ignore lint/suspicious/noConsole: the last place an error can go when no listener takes it.
  const print = (error: unknown): void => console.error("gapless-io:", error);
  return {
    on(signal, listener) {
      const set = listeners.get(signal) ?? new Set();
      listeners.set(signal, set.add(listener));
      return () => void set.delete(listener);
    },
    signal(signal, value) {
      const set = listeners.get(signal);
      if (!set?.size) {
        if (signal === "error") print(value);
        return;
      }
      for (const listener of [...set]) {
        try {
          (listener as (value: unknown) => void)(value);
        } catch (error) {
          print(error);
        }
      }
    },
  };
}
