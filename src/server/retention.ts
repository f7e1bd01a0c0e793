/**
 * Keeping the log and the sessions within their bounds.
 *
 * Rule: in small steps, between which the store serves others; and before anything is trimmed, the sessions that are here say so, and how far they are,
 * or they would be told of a gap that is none.
 */
import type { Hub } from "./hub.ts";

/** How often bounds are looked at, milliseconds. */
const EVERY_MS = 10_000;
const STEP_ENTRIES = 1_000;
const STEP_SESSIONS = 200;

/** Trims until told to stop. Answers the function that tells it. */
export function keepBounds(hub: Hub): () => void {
  let stopped = false;
  let cancel = () => {};
  const schedule = (afterMs: number) => {
    if (!stopped) cancel = hub.clock.at(hub.clock.now() + afterMs, step);
  };
  const step = () => {
    trimStep(hub).then(
      (more) => schedule(more ? 0 : EVERY_MS),
      (error: unknown) => {
        if (stopped) return;
        hub.failed(error);
        schedule(EVERY_MS);
      },
    );
  };
  schedule(EVERY_MS);
  return () => {
    stopped = true;
    cancel();
  };
}

/** One step. Answers whether there is more to do. */
export async function trimStep(hub: Hub): Promise<boolean> {
  hub.cursors.saveStale(hub.settings.sessionTtlMs);
  if (hub.writer.failing) return false;
  await hub.writer.flushed();
  const now = hub.now();
  const { more } = await hub.store.trim(hub.settings.retention, now, STEP_ENTRIES);
  hub.sweep(now - hub.settings.sessionTtlMs);
  const expired = await hub.store.expire(now - hub.settings.sessionTtlMs, STEP_SESSIONS);
  return more || expired === STEP_SESSIONS;
}
