/**
 * Processes of the test's own that work on a store.
 *
 * Rule: a program is bundled once, so that what is started hundreds of times has nothing to translate.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A program that Node can run as it is. */
export interface Program {
  /** Path of the bundle. */
  readonly path: string;
  /** The environment in which it finds the driver. */
  readonly environment: NodeJS.ProcessEnv;
  remove(): void;
}

/** Bundles a file beside this one. */
export async function bundled(name: string): Promise<Program> {
  const directory = mkdtempSync(join(tmpdir(), "gapless-program-"));
  const path = join(directory, "program.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["better-sqlite3"],
    logLevel: "error",
    // What is bundled is the store; its package has other parts, and what they need is not here.
    treeShaking: true,
  });
  const driver = createRequire(import.meta.url).resolve("better-sqlite3/package.json");
  return {
    path,
    environment: { ...process.env, NODE_PATH: dirname(dirname(driver)) },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
