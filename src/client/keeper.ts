/**
 * Saving, one change at a time.
 *
 * Rule: at most one change is under way; what is marked meanwhile goes into the next. A change that fails is made again,
 * with whatever was marked since.
 */
import type { ClientPlace, ClientStorage } from "../client-storage.ts";
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Outgoing } from "../core/outbox.ts";
import { outcome } from "./outcome.ts";

/** How long to wait before a hook or the storage is tried again. */
export const RETRY: { readonly minMs: number; readonly maxMs: number } = { minMs: 500, maxMs: 30_000 };

/** Saves. */
export interface Keeper {
  /** A message is to be kept under its number, or to be forgotten. */
  mark(seq: number, message: Outgoing | undefined): void;
  /** Saves soon; at once when the storage is not durable. */
  touch(): void;
}

/** What a keeper works with. */
export interface KeeperTies {
  readonly storage: ClientStorage;
  readonly clock: Clock;
  readonly random: () => number;
  /** Where the client stands now. */
  place(): ClientPlace;
  /** This much is saved. */
  saved(place: ClientPlace): void;
  report(error: unknown): void;
}

/** A keeper of one client's storage. */
export function createKeeper({ storage, clock, random, place, saved, report }: KeeperTies): Keeper {
  let marks = new Map<number, Outgoing | undefined>();
  let dirty = false;
  let busy = false;
  let scheduled = false;
  let failures = 0;

  const save = (): void => {
    scheduled = false;
    if (busy || !dirty) return;
    const saving = place();
    const marked = marks;
    marks = new Map();
    dirty = false;
    busy = true;
    const put = [...marked.values()].filter((message) => message !== undefined);
    const remove = [...marked.keys()].filter((seq) => !marked.get(seq));
    outcome(
      () => storage.save({ place: saving, put, remove }),
      () => {
        busy = false;
        failures = 0;
        saved(saving);
        save();
      },
      (error) => {
        marks = new Map([...marked, ...marks]);
        dirty = true;
        report(error);
        clock.at(clock.now() + backoffMs(RETRY, ++failures, random()), () => {
          busy = false;
          save();
        });
      },
    );
  };

  return {
    mark(seq, message) {
      marks.set(seq, message);
    },
    touch() {
      dirty = true;
      // A burst of emits is one change to a storage that has to write it down.
      if (!storage.durable) save();
      else if (!scheduled) {
        scheduled = true;
        queueMicrotask(save);
      }
    },
  };
}
