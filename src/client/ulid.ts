/**
 * Ids of messages: ULIDs, each above every one before it.
 *
 * Rule: an id never repeats and never goes back, not within a millisecond and not when the clock is set back.
 */
import type { Clock } from "../core/clock.ts";

/** Crockford's base 32, in the order of its values. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Half of what is left to chance is eight digits. */
const HALF = 2 ** 40;

function digits(rest: number, length: number): string {
  let text = "";
  for (; text.length < length; rest = Math.floor(rest / 32)) text = DIGITS[rest % 32] + text;
  return text;
}

/** Makes ids: ten digits of time and sixteen of chance. @param random A number in [0, 1). */
export function ulids(clock: Clock, random: () => number): () => string {
  // `random` alone has to do where there is no `crypto`; where there is, it takes nothing away.
  const seed = new Uint32Array(2);
  globalThis.crypto?.getRandomValues(seed);
  const chance = (i: number): number => Math.floor(((random() + (seed[i] as number) / 2 ** 32) % 1) * HALF);
  let time = -1;
  let low = 0;
  /** All but the last half. */
  let head = "";
  return () => {
    const now = Math.floor(clock.now());
    // The next higher number; should its digits overflow, the time is counted up.
    if (now > time || ++low === HALF) {
      time = Math.max(now, time + 1);
      head = digits(time, 10) + digits(chance(0), 8);
      low = chance(1);
    }
    return head + digits(low, 8);
  };
}
