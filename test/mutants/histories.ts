/** Runs histories on whatever source it was bundled with, the kept ones first, and tells what came of it. A child process of run.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { checkHistories } from "../../src/testing/simulator/check.ts";
import { run } from "../../src/testing/simulator/simulate.ts";
import { Violation } from "../../src/testing/simulator/violation.ts";
import { wandering } from "../simulator/wandering.ts";

const [, , most, seeds] = process.argv as [string, string, string, string];

function tell(histories: number, violation: Error | undefined): void {
  const property = violation instanceof Violation ? violation.property : violation?.name;
  console.log(JSON.stringify({ histories, property, message: violation?.message }));
  // Timers of what went wrong may be left.
  process.exit(0);
}

let kept = 0;
for (const file of readdirSync(seeds)) {
  const { violation } = await run(JSON.parse(readFileSync(join(seeds, file), "utf8")).plan);
  kept++;
  if (violation) tell(kept, violation);
}
for (const plan of fc.sample(wandering, { numRuns: Number(most) / 10, seed: 1 })) {
  const { violation } = await run(plan);
  kept++;
  if (violation) tell(kept, violation);
}
const { histories, failure } = await checkHistories({ runs: Number(most), seed: 1, shrinks: false });
tell(kept + histories, failure?.violation);
