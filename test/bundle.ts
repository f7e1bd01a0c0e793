/**
 * Programs of a test that are processes of their own, bundled.
 *
 * Rule: bundled once for many starts: a process that starts fast is killed more often.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Bundles, in a folder of their own. */
export interface Bundles {
  /** Where the program of this name is. */
  path(name: string): string;
  remove(): void;
}

/** @param base `import.meta.url` of the test. @param names Files beside it, without `.ts`. */
export async function bundles(base: string, names: readonly string[]): Promise<Bundles> {
  // Where packages are found from.
  const cache = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "bundles-"));
  await build({
    entryPoints: names.map((name) => fileURLToPath(new URL(`${name}.ts`, base))),
    outdir: dir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    external: ["better-sqlite3"],
    platform: "node",
    format: "esm",
    target: "node20",
    // What packages require is in the bundle; what is left are Node's own modules.
    banner: {
      js: 'import { createRequire as requirer } from "node:module"; const require = requirer(import.meta.url);',
    },
    logLevel: "error",
  });
  return {
    path: (name) => join(dir, `${name}.mjs`),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
