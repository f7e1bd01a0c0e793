/**
 * Seeds bugs, one at a time, and shows that the simulator catches each; those of a page, that its tests in a browser do.
 *
 * Rule: a bug that nothing catches is a failure: a property or a fault is missing.
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BROWSER, type BrowserMutant } from "./browser.ts";
import { CLIENT } from "./client.ts";
import { CORE } from "./core.ts";
import { type Mutant, seed } from "./mutant.ts";
import { SERVER } from "./server.ts";

const HISTORIES = Number(process.env.HISTORIES ?? 25_000);
/** One that does not come to an end has been noticed, too. */
const LONGEST_MS = 240_000;
const SEEDS = fileURLToPath(new URL("../simulator/seeds/", import.meta.url));
const OUT = fileURLToPath(new URL("../../.tmp/mutants/", import.meta.url));

interface Verdict {
  readonly histories: number;
  readonly property?: string;
  readonly message?: string;
}

/** Bundles the simulator with a bug in it. */
async function bundle(mutant: Mutant | undefined, outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL("histories.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
    plugins: mutant ? [seed(mutant)] : [],
  });
}

/** Runs histories with a bug. */
async function judge(mutant: Mutant | undefined, name: string): Promise<Verdict> {
  const outfile = `${OUT}${name}.mjs`;
  await bundle(mutant, outfile);
  return new Promise((resolve) => {
    const child = fork(outfile, [String(HISTORIES), SEEDS], { stdio: ["ignore", "pipe", "ignore", "ipc"] });
    let text = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
    child.stdout?.on("data", (data: Buffer) => {
      text += data;
    });
    child.on("close", () => {
      clearTimeout(timer);
      const line = text.trim().split("\n").at(-1) ?? "";
      resolve(
        line.startsWith("{")
          ? JSON.parse(line)
          : { histories: 0, property: "it ends", message: "it never ended, or died" },
      );
    });
  });
}

/** Runs the tests of a page with a bug. Answers whether they fail. */
async function fails(mutant: BrowserMutant): Promise<boolean> {
  const child = spawn("npx", ["vitest", "run", `test/browser/${mutant.suite}.test.ts`, "--bail", "1"], {
    env: { ...process.env, MUTANT: mutant.name },
    stdio: "ignore",
  });
  const [code] = await once(child, "exit");
  return code !== 0;
}

const only = process.argv.slice(2);
const chosen = ({ name }: Mutant): boolean => only.length === 0 || only.some((part) => name.includes(part));
const mutants = [...CORE, ...SERVER, ...CLIENT].filter(chosen);
const pages = BROWSER.filter(chosen);
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });

if (mutants.length > 0) {
  const sound = await judge(undefined, "sound");
  if (sound.property !== undefined) throw new Error(`without any bug: ${sound.message}`);
  console.log(`without any bug: ${sound.histories} histories, nothing found`);
}

let caught = 0;
const queue = mutants.entries();
const worker = async (): Promise<void> => {
  for (const [i, mutant] of queue) {
    const { histories, property, message } = await judge(mutant, String(i));
    if (property !== undefined) caught++;
    const verdict = property === undefined ? `NOT CAUGHT in ${histories}` : `history ${histories}: ${property}`;
    console.log(`${mutant.file.padEnd(22)} ${mutant.name.padEnd(70)} ${verdict}`);
    if (process.env.VERBOSE) console.log(`    ${message}`);
  }
};
await Promise.all([worker(), worker()]);
for (const mutant of pages) {
  const noticed = await fails(mutant);
  if (noticed) caught++;
  const verdict = noticed ? `test/browser/${mutant.suite}` : "NOT CAUGHT";
  console.log(`${mutant.file.padEnd(22)} ${mutant.name.padEnd(70)} ${verdict}`);
}
const all = mutants.length + pages.length;
console.log(`${caught} of ${all} seeded bugs caught`);
process.exitCode = caught === all ? 0 : 1;
