/**
 * Handing one entry to its listeners.
 *
 * Rule: each listener settles once. One that throws or rejects gets the entry again, alone, after a wait; when it has
 * failed too often the entry is a dead letter, and delivery goes on (protocol R29).
 */
import { Attempts } from "../core/attempts.ts";
import type { Offset } from "../core/position.ts";
import type { DeadReport } from "../core/wire.ts";
import type { Settings } from "./options.ts";
import { outcome } from "./outcome.ts";
import type { Job, Ties } from "./ties.ts";

/** An entry that came. */
export interface Entry {
  readonly offset: Offset;
  readonly id: string;
  readonly args: readonly unknown[];
}

/** The entry whose listener is being called. */
export interface Current {
  readonly id: string;
  readonly offset: Offset;
  /** 1 for the first time. */
  readonly attempt: number;
}

/** Hands entries out. */
export interface Dispatch {
  /** Set while a listener runs, until its first `await`. */
  current: Current | undefined;
  redelivered: number;
  dead: number;
  /** Calls the listeners; `settled` once they are done. Answers false, and calls nothing, when there is no listener. */
  hand(entry: Entry, settled: () => void): boolean;
}

/** Waits between two attempts. */
const BACKOFF = { minMs: 100, maxMs: 5_000 };

/** Hands out to the listeners of a host. `report` sends word of a dead letter. */
export function createDispatch(settings: Settings, ties: Ties, report: (dead: DeadReport) => void): Dispatch {
  const { clock, random } = settings;
  const attempts = new Attempts(settings.maxDeliveries, BACKOFF);
  let keys = 0;

  const dispatch: Dispatch = {
    current: undefined,
    redelivered: 0,
    dead: 0,

    hand(entry, settled) {
      const { args, offset, id } = entry;
      const host = ties.host();
      const any = host.anyListeners(args);
      if (any.length + host.listeners(args).length === 0) return false;
      // Offsets of two epochs may be equal, so they cannot name what is under way.
      const key = keys++;

      const round = (...steps: (() => Job[])[]): void => {
        const attempt = attempts.begin(key);
        const failed: Job[] = [];
        let failure: unknown;
        let open = 1;
        const done = (): void => {
          if (--open > 0) return;
          if (failed.length > 0) {
            const next = attempts.failed(key, random());
            ties.signals.emit("error", failure);
            if (next.kind === "again") {
              clock.at(clock.now() + next.afterMs, () => {
                dispatch.redelivered++;
                round(() => failed);
              });
              return;
            }
            dispatch.dead++;
            report({ offset, attempts: attempt, reason: String(failure).slice(0, 500) });
            ties.signals.emit("dead-letter", { id, offset, args, attempts: attempt, error: failure });
          }
          attempts.settled(key);
          settled();
          ties.signals.emit("settled", { id, offset, attempts: attempt });
        };
        for (const jobs of steps) {
          for (const job of jobs()) {
            open++;
            const outer = dispatch.current;
            dispatch.current = { id, offset, attempt };
            outcome(job, done, (error) => {
              failed.push(job);
              failure = error;
              done();
            });
            dispatch.current = outer;
          }
        }
        done();
      };
      round(
        () => any,
        () => host.listeners(args),
      );
      return true;
    },
  };
  return dispatch;
}
