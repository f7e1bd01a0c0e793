/**
 * Runs a writer with its disk recorded, or failing.
 *
 * Rule: where the recorder cannot run, the tests say in one line what would enable it; on CI that is a failure.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { placeInMemory } from "../harness.ts";
import { bundled, type Program } from "../processes.ts";
import type { Instructions } from "../writer.ts";

/** A recorder that is compiled, and the writer that it watches. */
export interface Recorder {
  readonly library: string;
  readonly program: Program;
  /** Where recordings and images go: in memory where the system has such a place, as nothing of them must last. */
  readonly directory: string;
  remove(): void;
}

/** What came of a recorded process. */
export interface Recorded {
  /** The directory that it worked in. */
  readonly directory: string;
  /** What was noted, as `recorder.c` writes it. */
  readonly notes: Buffer;
}

/** Name of the file in the recorded directory to which a writer writes what was acknowledged. */
export const ACKNOWLEDGEMENTS = "acknowledgements";

/** Name of the database in the recorded directory. */
export const DATABASE = "log.db";

/** Why the recorder cannot run here, in one line; `undefined` when it can. On CI there is no excuse. */
export function whyNotRecorded(): string | undefined {
  if (process.platform !== "linux") return "power loss: not tested here; run it on Linux, where writes can be recorded";
  if (spawnSync("cc", ["--version"]).status === 0) return undefined;
  const advice = "power loss: not tested here; install a C compiler (cc) to enable it";
  if (process.env.CI) throw new Error(advice);
  return advice;
}

/** Compiles the recorder and bundles the writer. */
export async function recorder(): Promise<Recorder> {
  const directory = mkdtempSync(join(placeInMemory(), "gapless-power-"));
  const library = join(directory, "recorder.so");
  const source = fileURLToPath(new URL("recorder.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl", "-lpthread"]);
  const program = await bundled("writer.ts");
  return {
    library,
    program,
    directory,
    remove() {
      program.remove();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Lets a writer work in a directory of its own, and answers what was noted. `failSync`: see `recorder.c`. */
export function record(
  { library, program, directory }: Recorder,
  name: string,
  instructions: Omit<Instructions, "path" | "acknowledgements">,
  failSync?: string,
): Recorded {
  const work = join(directory, name);
  const output = join(directory, `${name}.notes`);
  mkdirSync(work);
  const told: Instructions = {
    ...instructions,
    path: join(work, DATABASE),
    acknowledgements: join(work, ACKNOWLEDGEMENTS),
  };
  const { status, stderr } = spawnSync(process.execPath, [program.path, JSON.stringify(told)], {
    env: {
      ...program.environment,
      LD_PRELOAD: library,
      RECORDER_DIRECTORY: work,
      RECORDER_OUTPUT: output,
      ...(failSync === undefined ? {} : { RECORDER_FAIL_SYNC: failSync }),
    },
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`the writer ended with ${status}: ${stderr}`);
  return { directory: work, notes: readFileSync(output) };
}
