/**
 * The cluster runs from the command line, long: one JSON line each.
 *
 *     npx tsx test/cluster/run.ts --mode gapless-redis --nodes 3 --rate 4000 --cuts 60 --kind half-open --seed 1
 *     npx tsx test/cluster/run.ts --scenario "node killed" --seconds 120 --seed 1
 *
 * Rule: what it prints is what was counted; it ends with 1 when a server of ours was wrong.
 */
import { parseArgs } from "node:util";
import { cutRun } from "./cuts.ts";
import { faultRun } from "./faults.ts";
import { forget } from "./history.ts";
import { clusterPrograms } from "./parts.ts";
import type { Driver, Mode } from "./plan.ts";
import { ANY, SCENARIOS } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "gapless-redis" },
    driver: { type: "string", default: "redis" },
    nodes: { type: "string" },
    rate: { type: "string" },
    cuts: { type: "string", default: "60" },
    kind: { type: "string", default: "clean" },
    scenario: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false },
  },
});
const { mode, driver, kind, scenario } = values;
const programs = await clusterPrograms();
const common = { mode: mode as Mode, driver: driver as Driver, seed: Number(values.seed), programs };
const number = (text: string | undefined, otherwise: number) => Number(text ?? otherwise);

function report(what: object, dir: string, wrong: readonly unknown[]): void {
  console.log(JSON.stringify({ mode, driver, seed: common.seed, ...what }));
  for (const one of wrong.slice(0, 20)) console.log(typeof one === "string" ? one : JSON.stringify(one));
  if (wrong.length > 0 || values.keep) console.log(`diaries in ${dir}`);
  else forget({ dir });
  if (wrong.length > 0) process.exitCode = 1;
}

try {
  if (scenario === undefined) {
    const nodes = number(values.nodes, 2);
    const rate = number(values.rate, 1_000);
    const options = {
      ...common,
      nodes,
      rate,
      cuts: Number(values.cuts),
      kind: kind as "clean" | "half-open" | "mixed",
    };
    const { anomalies, dir, unfinished, ...counted } = await cutRun(options);
    report(
      { nodes, nominal: rate, kind, ...counted, unfinished: unfinished.length },
      dir,
      mode.startsWith("gapless") ? [...unfinished, ...anomalies] : [],
    );
  } else {
    const those = [...SCENARIOS, ANY].filter(({ name }) => scenario === "all" || name === scenario);
    if (those.length === 0)
      throw new Error(`scenarios are: all, ${[...SCENARIOS, ANY].map(({ name }) => name).join(", ")}`);
    const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
    for (const one of those) {
      const nodes = number(values.nodes, 3);
      const rate = number(values.rate, 600);
      const { wrong, dir, ...counted } = await faultRun({ ...common, nodes, rate, seconds, scenario: one });
      report({ scenario: one.name, nodes, ...counted }, dir, mode.startsWith("gapless") ? wrong : []);
    }
  }
} finally {
  programs.remove();
}
