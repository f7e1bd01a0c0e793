/**
 * A seeded bug.
 *
 * Rule: it is one small change to a copy of the source, of the kind a tired engineer makes; and every one must be caught.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));

/** One bug. */
export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  /** The file, below `src`. */
  readonly file: string;
  /** What to replace there: occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Puts it into a bundle. The build fails when its place is not there, or not part of it. */
export function seed({ name, file, find, replace }: Mutant): Plugin {
  return {
    name: "mutant",
    setup({ onLoad, onEnd }) {
      let applied = false;
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== SRC + file) return undefined;
        const source = readFileSync(path, "utf8");
        if (source.split(find).length !== 2) {
          throw new Error(`"${name}": what it replaces is not there exactly once in ${file}`);
        }
        applied = true;
        return { contents: source.replace(find, () => replace), loader: "ts" };
      });
      onEnd(() => (applied ? {} : { errors: [{ text: `"${name}": ${file} is not part of what is built` }] }));
    },
  };
}
