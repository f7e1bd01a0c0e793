/**
 * One message on its way, as the application sees it.
 *
 * Rule: a message ends exactly once, as acked, failed or expired; its callback is called at most once.
 */
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";

/** Where a message stands. "sent" is not final, except on a connection to a server that is not wrapped. */
export type MessageStatus =
  /** Not sent yet. */
  | "pending"
  /** Sent, and not known to be settled. */
  | "sent"
  /** Settled by the server. */
  | "acked"
  /** Given up; the error says why. */
  | "failed"
  /** Waited for longer than its time to live. */
  | "expired";

/** A callback of Socket.IO's. */
export type Acknowledge = (...args: unknown[]) => void;

/** How the callback of an emit is to be called. */
export interface Answering {
  readonly ack: Acknowledge;
  /** How long to wait for the answer, milliseconds; `undefined`: for ever. */
  readonly timeoutMs: number | undefined;
  /** When that time is over, milliseconds since 1970. */
  readonly until: number;
}

/** One message on its way. */
export interface Sending {
  /** 0 until the storage is loaded, and when the message was refused. */
  seq: number;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly compress: boolean;
  status: MessageStatus;
  error?: DeliveryError;
  /** Whether the status is final. */
  over?: boolean;
  /** Whether it has to be alone in its frame. */
  attachments: boolean;
  /** Called with the answer. Absent: none is wanted, or it was given. */
  answering?: Answering | undefined;
  /** Cancels the wait for the answer. */
  cancel?: (() => void) | undefined;
  /** Whether it was settled on an earlier connection, with no answer. */
  stale?: boolean;
  /** Called when the message ends. */
  ended?: (() => void) | undefined;
}

/** Whether the callback takes an error before the answer. */
function takesError({ ack, timeoutMs }: Answering): boolean {
  return timeoutMs !== undefined || (ack as { withError?: boolean }).withError === true;
}

/** Gives the answer, or the error when the callback takes one. */
export function answer(sending: Sending, error: Error | null, args: readonly unknown[] = []): void {
  const { answering } = sending;
  sending.cancel?.();
  sending.answering = sending.cancel = undefined;
  if (!answering) return;
  if (takesError(answering)) answering.ack(error, ...args);
  else if (!error) answering.ack(...args);
}

/** An error about a message. */
export function messageError(code: string, args: readonly unknown[]): DeliveryError {
  return new DeliveryError(code as DeliveryErrorCode, `the message "${args[0]}" was not delivered or not answered`);
}
