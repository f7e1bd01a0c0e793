/**
 * Handlers of an application under test, inside a simulation.
 *
 * Rule: they are called as a server's and a client's are: at least once, again after a failure or a crash, and what they do
 * outside the simulation stays done when a simulated process dies.
 */

/** A message that a client has emitted, as its handler on the server gets it. */
export interface SimulatedMessage {
  /** Its number: the same each time it is handled. */
  readonly n: number;
  readonly session: string;
  /** Which client has emitted it. A client whose storage is gone is another one. */
  readonly client: number;
  /** 1 for the first time in this process. */
  readonly attempt: number;
}

/** An entry of the log, as a client's listener gets it. */
export interface SimulatedEntry {
  /** Its number: the same each time it is handled, and by whomever. */
  readonly n: number;
  readonly offset: number;
  readonly client: number;
  /** 1 for the first time in this process. */
  readonly attempt: number;
}

/** What has really happened, for {@link Handlers.check}. */
export interface Outcome {
  /** Messages that their clients were told are acknowledged. */
  readonly acknowledged: readonly number[];
}

/** Handlers under test. Made anew for each history. */
export interface Handlers {
  /** Handles a message on the server. What it throws counts as its failure. */
  readonly message?: (message: SimulatedMessage) => unknown;
  /** Handles an entry on a client. */
  readonly entry?: (entry: SimulatedEntry) => unknown;
  /** Looks at what the handlers have left behind; throws when it is not as it should be. */
  readonly check?: (outcome: Outcome) => unknown;
}

/** Calls a handler under test, and then goes on. `outside` holds virtual time while it works. */
export function first(
  handler: (() => unknown) | undefined,
  outside: <T>(work: Promise<T>) => Promise<T>,
  then: () => unknown,
): unknown {
  const result = handler?.();
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return then();
  return outside(Promise.resolve(result)).then(then);
}
