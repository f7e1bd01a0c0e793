/**
 * Ids of messages: ULIDs, each above every one before it.
 *
 * Rule: an id never repeats and never goes back, not within a millisecond and not when the clock is set back.
 */
import type { Clock } from "../core/clock.ts";

/** Crockford's base 32, in the order of its values. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Makes ids: ten digits of time and sixteen of chance. @param random A number in [0, 1). */
export function ulids(clock: Clock, random: () => number): () => string {
  let time = -1;
  let chance = new Uint8Array(16);
  return () => {
    const now = Math.floor(clock.now());
    if (now > time) {
      time = now;
      // `random` alone has to do where there is no `crypto`; where there is, it takes nothing away.
      globalThis.crypto?.getRandomValues(chance);
      chance = chance.map((byte) => (byte ^ (random() * 32)) & 31);
    } else {
      // The next higher number; should all digits of chance overflow, the time is counted up.
      let i = 15;
      while (i >= 0 && chance[i] === 31) chance[i--] = 0;
      if (i < 0) time++;
      else (chance[i] as number)++;
    }
    let id = "";
    for (let rest = time; id.length < 10; rest = Math.floor(rest / 32)) id = DIGITS[rest % 32] + id;
    for (const digit of chance) id += DIGITS[digit];
    return id;
  };
}
