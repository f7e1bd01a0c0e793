/**
 * What really happened in a run, or in many.
 *
 * Rule: a fault that is never hit proves nothing; so each is counted where it takes effect, not where it is asked for.
 */

/** How often each thing happened. */
export type Hits = Map<string, number>;

/** Counts something. */
export function hit(hits: Hits, what: string, times = 1): void {
  hits.set(what, (hits.get(what) ?? 0) + times);
}

/** Adds the counts of a run to those of others. */
export function addHits(sum: Hits, more: Hits): void {
  for (const [what, times] of more) hit(sum, what, times);
}
