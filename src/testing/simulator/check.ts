/**
 * Many histories, and the smallest one that goes wrong.
 *
 * Rule: a failure says everything that is needed to see it again: its seed, its plan, and what happened.
 */
import fc from "fast-check";
import { addHits, type Hits } from "./hits.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { plans } from "./plan.ts";
import { run } from "./simulate.ts";
import { Violation } from "./violation.ts";
import type { WorldOptions } from "./world.ts";

/** How many histories, and which. */
export interface CheckOptions extends PlanOptions, WorldOptions {
  /** Most histories. Default 1,000. */
  readonly runs?: number;
  /** The first seed. Default: another one each time. */
  readonly seed?: number;
  /** Ends after this time, milliseconds of real time. Default: never. */
  readonly forMs?: number;
  /** Whether to look for a smaller plan that goes wrong. Default: yes. */
  readonly shrinks?: boolean;
}

/** A history that went wrong. */
export interface Failure {
  readonly seed: number;
  /** fast-check's way to the plan, for `seed`. */
  readonly path: string | undefined;
  readonly plan: Plan;
  readonly violation: Error;
  /** What happened, line by line. */
  readonly timeline: readonly string[];
}

/** What came of many histories. */
export interface Checked {
  /** How many were run before the first that went wrong, and it. */
  readonly histories: number;
  readonly simulatedMs: number;
  readonly hits: Hits;
  readonly failure: Failure | undefined;
}

/** Runs histories until one goes wrong, and makes that one small. */
export async function checkHistories(options: CheckOptions = {}): Promise<Checked> {
  const { runs = 1_000, seed, forMs, shrinks = true } = options;
  const hits: Hits = new Map();
  let histories = 0;
  let simulatedMs = 0;
  let failed = false;
  const property = fc.asyncProperty(plans(options), async (plan) => {
    const history = await run(plan, options);
    if (!failed) {
      histories++;
      simulatedMs += history.simulatedMs;
      addHits(hits, history.hits);
    }
    if (!history.violation) return;
    failed = true;
    throw history.violation;
  });
  const details = await fc.check(property, {
    numRuns: runs,
    endOnFailure: !shrinks,
    ...(seed === undefined ? {} : { seed }),
    ...(forMs === undefined ? {} : { interruptAfterTimeLimit: forMs }),
  });
  const [plan] = details.counterexample ?? [];
  if (!plan) return { histories, simulatedMs, hits, failure: undefined };
  const { violation, timeline } = await run(plan, { ...options, recorded: true });
  const failure: Failure = {
    seed: details.seed,
    path: details.counterexamplePath ?? undefined,
    plan,
    violation:
      violation ?? new Violation("the same again", "the plan went wrong once, and did not when it was run again"),
    timeline,
  };
  return { histories, simulatedMs, hits, failure };
}

/** A failure as text: what does not hold, how to see it again, and what happened. */
export function describeFailure({ seed, path, plan, violation, timeline }: Failure): string {
  const { steps, ...world } = plan;
  return [
    violation.message,
    `seed ${seed}, path ${path}, ${steps.length} steps`,
    `plan: ${JSON.stringify(world)}`,
    ...steps.map((step) => `  ${JSON.stringify(step)}`),
    "what happened:",
    ...timeline.map((line) => `  ${line}`),
  ].join("\n");
}
