/**
 * Time, as the package sees it.
 *
 * Rule: nothing else learns the time or waits. The core only ever takes moments as arguments; what surrounds it is given
 * a clock, which is the system's in production and a virtual one in a simulation.
 */
export interface Clock {
  /** Milliseconds since 1970, whole. May step, forward and back. */
  now(): number;
  /** Calls `wake` once, as much later as `at` is ahead of {@link now} at this moment, whatever steps come. Returns a function that cancels it. Does not keep a process alive. */
  at(at: number, wake: () => void): () => void;
}
