/**
 * A clock that a test moves.
 *
 * Rule: no real time passes; what is due happens in the order of its moments, with every promise settled in between.
 */
import type { Clock } from "../core/clock.ts";

/** A clock for the `clock` option of a server or a client. */
export interface VirtualClock extends Clock {
  /** Lets time pass, milliseconds, and everything that is due in it happen. */
  advance(ms: number): Promise<void>;
  /** How many wakes are still to come. */
  readonly timers: number;
}

/** Lets all promises settle that can settle without time passing. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock that stands still until {@link VirtualClock.advance}. @param start Milliseconds since 1970. */
export function virtualClock(start = 1_000_000): VirtualClock {
  let now = start;
  let timers: { at: number; wake: () => void }[] = [];
  return {
    now: () => now,
    at(at, wake) {
      const timer = { at, wake };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async advance(ms) {
      const end = now + ms;
      await settled();
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.at);
        next.wake();
        await settled();
      }
      now = end;
    },
    get timers() {
      return timers.length;
    },
  };
}
