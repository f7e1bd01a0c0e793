/**
 * A workload's table, for a terminal and for a document.
 *
 * Rule: every peer has a row; one that cannot take part, or has no figure, shows dashes.
 */
import { type Figure, reaches, type Target } from "./figures.ts";
import { baseline } from "./peers/index.ts";
import type { Peer } from "./peers/peer.ts";
import { Comparison, type Results } from "./results.ts";
import type { Workload } from "./workloads/workload.ts";

/** What ours was to reach, and whether it did. */
export interface Verdict {
  readonly peer: string;
  readonly figure: Figure;
  readonly target: Target;
  readonly median: number;
  readonly reached: boolean;
}

/** Rows of cells, the first being the head. */
export function rows(workload: Workload, peers: readonly Peer[], results: Results): string[][] {
  const comparison = new Comparison(results, workload.name, baseline.key);
  const figures = workload.figures.filter(({ key }) =>
    peers.some((peer) => !Number.isNaN(comparison.value(peer.key, key))),
  );
  const head = [
    "",
    ...figures.flatMap((figure) => (figure.ratio ? [figure.label, "ratio"] : [figure.label])),
    "rounds",
  ];
  const body = peers.map((peer) => {
    const runs = comparison.runs(peer.key);
    const cells = figures.flatMap(({ key, digits, ratio }) => {
      const value = number(comparison.value(peer.key, key), digits);
      return ratio ? [value, number(comparison.ratio(peer.key, key), 2)] : [value];
    });
    const good = runs.filter(({ failure }) => failure === undefined).length;
    return [peer.name, ...cells, runs.length === 0 ? "–" : `${good} of ${runs.length}`];
  });
  return [head, ...body];
}

/** Runs that are no figure, and why. */
export function failures(workload: Workload, peers: readonly Peer[], results: Results): string[] {
  const comparison = new Comparison(results, workload.name, baseline.key);
  return peers.flatMap(({ key, name }) =>
    comparison
      .runs(key)
      .flatMap(({ failure }, i) => (failure === undefined ? [] : [`NO FIGURE: ${name}, run ${i + 1}: ${failure}`])),
  );
}

/** What was to be reached in a workload; with a failed run nothing is. Of what was not measured there is no verdict. */
export function verdicts(workload: Workload, results: Results): Verdict[] {
  const comparison = new Comparison(results, workload.name, baseline.key);
  return workload.figures.flatMap((figure) =>
    (figure.targets ?? []).flatMap((target) => {
      const { peer } = target;
      const median = target.of === "ratio" ? comparison.ratio(peer, figure.key) : comparison.value(peer, figure.key);
      if (Number.isNaN(median)) return [];
      const failed = comparison.runs(peer).some(({ failure }) => failure !== undefined);
      return [{ peer, figure, target, median, reached: !failed && reaches(figure, target, median) }];
    }),
  );
}

/** A verdict in words. */
export function words(verdict: Verdict): string {
  const { peer, figure, reached } = verdict;
  return `${reached ? "reached" : "MISSED"}: ${peer}: ${figure.label} ${figureOf(verdict)}, to be ${bound(verdict)}`;
}

/** What was measured. */
export function figureOf({ figure, target, median }: Verdict): string {
  return target.of === "ratio" ? `${number(median, 2)}×` : number(median, figure.digits);
}

/** What was to be reached. */
export function bound({ figure, target }: Verdict): string {
  const sign = figure.better === "less" ? "≤" : "≥";
  return `${sign} ${target.of === "ratio" ? `${number(target.bound, 2)}×` : number(target.bound, figure.digits)}`;
}

/** A number with its digits; a dash for none. */
export function number(value: number, digits: number): string {
  if (Number.isNaN(value)) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Rows as lines of a terminal. */
export function columns(cells: readonly (readonly string[])[]): string[] {
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => (row[i] ?? "").length)));
  return cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .replace(/^/, "  "),
  );
}
