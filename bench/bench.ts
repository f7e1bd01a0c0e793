/**
 * The benchmark: gapless-io beside plain Socket.IO and others, on this machine, now.
 *
 * Rule: peers take turns within a round, and the order turns from round to round; a figure is a median over rounds.
 *
 *     npm run bench [-- options]
 *
 *     --quick             a part of it, with less of everything, in under two minutes
 *     --only W1           workloads with this in their names; may be said several times
 *     --peers plain,disk  only these
 *     --rounds 5
 *     --large             also what takes minutes: W7 with a log of ten million messages
 *     --profile <dir>     CPU profiles of the server's processes; the figures are then worth less
 *     --out <file>        where results are kept (default: .tmp/bench.json)
 *     --from <file,...>   measures nothing, but takes the results that are kept there
 *     --report            writes the results into docs/performance.md and docs/performance.svg
 *
 * Exits with 1 when a run of gapless-io lost something, handed it out twice or out of order, or did not end.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine } from "./machine.ts";
import { baseline, ours, peers } from "./peers/index.ts";
import type { Peer } from "./peers/peer.ts";
import type { Plan } from "./plan.ts";
import { report } from "./report.ts";
import { load, type Result, type Results, result, save } from "./results.ts";
import { run } from "./run.ts";
import { columns, failures, rows, verdicts, words } from "./table.ts";
import { workloads } from "./workloads/index.ts";
import { takesPart, type Workload } from "./workloads/workload.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** No round of a hurried benchmark begins that would be likely to end after this. */
const QUICK_MS = 108_000;
const FULL: Plan = { warmMs: 1_500, measureMs: 4_000, share: 1 };
const QUICK: Plan = { warmMs: 500, measureMs: 1_000, share: 0.2 };

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [""] },
    peers: { type: "string" },
    rounds: { type: "string", default: "3" },
    large: { type: "boolean", default: false },
    profile: { type: "string" },
    out: { type: "string", default: join(ROOT, ".tmp", "bench.json") },
    from: { type: "string" },
    report: { type: "boolean", default: false },
  },
});

const chosen = chosenWorkloads();
const results = options.from === undefined ? await measure() : load(options.from.split(","));
const shown = peers.filter(({ key }) => results.results.some(({ peer }) => peer === key));
for (const workload of chosen) show(workload);
if (options.report) report(ROOT, chosen, shown, results);
console.log(
  `\n${results.machine}, ${results.at.slice(0, 10)}\nMedians; ratios are to ${baseline.name}, within each round. Messages are 200 bytes of JSON.` +
    `\n${baseline.name} sends a message as one packet to each client; gapless-io what is committed together.` +
    "\nAll clients are in one process; near 1 core it is the clients that are measured, then look at the server's µs.",
);
process.exit(results.results.some(({ peer, failure }) => failure && ours.some(({ key }) => key === peer)) ? 1 : 0);

/** Measures, round by round. */
async function measure(): Promise<Results> {
  const took = await chosenPeers();
  const rounds = Number(options.rounds);
  const plan = options.quick ? QUICK : FULL;
  const at = new Date().toISOString();
  const startedAt = performance.now();
  const all: Result[] = [];
  const kept: Results = { at, quick: options.quick, machine: machine(), results: all };
  mkdirSync(dirname(options.out), { recursive: true });
  console.log(kept.machine);
  for (let round = 0; round < rounds; round++) {
    const elapsedMs = performance.now() - startedAt;
    if (options.quick && round > 0 && elapsedMs * (1 + 1 / round) > QUICK_MS) break;
    for (const workload of chosen) {
      for (const peer of turned(took, round).filter((one) => takesPart(one, workload))) {
        progress(`round ${round + 1} of ${rounds}: ${workload.name}: ${peer.name}`);
        const about = { round: `${at} ${round}`, workload: workload.name, peer: peer.key };
        all.push(result(about, await run(peer, workload, plan, options.profile)));
        save(options.out, kept);
      }
    }
  }
  progress("");
  return kept;
}

function show(workload: Workload): void {
  const participants = shown.filter((peer) => takesPart(peer, workload));
  if (!results.results.some((one) => one.workload === workload.name)) return;
  const lines = [
    ...columns(rows(workload, participants, results)),
    ...failures(workload, participants, results).map((line) => `  ${line}`),
    ...verdicts(workload, results).map((verdict) => `  ${words(verdict)}`),
  ];
  console.log(`\n${workload.name}: ${workload.note}\n${lines.join("\n")}`);
}

function chosenWorkloads(): readonly Workload[] {
  const found = workloads.filter(({ name }) => options.only.some((part) => name.includes(part)));
  if (found.length === 0) {
    throw new Error(`no workload is called "${options.only}": ${workloads.map(({ name }) => name).join("; ")}`);
  }
  const all = options.from !== undefined || options.large;
  const hurried = options.quick && options.only.join("") === "";
  return found.filter(({ effort }) => all || effort === "quick" || (effort === "full" && !hurried));
}

/** Those that were asked for, or all; without those that something is missing for. */
async function chosenPeers(): Promise<readonly Peer[]> {
  const keys = options.peers?.split(",") ?? (options.quick ? [baseline, ...ours] : peers).map(({ key }) => key);
  const wrong = keys.filter((key) => !peers.some((peer) => peer.key === key));
  if (wrong.length > 0) throw new Error(`no peer is called ${wrong}: ${peers.map(({ key }) => key)}`);
  const found: Peer[] = [];
  for (const peer of peers.filter(({ key }) => keys.includes(key))) {
    const missing = await peer.missing?.();
    if (missing === undefined) found.push(peer);
    else console.log(`without ${peer.name}: ${missing}`);
  }
  return found;
}

function turned<T>(all: readonly T[], by: number): T[] {
  return all.map((_, i) => all[(i + by) % all.length] as T);
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
  else if (text) console.log(text);
}
