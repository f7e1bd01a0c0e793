/**
 * The listeners of a Socket.IO socket, as what is to be called for a message.
 *
 * Rule: who is called, with what and in which order is as Socket.IO does it; but each is called by itself, so that one that fails can be
 * called again.
 */
import type { Call, Dispatched } from "./handling.ts";
import type { OpenSocket } from "./internals.ts";

const LISTENING = [
  "on",
  "once",
  "addListener",
  "prependListener",
  "prependOnceListener",
  "onAny",
  "prependAny",
] as const;

/** The listeners of an event. */
export function listenersOf(socket: OpenSocket, event: unknown[]): Dispatched {
  const name = event[0] as string;
  const args = event.slice(1);
  const listeners = socket.rawListeners(name as never) as (((...args: unknown[]) => unknown) & {
    listener?: (...args: unknown[]) => unknown;
  })[];
  if (listeners.length === 0) {
    if (socket.listenersAny().length > 0) return { kind: "listeners", calls: [] };
    return { kind: "nobody", again: () => listenersOf(socket, event) };
  }
  const calls = listeners.map((listener): Call => {
    const inner = listener.listener;
    if (!inner) return () => listener.apply(socket, args);
    let first = true;
    return () => {
      // Node's own wrapper of `once` would not run a second time, for a second attempt.
      if (first) socket.removeListener(name as never, inner as never);
      first = false;
      return inner.apply(socket, args);
    };
  });
  return { kind: "listeners", calls };
}

/** Calls back, once, after the next listener was added. */
export function watchListeners(socket: OpenSocket, then: () => void): void {
  const target = socket as unknown as Record<string, (...args: unknown[]) => unknown>;
  const natives = LISTENING.map((name) => [name, Object.getOwnPropertyDescriptor(socket, name), target[name]] as const);
  let done = false;
  for (const [name, , native] of natives) {
    define(socket, name, function (this: unknown, ...args: unknown[]) {
      const result = native?.apply(socket, args);
      if (!done) {
        done = true;
        for (const [other, own] of natives) {
          if (own) Object.defineProperty(socket, other, own);
          else delete target[other];
        }
        queueMicrotask(then);
      }
      return result;
    });
  }
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}
