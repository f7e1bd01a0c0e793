/**
 * How long the event loop of the server keeps others waiting.
 *
 * Rule: what the looking itself waits is not counted.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const LOOK_EVERY_MS = 5;

/** Delays of the event loop, in milliseconds, since this was called: the function that ends it answers them. */
export function watchLoop(): () => { readonly loopP99: number; readonly loopMax: number } {
  const delays = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
  delays.enable();
  return () => {
    delays.disable();
    const over = (ns: number) => Math.max(0, ns / 1e6 - LOOK_EVERY_MS);
    return { loopP99: over(delays.percentile(99)), loopMax: over(delays.max) };
  };
}
