/**
 * Chance from a seed, for tests.
 *
 * Rule: the same seed gives the same numbers, in every process and version.
 */

/** A number from 0 to `below` - 1. */
export type Chance = (below: number) => number;

/** Numbers from a seed. */
export function chance(seed: number): Chance {
  let state = (Math.imul(seed, 2_654_435_761) + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

export function pick<T>(random: Chance, from: readonly T[]): T {
  return from[random(from.length)] as T;
}
