/**
 * What a client keeps of a message that it has emitted and the server has not settled.
 *
 * Rule: it is data, fit for any storage.
 */

/** One message of the outbox. */
export interface Outgoing {
  readonly seq: number;
  /** ULID. */
  readonly id: string;
  /** Event and arguments. `undefined`: a tombstone. */
  readonly args: readonly unknown[] | undefined;
  /** Whether an answer is wanted. */
  readonly wantsAnswer: boolean;
  /** Estimate of its size on the wire. */
  readonly bytes: number;
  /** When it is withdrawn, milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Bounds of an outbox. */
export interface OutboxLimits {
  /** Messages kept. */
  readonly maxEntries: number;
  /** Sum of their `bytes`. */
  readonly maxBytes: number;
  /** Messages sent and not known to have arrived. */
  readonly windowEntries: number;
  /** Sum of their `bytes`. */
  readonly windowBytes: number;
}
