/**
 * One wait that can be moved.
 *
 * Rule: it rings at most once for each time it is set, and never after it was cancelled.
 */
import type { Clock } from "../core/clock.ts";

/** A wait. */
export interface Alarm {
  /** When it rings, milliseconds since 1970; `undefined` while it is not set. */
  readonly at: number | undefined;
  /** Rings at this moment instead of any other; `undefined` cancels it. */
  set(at: number | undefined): void;
}

/** An alarm that calls `ring`. */
export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let at: number | undefined;
  let cancel: (() => void) | undefined;
  return {
    get at() {
      return at;
    },
    set(next) {
      if (next === at) return;
      cancel?.();
      at = next;
      cancel =
        next === undefined
          ? undefined
          : clock.at(next, () => {
              at = cancel = undefined;
              ring();
            });
    },
  };
}
