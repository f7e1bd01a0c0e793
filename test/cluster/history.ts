/**
 * The diaries of a run, read back.
 *
 * Rule: what is not for a judge is left out by its type alone; the torn last line of a killed process was never finished, so it
 * never was.
 */
import { createReadStream, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A line of a diary: those of `HistoryEvent`, with epochs, and a few more. */
export interface Line {
  readonly type: string;
  readonly node: string;
  readonly t: number;
  readonly id: string;
  readonly to: readonly string[] | number;
  readonly except?: readonly string[];
  readonly from: number;
  readonly offset?: number;
  readonly epoch?: string;
  readonly session: string;
  readonly reason: string;
  readonly code?: string;
}

/** Lines that `checkHistory` does not know. */
const OTHERS = new Set(["unknown", "joining", "joined", "state", "redis killed"]);

/** Every line of every diary, each process's in order. */
export async function* diaries(dir: string): AsyncGenerator<Line> {
  const files = readdirSync(dir).filter((name) => name.endsWith(".jsonl"));
  for (const name of files.sort()) {
    for await (const text of createInterface({ input: createReadStream(join(dir, name)) })) {
      const line = parsed(text);
      if (line) yield line;
    }
  }
}

/** The same as text, without those that `checkHistory` does not know. */
export async function* history(dir: string, keep: (line: Line) => boolean = () => true): AsyncGenerator<string> {
  for await (const line of diaries(dir)) if (!OTHERS.has(line.type) && keep(line)) yield JSON.stringify(line);
}

/** Removes what a run left. */
export function forget({ dir }: { readonly dir: string }): void {
  rmSync(dir, { recursive: true, force: true });
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
