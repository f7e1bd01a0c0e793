/**
 * The results in docs/performance.md, and their chart.
 *
 * Rule: only what is between the two comments is written; the rest of the page is written by hand.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bar, chart } from "./chart.ts";
import type { Peer } from "./peers/peer.ts";
import type { Results } from "./results.ts";
import { bound, failures, figureOf, rows, verdicts } from "./table.ts";
import type { Workload } from "./workloads/workload.ts";

const BEGIN = "<!-- results: written by `npm run bench -- --report` -->";
const END = "<!-- end of results -->";

/** Writes both. @param root The repository. */
export function report(root: string, workloads: readonly Workload[], peers: readonly Peer[], results: Results): void {
  const measured = workloads.filter(({ name }) => results.results.some(({ workload }) => workload === name));
  const bars = measured.flatMap((workload) =>
    verdicts(workload, results).map((verdict): Bar => ({ ...verdict, workload })),
  );
  const day = results.at.slice(0, 10);
  const ratios = bars.filter(({ target }) => target.of === "ratio");
  writeFileSync(
    join(root, "docs", "performance.svg"),
    chart(ratios, `SQLite at disk unless said, medians, ${day}. The mark is the target; green reaches it.`),
  );
  const path = join(root, "docs", "performance.md");
  const page = readFileSync(path, "utf8");
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md does not hold "${BEGIN}" and "${END}"`);
  const text = [
    `Measured on ${day}${results.quick ? ", in a hurry (`--quick`)" : ""}: ${results.machine}.`,
    "![Ratios to plain Socket.IO, with the targets](performance.svg)",
    "### Targets",
    markdown(targets(bars)),
    "### Peers",
    markdown(described(peers)),
    ...measured.map((workload) => section(workload, peers, results)),
  ].join("\n\n");
  writeFileSync(path, `${page.slice(0, from) + BEGIN}\n\n${text}\n\n${page.slice(to)}`);
}

function described(peers: readonly Peer[]): string[][] {
  return [
    ["peer", "`--peers`", "what a client missed", "a message is acknowledged once it is"],
    ...peers.map(({ name, key, can, kept }) => [
      name,
      key,
      can.includes("replays") ? "comes when it is back" : "is lost",
      kept,
    ]),
  ];
}

function targets(bars: readonly Bar[]): string[][] {
  return [
    ["workload", "gapless-io at", "figure", "target", "measured", ""],
    ...bars.map((bar) => {
      const of = bar.target.of === "ratio" ? ", ratio" : "";
      return [
        bar.workload.name,
        bar.peer,
        bar.figure.label + of,
        bound(bar),
        figureOf(bar),
        bar.reached ? "reached" : "**missed**",
      ];
    }),
  ];
}

function section(workload: Workload, peers: readonly Peer[], results: Results): string {
  const failed = failures(workload, peers, results).map((line) => `- ${line}`);
  return [
    `### ${workload.name}`,
    `${upper(workload.note)}.`,
    markdown(rows(workload, peers, results)),
    ...(failed.length > 0 ? [failed.join("\n")] : []),
  ].join("\n\n");
}

/** A table: text to the left, numbers to the right. */
function markdown(cells: readonly (readonly string[])[]): string {
  const [head = [], ...body] = cells;
  const isNumber = head.map((_, i) => body.every((row) => /^[–\d]/.test(row[i] ?? "")));
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (isNumber[i] ? "--:" : ":--"))), ...body.map(line)].join("\n");
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
