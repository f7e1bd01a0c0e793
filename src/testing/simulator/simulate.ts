/**
 * Running a plan from its beginning to where nothing is left to happen, and judging it.
 *
 * Rule: every history ends healed: what must arrive has a bounded virtual time to do so.
 */
import fc from "fast-check";
import type { Hits } from "./hits.ts";
import { type Plan, type PlanOptions, plans } from "./plan.ts";
import { BEGINS_AT } from "./timeline.ts";
import { Violation } from "./violation.ts";
import { World, type WorldOptions } from "./world.ts";

/** Within this time after the last fault everything has arrived, milliseconds of virtual time. */
export const HEAL_MS = 90_000;

/** What became of a history. */
export interface History {
  readonly plan: Plan;
  /** What did not hold; `undefined`: everything did. */
  readonly violation: Error | undefined;
  /** Stands for everything that happened: the same plan gives the same digest. */
  readonly digest: number;
  /** How long after the last fault everything had arrived, milliseconds of virtual time. */
  readonly quietAfterMs: number | undefined;
  /** How long it took, milliseconds of virtual time. */
  readonly simulatedMs: number;
  /** How many things happened. */
  readonly happened: number;
  /** How often each fault and each interesting thing happened. */
  readonly hits: Hits;
  /** What happened, as lines; empty unless it was recorded. */
  readonly timeline: readonly string[];
}

/** Runs a plan. Never rejects for what the package did. */
export async function run(plan: Plan, options: WorldOptions = {}): Promise<History> {
  const world = new World(plan, options);
  const { timeline } = world;
  let violation: Error | undefined;
  let quietAfterMs: number | undefined;
  try {
    world.start();
    for (const step of plan.steps) {
      timeline.trace("plan", step.do);
      await world.step(step);
    }
    quietAfterMs = await settle(world);
  } catch (error) {
    violation = error as Error;
  }
  await world.disk.close().catch(() => {});
  return {
    plan,
    violation,
    digest: timeline.digest,
    quietAfterMs,
    simulatedMs: timeline.now - BEGINS_AT,
    happened: timeline.happened,
    hits: world.hits,
    timeline: timeline.lines,
  };
}

/** Lets everything arrive. Answers how long that took. */
async function settle(world: World): Promise<number> {
  const { timeline, oracle, clients, nodes } = world;
  timeline.trace("plan", "heals");
  world.heal();
  const healedAt = timeline.now;
  const missing = (): string | undefined => {
    if (nodes.some(({ hub, process }) => !hub || hub.writer.pending > 0 || process?.stands))
      return "a server has not stored everything";
    for (const { persona, connected, number, broken, process, busy } of clients) {
      if (broken) continue;
      if (busy) return `client ${number} is busy`;
      const what = connected && !process?.stands ? oracle.missing(persona) : "it is not connected";
      if (what) return `client ${number} (${persona}): ${what}`;
    }
    return undefined;
  };
  let left = missing();
  while (left && timeline.now < healedAt + HEAL_MS) {
    await timeline.run(timeline.now + 100);
    left = missing();
  }
  if (left) throw new Violation("liveness", `after ${HEAL_MS} ms without faults, ${left}`);
  const quietAfterMs = timeline.now - healedAt;
  world.checkBounds();
  if (world.plan.faults.length === 0 && world.plan.network === "ordered") world.checkEfficiency();
  await compare(world);
  await again(world);
  await world.handlers.check?.({ acknowledged: oracle.inbound.acknowledged() });
  return quietAfterMs;
}

/** Everybody connects anew, and then leaves: nothing happens twice, and nothing stays behind. */
async function again(world: World): Promise<void> {
  const { timeline, oracle, clients } = world;
  // What is dealt with is told and stored first.
  await timeline.run(timeline.now + 5_000);
  const { runs } = oracle;
  oracle.calm = clients.every(({ broken }) => !broken);
  for (const { wire } of clients) wire?.cut();
  await timeline.run(timeline.now + 5_000);
  if (oracle.calm && oracle.runs > runs)
    throw new Violation("quiet after", `${oracle.runs - runs} handlers were called`);
  for (const client of clients) client.away(3_600_000);
  // Longer than any handler, any wait for an answer, and a second for the cursors.
  await timeline.run(timeline.now + 20_000);
  world.checkLeaks();
  await timeline.run(timeline.now);
}

async function compare({ disk, oracle }: World): Promise<void> {
  const keys = [...oracle.keys()].map((key) => ({ key, after: 0, upTo: Number.MAX_SAFE_INTEGER }));
  const { entries, floor } = await disk.base.read({ keys, limit: 1_000_000, maxBytes: 2 ** 30 });
  oracle.compare(entries, floor);
}

/** What to simulate. */
export interface SimulateOptions extends PlanOptions, WorldOptions {}

/** The history of a seed. */
export function simulate(seed: number, options: SimulateOptions = {}): Promise<History> {
  const [plan] = fc.sample(plans(options), { seed, numRuns: 1 });
  return run(plan as Plan, options);
}
