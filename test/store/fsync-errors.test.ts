/**
 * P6: a sync that fails leaves the outcome unknown, and nothing is acknowledged for it. Whoever repeats, or opens the file
 * again, finds all that was acknowledged, and nothing twice; also when the power fails later.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examine } from "./power-loss/examine.ts";
import { filesAtTheEnd, imagesOf, notesOf } from "./power-loss/images.ts";
import { ACKNOWLEDGEMENTS, type Recorder, record, recorder, whyNotRecorded } from "./power-loss/recorder.ts";
import { randomFrom, seedOfRun } from "./random.ts";
import type { Acknowledgement } from "./witness.ts";

/** Syncs that are made to fail, of all that there are, in each way. SYNCS tries more. */
const SYNCS = Number(process.env.SYNCS ?? 20);
const IMAGES = 20;
const LAST = 40;

const whyNot = whyNotRecorded();
if (whyNot !== undefined) console.warn(whyNot);

interface Way {
  readonly name: string;
  readonly failing: (n: number) => string;
  /** Whether the writer gets to its end. */
  readonly recovers: boolean;
  /**
   * Whether the power may fail before the store has recovered. Not after several failures in a row: then the file that
   * is opened again is read from the cache, and nothing can tell what of it is on the disk until it has been written anew.
   */
  readonly anytime: boolean;
}

const WAYS: readonly Way[] = [
  { name: "the n-th sync fails", failing: (n) => `${n}-${n}`, recovers: true, anytime: true },
  { name: "the n-th sync and two more fail", failing: (n) => `${n}-${n + 2}`, recovers: true, anytime: false },
  { name: "the n-th sync fails and all that follow", failing: (n) => `${n}-`, recovers: false, anytime: false },
];

describe.skipIf(whyNot !== undefined)("syncs that fail", () => {
  let tools: Recorder;
  beforeAll(async () => {
    tools = await recorder();
  });
  afterAll(() => tools?.remove());

  const instructions = { durability: "disk", until: LAST, checkpointPages: 40, reopenEvery: 15, repeats: 6 } as const;

  test.each(WAYS)(
    "P6: $name: nothing that was acknowledged is lost, and nothing is there twice",
    async ({ name, failing, recovers, anytime }) => {
      const seed = seedOfRun();
      const random = randomFrom(seed);
      const whole = record(tools, `${name} 0`, instructions);
      const syncs = notesOf(whole.notes, whole.directory).filter(({ operation }) => operation === "S").length;
      const step = Math.max(1, syncs / SYNCS);
      let met = 0;
      for (let n = 1; n <= syncs; n = Math.ceil(n + step)) {
        try {
          const { directory, notes } = record(tools, `${name} ${n}`, instructions, failing(n));
          const said = readFileSync(join(directory, ACKNOWLEDGEMENTS), "utf8").split("\n").slice(0, -1);
          const answers = said.map((line) => JSON.parse(line) as Acknowledgement);
          const codes = new Set(answers.flatMap((one) => ("failed" in one ? [one.failed] : [])));
          expect([...codes].filter((code) => code !== "STORE_FAILED")).toEqual([]);
          met += codes.size;
          if (recovers) expect(answers).toContainEqual(expect.objectContaining({ batch: LAST }));
          const operations = notesOf(notes, directory);
          const images = [
            { files: filesAtTheEnd(operations), acknowledged: said.map((line) => `${line}\n`).join("") },
            ...[...imagesOf(operations, IMAGES, random)].filter(({ failing }) => anytime || !failing),
          ];
          for (const image of images) {
            await examine(tools, image, async (store, witness, finding) => {
              expect(finding.lost).toEqual([]);
              await witness.goOn(store, finding);
            });
          }
        } catch (error) {
          throw new Error(`sync ${n} of ${syncs}; SEED=${seed} repeats it`, { cause: error });
        }
      }
      // One failed sync of a commit is made good, by writing all once more, and nobody hears of it.
      expect(met).toBeGreaterThan(recovers && anytime ? 0 : SYNCS / 2);
    },
    60_000 + SYNCS * 2000,
  );
});
