/**
 * The chart of ratios, as an SVG.
 *
 * Rule: to the right is better than plain Socket.IO, whatever the figure counts; twice as good and half as good are equally long.
 */
import { number, type Verdict } from "./table.ts";
import type { Workload } from "./workloads/workload.ts";

/** A verdict and where it comes from. */
export type Bar = Verdict & { readonly workload: Workload };

const WIDTH = 960;
const ROW = 26;
const TOP = 64;
/** Where the text ends and the bars may begin. */
const LEFT = 420;
const RIGHT = 96;
/** The axis, in powers of two. */
const [LOWEST, HIGHEST] = [-2, 3];

const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .ground { fill: #ffffff }
    .faint { fill: #6e7781 }
    .title { font-size: 14px; font-weight: 600 }
    .grid { stroke: #8884 }
    .one { stroke: #888 }
    .reached { fill: #2da44e }
    .missed { fill: #d4772c }
    .target { stroke: #24292f; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117 }
      text { fill: #e6edf3 }
      .faint { fill: #9198a1 }
      .target { stroke: #e6edf3 }
    }`;

/** Draws ratios to plain Socket.IO. */
export function chart(bars: readonly Bar[], subtitle: string): string {
  const bottom = TOP + bars.length * ROW;
  const powers = Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => LOWEST + i);
  const grid = powers.flatMap((power) => {
    const x = place(2 ** power);
    const label = power < 0 ? `${2 ** -power}× worse` : power === 0 ? "as plain" : `${2 ** power}× better`;
    return [
      `<line class="${power === 0 ? "one" : "grid"}" x1="${x}" y1="${TOP - 6}" x2="${x}" y2="${bottom}"/>`,
      `<text class="faint" x="${x}" y="${bottom + 18}" text-anchor="middle">${label}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 36}" viewBox="0 0 ${WIDTH} ${bottom + 36}" role="img">`,
    `  <title>gapless-io beside plain Socket.IO</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" width="100%" height="100%" rx="8"/>`,
    `  <text class="title" x="12" y="22">gapless-io beside plain Socket.IO</text>`,
    `  <text class="faint" x="12" y="42">${escaped(subtitle)}</text>`,
    ...[...grid, ...bars.flatMap(drawn)].map((line) => `  ${line}`),
    "</svg>",
    "",
  ].join("\n");
}

function drawn(bar: Bar, i: number): string[] {
  const { workload, figure, target, median, reached, peer } = bar;
  const y = TOP + i * ROW;
  const better = (ratio: number) => place(figure.better === "less" ? 1 / ratio : ratio);
  const [from, to] = [place(1), better(median)].toSorted((a, b) => a - b) as [number, number];
  const aim = better(target.bound);
  const sign = figure.better === "less" ? "≤" : "≥";
  const says = `${peer}: ${figure.label} ${number(median, 2)} times plain Socket.IO's, to be ${sign} ${number(target.bound, 2)}`;
  return [
    `<g><title>${escaped(`${workload.name}: ${says}`)}</title>`,
    `<text x="${LEFT - 12}" y="${y + 15}" text-anchor="end">${escaped(`${workload.short}: ${figure.label}${peer === "disk" ? "" : `, ${peer}`}`)}</text>`,
    `<rect class="${reached ? "reached" : "missed"}" x="${from}" y="${y + 4}" width="${Math.max(1, to - from).toFixed(1)}" height="14" rx="2"/>`,
    `<line class="target" x1="${aim}" y1="${y + 1}" x2="${aim}" y2="${y + 21}"/>`,
    `<text x="${WIDTH - 12}" y="${y + 15}" text-anchor="end">${number(median, 2)}× <tspan class="faint">(${sign} ${number(target.bound, 2)})</tspan></text></g>`,
  ];
}

/** Where on the axis a ratio is; what lies beyond an end is at the end. */
function place(ratio: number): number {
  const power = Math.min(HIGHEST, Math.max(LOWEST, Math.log2(ratio)));
  const x = LEFT + ((power - LOWEST) / (HIGHEST - LOWEST)) * (WIDTH - LEFT - RIGHT - 24);
  return Math.round(x * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
