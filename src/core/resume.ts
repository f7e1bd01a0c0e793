/**
 * Where delivery goes on when a client comes back, and what it must be told it missed.
 *
 * Rule: a position is believed only when this life of the log can vouch for it. Otherwise the client is told of exactly
 * one gap, which ends where delivery goes on.
 */
import type { Epoch, Offset } from "./position.ts";

/** Why entries can never be delivered any more. */
export type GapReason =
  /** They were trimmed before they were read. */
  | "retention"
  /** The log was replaced, rolled back or restored: what the client's position stood for is gone. */
  | "epoch"
  /** The session is unknown or expired, so it is not known what the client was entitled to. */
  | "session"
  /** The client may not read them any more. */
  | "unauthorized"
  /** They were published while more waited for the store than its bound allows. */
  | "overflow"
  /** Their row in the store is damaged. */
  | "corrupt";

/** Where a client says it stopped. */
export interface Claim {
  readonly epoch: Epoch;
  /** Everything up to here has reached the client. */
  readonly offset: Offset;
}

/** What the log says of itself. */
export interface LogBounds {
  readonly epoch: Epoch;
  readonly head: Offset;
  readonly floor: Offset;
}

/** What the server has stored of a session's reading. */
export interface StoredCursor {
  readonly arrived: Offset;
  readonly position: Offset;
}

/** Where to go on, and the gap to tell of, if any. */
export interface ResumeVerdict {
  readonly position: Offset;
  readonly gap: { readonly from: Offset; readonly to: Offset; readonly reason: GapReason } | undefined;
}

/**
 * Decides where to go on.
 *
 * @param claim What the client presents; `undefined` when it has read nothing yet.
 * @param stored What is stored of the session; `undefined` when it is unknown, expired or not the client's.
 * @param forked Whether the last entry the client names is not the one at that place.
 */
export function resumeVerdict(
  claim: Claim | undefined,
  stored: StoredCursor | undefined,
  log: LogBounds,
  forked: boolean,
): ResumeVerdict {
  const { head, floor } = log;
  if (claim && (claim.epoch !== log.epoch || claim.offset > head || forked)) {
    return { position: head, gap: { from: claim.offset, to: head, reason: "epoch" } };
  }
  if (!stored) {
    return { position: head, gap: claim && { from: claim.offset, to: head, reason: "session" } };
  }
  // The stored position may be ahead of the claim: the server moves it over entries meant for others. A claim below what
  // has arrived comes from a client that was started again from its stored cursor, and is believed.
  const regressed = claim !== undefined && claim.offset < stored.arrived;
  const from = regressed ? claim.offset : Math.max(claim?.offset ?? 0, stored.position);
  if (from < floor) return { position: floor, gap: { from, to: floor, reason: "retention" } };
  return { position: from, gap: undefined };
}

/**
 * Whether a resume token of this generation is still good: no client has shown to have received a newer one (the answer that
 * carried it may have been lost). It may be ahead of what is stored: it was given while the store could not be written.
 */
export function tokenIsGood(generation: number, stored: { readonly confirmed: number }): boolean {
  return generation >= stored.confirmed;
}
