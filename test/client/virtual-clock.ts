/** A clock that a test moves. */
import type { Clock } from "../../src/core/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets time pass, and everything that was due in it happen, microtasks included. */
  advance(ms: number): Promise<void>;
  readonly timers: number;
}

/** Lets all microtasks run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
