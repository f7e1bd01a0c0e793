/**
 * P2, P6: what was acknowledged survives a killed process, whole, and no offset is ever given to two messages.
 * KILLS kills more often, SEED kills at the same answers again.
 */
import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { temporaryFile } from "./harness.ts";
import { bundled, type Program } from "./processes.ts";
import { randomFrom, seedOfRun } from "./random.ts";
import { Witness } from "./witness.ts";
import type { Instructions } from "./writer.ts";

const KILLS = Number(process.env.KILLS ?? 500);
/** Files that are worked on side by side. A process that starts leaves a core to those that run. */
const LANES = 4;

let program: Program;
beforeAll(async () => {
  program = await bundled("writer.ts");
});
afterAll(() => program.remove());

/** Lets a writer work until it has written so many answers, and kills it. Answers all that it wrote. */
function killAfter(answers: number, instructions: Instructions): Promise<string> {
  const child = spawn(process.execPath, [program.path, JSON.stringify(instructions)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: program.environment,
  });
  let written = "";
  let lines = 0;
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => {
      written += text;
      lines += text.split("\n").length - 1;
      // Read in this turn of the event loop, so the writer is somewhere in what follows: in a commit, most likely.
      if (lines >= answers) child.kill("SIGKILL");
    });
    child.once("close", (_, signal) => {
      if (signal === "SIGKILL") resolve(written);
      else reject(new Error("the writer ended by itself"));
    });
  });
}

test(
  `P2, P6: ${KILLS} times, nothing that was acknowledged is lost, no batch is there in part, and no offset is given twice`,
  async () => {
    const seed = seedOfRun();
    const total = { cycles: 0, acknowledged: 0, unacknowledged: 0 };
    const lane = async (number: number) => {
      const random = randomFrom(seed + number);
      const file = await temporaryFile();
      const witness = new Witness();
      try {
        while (total.cycles < KILLS) {
          total.cycles++;
          const before = witness.batch;
          const checkpointPages = random() < 0.5 ? 20 : 1000;
          const answers = 1 + Math.floor(random() ** 2 * 60);
          witness.hear(await killAfter(answers, { path: file.path, durability: "disk", checkpointPages }));
          total.acknowledged += witness.batch - before;
          const store = sqlite(file.path);
          const { epoch } = await store.open();
          const finding = await witness.inspect(store, epoch);
          await store.close();
          expect(finding.lost).toEqual([]);
          if (finding.batch > witness.batch) total.unacknowledged++;
          witness.adopt(finding);
        }
      } catch (error) {
        throw new Error(`lane ${number} fails; SEED=${seed} kills at the same answers again`, { cause: error });
      } finally {
        await file.remove();
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    expect(total.acknowledged).toBeGreaterThan(KILLS);
    // Otherwise no kill ever fell between a commit and its acknowledgement.
    if (KILLS >= 100) expect(total.unacknowledged).toBeGreaterThan(0);
    console.info(`kill -9: ${JSON.stringify(total)}, 0 lost`);
  },
  60_000 + KILLS * 400,
);
