/**
 * The system's clock.
 *
 * Rule: the only place that asks the system for the time or sets a timer. It runs in browsers and in Node alike.
 */
import type { Clock } from "./core/clock.ts";

/** The longest wait a timer takes; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** The system's clock. Its timers do not keep a Node process alive. */
export const systemClock: Clock = clock((timer) => {
  // Browsers answer a number.
  (timer as { unref?: () => void }).unref?.();
});

/** The same with timers that do: for what somebody waits for when nothing else would keep the process. */
export const keepingClock: Clock = clock(() => {});

function clock(started: (timer: ReturnType<typeof setTimeout>) => void): Clock {
  return {
    now: () => Date.now(),
    at(at: number, wake: () => void): () => void {
      let timer: ReturnType<typeof setTimeout>;
      // Measured once: a clock that is set back meanwhile must not make anything wait longer.
      let waitMs = Math.max(at - Date.now(), 0);
      const arm = (): void => {
        const nowMs = Math.min(waitMs, LONGEST_MS);
        waitMs -= nowMs;
        timer = setTimeout(() => (waitMs > 0 ? arm() : wake()), nowMs);
        started(timer);
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}
