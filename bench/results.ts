/**
 * What came of runs, kept and compared.
 *
 * Rule: ratios are taken within a round and then their median, because rounds differ by what else the machine does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Numbers } from "./figures.ts";
import type { RunResult } from "./run.ts";
import { median } from "./statistics.ts";

/** One run. */
export interface Result {
  /** Rounds are alike only within one call of the benchmark. */
  readonly round: string;
  readonly workload: string;
  /** The peer's key. */
  readonly peer: string;
  readonly numbers?: Numbers;
  readonly failure?: string;
}

/** What a file holds. */
export interface Results {
  /** When it was begun, and on what. */
  readonly at: string;
  /** In a hurry less is done, and the figures are others. */
  readonly quick: boolean;
  readonly machine: string;
  readonly results: readonly Result[];
}

/** A run as it is kept. */
export function result(about: Omit<Result, "numbers" | "failure">, run: RunResult): Result {
  return { ...about, ...run };
}

/** Writes a file. */
export function save(path: string, results: Results): void {
  // What cannot be known is NaN, for which JSON has no word.
  writeFileSync(path, `${JSON.stringify(results, null, 1)}\n`);
}

/** Reads files, and puts them together. The machine and the date are those of the last. */
export function load(paths: readonly string[]): Results {
  const all = paths.map((path): Results => JSON.parse(readFileSync(path, "utf8")));
  const last = all.at(-1);
  if (!last) throw new Error("there is no file to read results from");
  if (all.some(({ quick }) => quick !== last.quick))
    throw new Error("results of --quick are not put together with others");
  return { ...last, results: all.flatMap(({ results }) => results) };
}

/** Results of one workload. */
export class Comparison {
  readonly #results: readonly Result[];
  readonly #baseline: string;

  /** @param baseline Key of the peer that ratios are taken to. */
  constructor({ results }: Results, workload: string, baseline: string) {
    this.#results = results.filter((one) => one.workload === workload);
    this.#baseline = baseline;
  }

  /** All runs of a peer. */
  runs(peer: string): readonly Result[] {
    return this.#results.filter((one) => one.peer === peer);
  }

  /** The median of a figure; `NaN` when there is none. */
  value(peer: string, key: string): number {
    return median(this.runs(peer).flatMap((one) => known(one, key)));
  }

  /** The median of its ratios to the same figure of the baseline, each within a round. */
  ratio(peer: string, key: string): number {
    const bases = new Map(this.runs(this.#baseline).map((one) => [one.round, one]));
    return median(
      this.runs(peer).flatMap((one) => {
        const base = bases.get(one.round);
        const to = base ? known(base, key) : [];
        return to.flatMap((below) => known(one, key).map((above) => above / below));
      }),
    );
  }

  get rounds(): number {
    return new Set(this.#results.map(({ round }) => round)).size;
  }
}

function known({ numbers }: Result, key: string): number[] {
  const number = numbers?.[key];
  return typeof number === "number" && !Number.isNaN(number) ? [number] : [];
}
