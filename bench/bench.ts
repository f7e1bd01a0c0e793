/**
 * The benchmark: gapless-io beside plain Socket.IO, on this machine, now.
 *
 * Rule: peers take turns within a round, and the order turns from round to round; a figure is a median over rounds.
 *
 *     npm run bench [-- --quick] [--only <part of a workload's name>] [--profile <directory>]
 *
 * `--quick` ends within two minutes. `--profile` writes CPU profiles of the server processes; the figures are then worth less.
 * Exits with 1 when a run of gapless-io lost something, handed it out twice or out of order, or did not end.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { peers } from "./peers/index.ts";
import type { Peer } from "./peers/peer.ts";
import { type RunResult, run } from "./run.ts";
import { median } from "./statistics.ts";
import { table } from "./table.ts";
import { workloads } from "./workloads/index.ts";
import type { Plan } from "./workloads/workload.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string" }, profile: { type: "string" } },
});
const plan: Plan = options.quick ? { warmMs: 600, measureMs: 1_200 } : { warmMs: 2_000, measureMs: 5_000 };
const rounds = options.quick ? 3 : 7;
/** No round begins that would be likely to end after this. */
const budgetMs = options.quick ? 105_000 : 1_800_000;

const chosen = workloads.filter(({ name }) => name.includes(options.only ?? ""));
if (chosen.length === 0)
  throw new Error(`no workload is called "${options.only}": ${workloads.map(({ name }) => name).join(", ")}`);
const results = chosen.map((workload) => ({
  workload,
  byPeer: new Map<Peer, RunResult[]>(peers.map((peer) => [peer, []])),
}));
const startedAt = performance.now();

console.log(machine());
let round = 0;
for (; round < rounds && timeFor(round); round++) {
  if (!process.stdout.isTTY) console.log(`round ${round + 1} of ${rounds}`);
  for (const { workload, byPeer } of results) {
    for (const peer of turned(peers, round)) {
      progress(`round ${round + 1} of ${rounds}: ${workload.name}: ${peer.name}`);
      byPeer.get(peer)?.push(await run({ peer: peer.name, workload: workload.name, plan }, options.profile));
    }
  }
}
progress("");

for (const { workload, byPeer } of results) console.log(`\n${table(workload, byPeer)}`);
console.log(
  `\nMedians of ${round} rounds of ${plan.measureMs / 1_000} s; ratios are to ${peers[0]?.name}, within each round. Messages are 200 bytes of JSON.` +
    "\nSocket.IO sends a message as one packet to each client; gapless-io what is committed together." +
    "\nAll clients are in one process; near 1 core it is the clients that are measured, then look at the server's µs.",
);

const failed = results.some(({ byPeer }) =>
  [...byPeer].some(([peer, runs]) => peer !== peers[0] && runs.some((one) => "failure" in one)),
);
process.exit(failed ? 1 : 0);

/** Whether another round would end in time, if it took as long as those before. */
function timeFor(done: number): boolean {
  const elapsedMs = performance.now() - startedAt;
  return done === 0 || elapsedMs * (1 + 1 / done) < budgetMs;
}

function turned<T>(all: readonly T[], by: number): T[] {
  return all.map((_, i) => all[(i + by) % all.length] as T);
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model.trim()}, Node ${process.version}, fdatasync of 4 KiB ${flushUs().toFixed(0)} µs (median)`;
}

/** What `disk` rests on: how long this disk takes to say that it has something. */
function flushUs(): number {
  const dir = mkdtempSync(join(tmpdir(), "gapless-bench-"));
  const file = openSync(join(dir, "flush"), "w");
  try {
    const page = Buffer.alloc(4_096, 1);
    const took = Array.from({ length: 50 }, () => {
      const start = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return (performance.now() - start) * 1_000;
    });
    return median(took);
  } finally {
    closeSync(file);
    rmSync(dir, { recursive: true, force: true });
  }
}
