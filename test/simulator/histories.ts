/**
 * Histories as tests.
 *
 * Rule: a history that goes wrong is kept as a file, which is run before all others from then on.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { type CheckOptions, checkHistories, describeFailure } from "../../src/testing/simulator/check.ts";
import type { Hits } from "../../src/testing/simulator/hits.ts";

const SEED = 24;
const FOUND = new URL("../../.tmp/found/", import.meta.url);

/** How many histories a test runs; `SIM_RUNS` sets the sum of all. */
export function share(part: number): number {
  return Math.round(Number(process.env.SIM_RUNS ?? 21_000) * part);
}

/** Runs histories; fails with the smallest one that goes wrong, and keeps it. */
export async function histories(options: CheckOptions): Promise<Hits> {
  // The same histories each time; `npm run test:deep` looks for others.
  const { hits, failure } = await checkHistories({ ...options, seed: Number(process.env.FC_SEED ?? SEED) });
  if (!failure) return hits;
  const { violation, plan } = failure;
  mkdirSync(FOUND, { recursive: true });
  const file = new URL(`${failure.seed}.json`, FOUND);
  writeFileSync(file, JSON.stringify({ showed: violation.message, property: violation.name, plan }, null, 2));
  throw new Error(
    `${describeFailure(failure)}\nkept as ${file.pathname}; move it to test/simulator/seeds when it is understood`,
  );
}

/** Everything in a list must have happened. */
export function expectHits(hits: Hits, whats: readonly string[]): void {
  expect(whats.filter((what) => !hits.get(what))).toEqual([]);
}
