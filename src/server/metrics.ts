/**
 * Counters.
 *
 * Rule: plain numbers, no labels, named for what is counted; a counter only grows.
 */

/** What a server counts. */
export class Metrics {
  /** Events made durable. */
  appended = 0;
  /** Publishes that were found in the log already. */
  duplicateAppends = 0;
  /** Entries sent to live connections. */
  delivered = 0;
  /** Entries sent to connections that had to catch up. */
  replayed = 0;
  /** Sessions that were resumed. */
  replays = 0;
  /** Frames sent again because nothing was acknowledged. */
  resends = 0;
  /** Times a live connection's window was full. */
  stalled = 0;
  /** Gaps told to clients. */
  gaps = 0;
  /** Messages of clients that were taken in. */
  received = 0;
  /** Messages that came again and were not handled again. */
  duplicates = 0;
  /** Attempts after the first at handling a message. */
  redelivered = 0;
  /** Messages and entries given up on. */
  deadLetters = 0;
  /** Messages that nobody listened to. */
  unheard = 0;
  /** Messages whose answer did not come in time. */
  unanswered = 0;
  /** Messages that a middleware let neither through nor down in time. */
  swallowed = 0;
  /** Messages put off because their session sends too fast. */
  rateLimited = 0;
  /** Frames that do not follow the protocol. */
  badFrames = 0;
  /** Connections whose session was unknown, expired or somebody else's. */
  refusedResumes = 0;
  /** Connections closed because a newer one took their session over. */
  superseded = 0;
  /** Events that could not be made durable and were sent as plain Socket.IO would. */
  notDurable = 0;
}
