/**
 * P6: what was acknowledged at the level `disk` survives power loss, at any moment and with any part of the unsynced writes.
 * IMAGES makes more images, SEED repeats those of a failure.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examine, type Look } from "./power-loss/examine.ts";
import { filesAtTheEnd, imagesOf, notesOf } from "./power-loss/images.ts";
import { DATABASE, type Recorder, record, recorder, whyNotRecorded } from "./power-loss/recorder.ts";
import { randomFrom, seedOfRun } from "./random.ts";
import type { Instructions } from "./writer.ts";

const IMAGES = Number(process.env.IMAGES ?? 5000);
const whyNot = whyNotRecorded();
if (whyNot !== undefined) console.warn(whyNot);

/** Ways to work: how soon the write-ahead log is carried over, and how often the store is opened anew. */
const WAYS: readonly Omit<Instructions, "path" | "durability">[] = [
  { until: 60, checkpointPages: 16 },
  { until: 80, checkpointPages: 60, reopenEvery: 9 },
  { until: 120, checkpointPages: 1000, reopenEvery: 50 },
];

describe.skipIf(whyNot !== undefined)("power loss", () => {
  let tools: Recorder;
  beforeAll(async () => {
    tools = await recorder();
  });
  afterAll(() => tools?.remove());

  /** Works with the power failing at so many moments, and looks at what a store makes of each image. */
  async function failing(durability: "os" | "disk", count: number, look: Look): Promise<void> {
    const seed = seedOfRun();
    const random = randomFrom(seed);
    for (const [i, way] of WAYS.entries()) {
      const { directory, notes } = record(tools, `${durability}-${i}`, { ...way, durability });
      let n = 0;
      for (const image of imagesOf(notesOf(notes, directory), Math.ceil(count / WAYS.length), random)) {
        n++;
        try {
          await examine(tools, image, look);
        } catch (error) {
          throw new Error(`image ${n} of way ${i} is wrong; SEED=${seed} IMAGES=${count} makes it again`, {
            cause: error,
          });
        }
      }
    }
  }

  test("a recording played back in full is the files that the process left", () => {
    for (const [i, way] of WAYS.entries()) {
      const { directory, notes } = record(tools, `whole-${i}`, { ...way, durability: "disk" });
      const played = filesAtTheEnd(notesOf(notes, directory));
      expect([...played.keys()]).toContain(DATABASE);
      for (const [name, bytes] of played) expect(bytes.equals(readFileSync(join(directory, name))), name).toBe(true);
    }
  });

  test(
    "P6: nothing that was acknowledged is missing, no batch is there in part, and no place is given twice",
    async () => {
      let unacknowledged = 0;
      await failing("disk", IMAGES, async (store, witness, finding) => {
        expect(finding.lost).toEqual([]);
        if (finding.batch > witness.batch) unacknowledged++;
        await witness.goOn(store, finding);
      });
      console.info(
        `power loss: ${IMAGES} images, 0 lost, ${unacknowledged} with a batch that was not acknowledged yet`,
      );
      // Otherwise the moments between a commit and its acknowledgement were never met.
      expect(unacknowledged).toBeGreaterThan(0);
    },
    60_000 + IMAGES * 40,
  );

  test("P6, P9: at the level `os` batches are lost, which these images show, and every such loss is noticed", async () => {
    let losing = 0;
    await failing("os", 300, async (store, witness, finding) => {
      // Batch 0 has no messages that anybody could miss.
      const missing = Math.max(finding.batch, 0) < Math.max(witness.batch, 0);
      if (missing) {
        losing++;
        expect(await witness.notices(store)).toBe(true);
      }
      await witness.goOn(store, finding);
      if (missing) expect(await witness.notices(store)).toBe(true);
    });
    console.info(`power loss at the level os: ${losing} of 300 images lose something`);
    expect(losing).toBeGreaterThan(50);
  });
});
