/**
 * What a publish comes from, when it comes from handling a client's message.
 *
 * Rule: while the message is not settled, a publish of its handlers has an identity that follows from the message, so that a handler
 * that runs again does not publish twice (protocol R35).
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** The message that is being handled, for what its handlers publish (protocol R35). */
export interface Cause {
  readonly session: string;
  readonly seq: number;
  readonly message: string;
  /** Which of the message's listeners publishes; -1 for middleware and catch-all listeners. */
  readonly listener: number;
  /** Publishes of this listener so far. */
  count: number;
  /** False once the message is settled: what is published later has no claim to a derived id. */
  open(): boolean;
}

/** The cause of the present asynchronous context. */
export const causes: AsyncLocalStorage<Cause> = new AsyncLocalStorage();
