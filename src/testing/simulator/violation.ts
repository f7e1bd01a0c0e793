/**
 * What must hold in every history.
 *
 * Rule: a property has one name, used by whoever checks it, prints it or counts it.
 */

/** The properties, by name, and what each one says. */
export const PROPERTIES = {
  "acknowledged stays": "A publish whose receipt was given is in the log, at its place, until retention takes it.",
  "refused is nowhere": "A publish that was refused for certain is not in the log.",
  "one entry each": "No publish is in the log twice, and none that an earlier one with its id stands for.",
  "nothing invented":
    "What is in the log, handled or answered was published, emitted or answered with just this content.",
  "in order":
    "A client's handlers begin with entries in log order, a server's with messages in the order of their emits.",
  "once a life": "No handler gets again what was settled, or is under way, in the same life of its process.",
  "settled stays": "What was saved or reported as settled is never handled again, in no life.",
  "every hole is told":
    "An entry that a client was entitled to is handled, given up, in its snapshot, or in a gap that it was told of.",
  "no false gap": "A gap is told once, and only of what is gone.",
  "members only": "Nothing is sent to a session that was no member when it was published.",
  "cursor behind": "A stored cursor never passes an entry that is not dealt with.",
  "saved first": "Nothing is sent before it is saved, and nothing is forgotten before it has ended.",
  "acked is handled":
    "A message ends as acked only when a handler has done its work, or a middleware has taken it away.",
  "failed is failed": "A message or entry is given up only after as many failed attempts as there may be.",
  "same answer": "A callback is called once, with the answer of a handler that was given this message.",
  bounded: "Windows, queues and the outbox stay within their limits, and what is done with is let go.",
  authority: "A frame changes only the session of the connection it came on.",
  "its own": "A client is told that another one has its session only when that is so.",
  liveness: "With all faults gone everything arrives, by time alone, also while another client stays broken.",
  "quiet after": "Reconnecting when all is done brings nothing again, and recovers.",
  efficient: "Without faults nothing is sent twice.",
  "the same again": "The same plan gives the same history.",
  "the store obeys": "The store does what its contract says.",
} as const;

/** The name of a property. */
export type Property = keyof typeof PROPERTIES;

/** A property that does not hold. */
export class Violation extends Error {
  readonly property: Property;

  constructor(property: Property, what: string) {
    super(`${property}: ${what}`);
    this.name = "Violation";
    this.property = property;
  }
}
