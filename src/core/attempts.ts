/**
 * What follows a failed attempt at handling a message.
 *
 * Rule: it is handled again after a wait, until it has failed `maxDeliveries` times; then it is dead.
 */
import { type Backoff, backoffMs } from "./backoff.ts";

/** What follows a failed attempt. */
export type AfterFailure = { readonly kind: "again"; readonly afterMs: number } | { readonly kind: "dead" };

/** @param attempts How many were made. @param chance A number in [0, 1). */
export function afterFailure(attempts: number, maxDeliveries: number, backoff: Backoff, chance: number): AfterFailure {
  if (attempts >= maxDeliveries) return { kind: "dead" };
  return { kind: "again", afterMs: backoffMs(backoff, attempts, chance) };
}
