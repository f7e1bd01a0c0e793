/**
 * The whole stack in real processes, killed and cut and stopped at random: no anomaly in the history of all of them.
 *
 * Rule: the judge is `checkHistory`, which shares no code with what it judges; and it is shown to see what is wrong by servers
 * that are wrong on purpose.
 *
 * A message that was handled and not yet settled when its process died is handled again, by the next life; that is no anomaly.
 * Twice in one life, or again after its sender was told that it is settled, is: see `checkHistory`.
 *
 * CHAOS_KILLS, CHAOS_SEED: how long, and which run. REPORT=1 prints what was done. The histories of a failed run are kept.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AnomalyKind, checkHistory, type HistoryEvent } from "../../src/testing/history.ts";
import { type Bundles, bundles } from "../bundle.ts";
import type { ChaosKind } from "./chaos-diary.ts";
import { FAULTS } from "./chaos-faults.ts";
import { ChaosRun, diaries } from "./chaos-run.ts";

const KILLS = Number(process.env.CHAOS_KILLS ?? 100);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
/** Acknowledgements between two kills: in a long run so many that 2,000 kills are more than a million of them. */
const PER_KILL = KILLS > 100 ? 500 : 200;

let programs: Bundles;
beforeAll(async () => {
  programs = await bundles(import.meta.url, ["chaos-server", "chaos-clients"]);
});
afterAll(() => programs?.remove());

async function chaos(kind: ChaosKind, kills: number, perKill: number) {
  const dir = mkdtempSync(join(tmpdir(), `chaos-${kind}-`));
  const run = new ChaosRun({
    kind,
    kills,
    seed: SEED,
    dir,
    perKill,
    serverScript: programs.path("chaos-server"),
    clientsScript: programs.path("chaos-clients"),
  });
  const where = `CHAOS_SEED=${SEED} CHAOS_KILLS=${kills}, histories in ${dir}`;
  const began = performance.now();
  let failure: unknown;
  try {
    await run.run();
  } catch (error) {
    failure = error;
  } finally {
    await run.end();
  }
  const seconds = Math.round((performance.now() - began) / 1_000);
  const counts = new Map<string, number>();
  async function* counted() {
    for await (const line of diaries(dir)) {
      const { type, node } = JSON.parse(line) as HistoryEvent;
      const what = `${type} ${node === "server" ? "by the server" : "by clients"}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      yield line;
    }
  }
  const anomalies = await checkHistory(counted(), { limit: 100_000 });
  const kinds = new Map<AnomalyKind, number>();
  for (const { kind } of anomalies) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  if (process.env.REPORT) {
    console.log(
      JSON.stringify(
        {
          kind,
          seed: SEED,
          seconds,
          kills: run.kills,
          clientKills: run.clientKills,
          ...Object.fromEntries([...counts].sort()),
          anomalies: Object.fromEntries(kinds),
          faults: Object.fromEntries([...run.hit].sort()),
        },
        null,
        1,
      ),
    );
  }
  return { run, dir, where, failure, anomalies, kinds, counts };
}

describe("the whole stack", () => {
  it(
    `loses, doubles, reorders and invents nothing over ${KILLS} SIGKILLs of the server and a fault between any two`,
    async () => {
      const { run, dir, where, failure, anomalies, counts } = await chaos("gapless", KILLS, PER_KILL);
      if (failure) throw new Error(`${failure} (${where})`, { cause: failure });
      expect(anomalies.slice(0, 20), where).toEqual([]);
      expect(counts.get("gap by clients") ?? 0, where).toBe(0);
      const acknowledged = ["published by the server", "answered by clients"].map((what) => counts.get(what) ?? 0);
      expect(Math.min(...acknowledged), where).toBeGreaterThan(KILLS * 50);
      if (KILLS >= FAULTS.length)
        expect([...run.hit.keys()].sort()).toEqual([...new Set(FAULTS.map(({ name }) => name))].sort());
      rmSync(dir, { recursive: true, force: true });
    },
    KILLS * 3_000 + 120_000,
  );

  describe("is caught when it is wrong:", () => {
    for (const [kind, name, wanted] of [
      ["plain", "plain Socket.IO", ["lost"]],
      ["memory", "a log in memory", ["false-gap"]],
      ["hasty", "a server that acknowledges before it has stored", ["lost"]],
    ] as const) {
      it(name, async () => {
        const { dir, where, kinds } = await chaos(kind, 8, 150);
        for (const anomaly of wanted) expect([...kinds.keys()], where).toContain(anomaly);
        rmSync(dir, { recursive: true, force: true });
      }, 120_000);
    }
  });
});
