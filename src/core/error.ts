/**
 * The one error class of the package.
 *
 * Rule: every failure a user can meet has a code that never changes its meaning, and a message that says
 * what happened and what to do next.
 */

/** What went wrong. Codes are part of the public API; docs/protocol.md lists which of them travel on the wire. */
export type DeliveryErrorCode =
  /** The arguments, options or position given cannot be used. */
  | "INVALID"
  /** The event is larger than `limits.payloadBytes`. */
  | "PAYLOAD_TOO_LARGE"
  /** The arguments are nested deeper than `limits.depth`, or circular. */
  | "PAYLOAD_TOO_DEEP"
  /** More binary attachments than Socket.IO's parser accepts in one packet. */
  | "TOO_MANY_ATTACHMENTS"
  /** More rooms than `limits.rooms` in one session. */
  | "TOO_MANY_ROOMS"
  /** More messages wait for the store than `limits.pendingEntries` or `limits.pendingBytes`. */
  | "OVERLOADED"
  /** The outbox has reached its bound. */
  | "OUTBOX_FULL"
  /** A message waited in the outbox for longer than its time to live, or was withdrawn before it was sent. */
  | "EXPIRED"
  /** The message was discarded by the application. */
  | "DISCARDED"
  /** No answer came within the acknowledgement timeout. */
  | "ACK_TIMEOUT"
  /** The handler failed at every attempt; the message is a dead letter now. */
  | "DEAD_LETTER"
  /** The peer's frame does not follow the protocol. */
  | "BAD_FRAME"
  /** A session publishes faster than `limits.publishRate`. */
  | "RATE_LIMITED"
  /** The session is unknown, expired, or belongs to somebody else. */
  | "SESSION_UNKNOWN"
  /** A newer connection of the same session has taken over. */
  | "SUPERSEDED"
  /** The principal has more sessions than `limits.sessionsPerPrincipal`. */
  | "TOO_MANY_SESSIONS"
  /** The caller may not read this room. */
  | "UNAUTHORIZED"
  /** The store has no space left. */
  | "STORE_FULL"
  /** The store cannot be written: read-only file or file system. */
  | "STORE_READONLY"
  /** The store is locked by another process. */
  | "STORE_BUSY"
  /** The store failed, and whether the last step was kept is unknown until it is repeated. */
  | "STORE_FAILED"
  /** The log was replaced, or has lost its end: it has another epoch now, and what was under way is not in it. */
  | "STORE_REPLACED"
  /** The store's file was written by a newer version of this package. */
  | "STORE_TOO_NEW"
  /** The store's file is damaged, or is no store of ours. */
  | "STORE_CORRUPT"
  /** The database driver and this version of Node do not work together. */
  | "DRIVER_UNSUPPORTED"
  /** The surrounding transaction was rolled back, and the event with it. */
  | "ROLLED_BACK"
  /** The server is draining or closed. */
  | "CLOSED";

/** An error of reliable delivery. `message` begins with the code, says what happened and what to do next. */
export class DeliveryError extends Error {
  /** What went wrong, stable across versions. */
  readonly code: DeliveryErrorCode;

  constructor(code: DeliveryErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.name = "DeliveryError";
    this.code = code;
  }
}
