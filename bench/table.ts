/**
 * What is printed.
 *
 * Rule: ratios are taken within a round and then their median, because rounds differ by what else the machine does.
 */
import type { Peer } from "./peers/peer.ts";
import type { Figures, RunResult } from "./run.ts";
import { median } from "./statistics.ts";
import type { Workload } from "./workloads/workload.ts";

/** Results of one workload: by peer, one for each round. */
export type Results = ReadonlyMap<Peer, readonly RunResult[]>;

/** The table of one workload. The first peer is what ratios are taken to. */
export function table(workload: Workload, results: Results): string {
  const { unit } = workload;
  const units = unit.endsWith("y") ? `${unit.slice(0, -1)}ies` : `${unit}s`;
  const timed = [...results.values()].flat().some((one) => "figures" in one && !Number.isNaN(one.figures.latency.p50));
  const head = ["", `${units}/s`, "ratio", `server µs/${unit}`, "ratio"];
  if (timed) head.push("p50 ms", "p99 ms", "acknowledged once");
  head.push("clients' cores", "others' cores", "rounds");
  const baseline = [...results.values()][0] ?? [];
  const failures: string[] = [];
  const rows = [...results].map(([peer, runs]) => {
    const show = (of: (figures: Figures) => number, digits: number) => number(median(values(runs, of)), digits);
    const ratio = (of: (figures: Figures) => number) => number(median(ratios(runs, baseline, of)), 2);
    const row = [
      peer.name,
      show(({ rate }) => rate, 0),
      ratio(({ rate }) => rate),
      show(({ serverUs }) => serverUs, 2),
      ratio(({ serverUs }) => serverUs),
    ];
    if (timed)
      row.push(
        show(({ latency }) => latency.p50, 1),
        show(({ latency }) => latency.p99, 1),
        peer.kept,
      );
    const good = runs.filter((one) => "figures" in one).length;
    row.push(
      show((figures) => figures.clientsCores, 2),
      show((figures) => figures.othersCores, 2),
    );
    row.push(`${good} of ${runs.length}`);
    runs.forEach((one, i) => {
      if ("failure" in one) failures.push(`  NO FIGURE: ${peer.name}, round ${i + 1}: ${one.failure}`);
    });
    return row;
  });
  return [`${workload.name}: ${workload.note}`, ...columns([head, ...rows]), ...failures].join("\n");
}

function values(runs: readonly RunResult[], of: (figures: Figures) => number): number[] {
  return runs.flatMap((one) => ("figures" in one ? [of(one.figures)] : []));
}

function ratios(
  runs: readonly RunResult[],
  baseline: readonly RunResult[],
  of: (figures: Figures) => number,
): number[] {
  return runs.flatMap((one, i) => {
    const base = baseline[i];
    return "figures" in one && base && "figures" in base ? [of(one.figures) / of(base.figures)] : [];
  });
}

function number(value: number, digits: number): string {
  if (Number.isNaN(value)) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .replace(/^/, "  "),
  );
}
