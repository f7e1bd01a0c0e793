/**
 * Histories for as long as it is told: `npm run test:deep -- 60` runs for 60 minutes. Default: 10.
 *
 * Rule: prints what it has really been through, and ends at the first history that goes wrong.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkHistories, describeFailure } from "../../src/testing/simulator/check.ts";
import { addHits, type Hits } from "../../src/testing/simulator/hits.ts";

const minutes = Number(process.argv[2] ?? 10);
const first = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
const endsAt = Date.now() + minutes * 60_000;
const began = Date.now();
const hits: Hits = new Map();
let histories = 0;
let simulatedMs = 0;

console.log(`histories for ${minutes} minutes, from seed ${first}`);
for (let round = 0; Date.now() < endsAt; round++) {
  const checked = await checkHistories({ runs: 10_000, seed: first + round, forMs: endsAt - Date.now() });
  histories += checked.histories;
  simulatedMs += checked.simulatedMs;
  addHits(hits, checked.hits);
  const { failure } = checked;
  if (failure) {
    const file = pathToFileURL(join(process.cwd(), ".tmp", "found", `${failure.seed}.json`));
    mkdirSync(new URL(".", file), { recursive: true });
    writeFileSync(file, JSON.stringify({ showed: failure.violation.message, plan: failure.plan }, null, 2));
    console.log(describeFailure(failure));
    console.log(`kept as ${file.pathname}`);
    process.exitCode = 1;
    break;
  }
  const seconds = (Date.now() - began) / 1_000;
  console.log(
    `${histories} histories, ${(histories / seconds).toFixed(0)} a second, ${(simulatedMs / 3.6e6).toFixed(0)} hours simulated`,
  );
}
for (const [what, times] of [...hits].sort(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`${String(times).padStart(10)}  ${what}`);
