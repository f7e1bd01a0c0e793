/**
 * The few numbers that stand for many.
 *
 * Rule: of nothing there is no number: it is `NaN`, and the table shows a dash.
 */

/** A quantile of sorted numbers, the nearest one. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** The middle one; of an even number, between the two. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (quantile(sorted, 0.5) + (sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN)) / 2;
}
