/**
 * How long to wait before trying again.
 *
 * Rule: waits double up to a bound, and half of each is left to chance, so that many peers that failed together do not
 * return together. Chance is an argument.
 */

/** A schedule of waits. */
export interface Backoff {
  /** Longest wait after the first failure, milliseconds. */
  readonly minMs: number;
  /** Longest wait after any failure, milliseconds. */
  readonly maxMs: number;
}

/**
 * Milliseconds to wait after the given number of failures.
 *
 * @param failures 1 after the first failure.
 * @param chance A number in [0, 1).
 */
export function backoffMs(schedule: Backoff, failures: number, chance: number): number {
  const longest = Math.min(schedule.maxMs, schedule.minMs * 2 ** Math.min(failures - 1, 30));
  return longest * (0.5 + chance / 2);
}
