/**
 * The programs of the processes, bundled.
 *
 * Rule: bundled once for many starts: a process that starts fast is killed more often.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Paths of the bundles. */
export interface Scripts {
  readonly node: string;
  readonly clients: string;
  remove(): void;
}

export async function bundled(): Promise<Scripts> {
  // Where packages are found from.
  const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "cluster-"));
  await build({
    entryPoints: ["node.ts", "clients.ts"].map((name) => fileURLToPath(new URL(name, import.meta.url))),
    outdir: dir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    external: ["better-sqlite3"],
    platform: "node",
    format: "esm",
    target: "node20",
    // What is required by packages is in the bundle; what is left are Node's own modules.
    banner: {
      js: 'import { createRequire as requirer } from "node:module"; const require = requirer(import.meta.url);',
    },
    logLevel: "error",
  });
  return {
    node: join(dir, "node.mjs"),
    clients: join(dir, "clients.mjs"),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
