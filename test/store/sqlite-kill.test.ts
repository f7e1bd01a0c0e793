/** P2, P6: what was acknowledged survives a killed process, and no offset is ever given to two messages. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry } from "../../src/store/store.ts";
import { everything } from "./given.ts";
import { temporaryFile } from "./harness.ts";

const CYCLES = 20;
const CHILD = fileURLToPath(new URL("./kill-child.ts", import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Lets a child append until it has acknowledged so many messages, and kills it. Answers all that it acknowledged. */
async function killAfter(
  path: string,
  first: number,
  count: number,
): Promise<(readonly [id: string, offset: number])[]> {
  const child = spawn(process.execPath, ["--import", LOADER, CHILD, path, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const acknowledged: (readonly [string, number])[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [id, offset] = line.split(" ");
    // The last line may have been cut by the kill.
    if (id?.length === 26 && offset !== undefined) acknowledged.push([id, Number(offset)]);
    if (acknowledged.length === count) child.kill("SIGKILL");
  }
  await closed;
  return acknowledged;
}

test("P6: loses nothing that was acknowledged when the process is killed, and reuses no offset", async () => {
  const file = await temporaryFile();
  try {
    const acknowledged = new Map<string, number>();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      for (const [id, offset] of await killAfter(file.path, cycle * 1_000_000, 40 + cycle * 17)) {
        acknowledged.set(id, offset);
      }
    }
    const store = sqlite(file.path);
    await store.open();
    const kept = new Map<string, number>();
    const entries: Entry[] = [];
    for (const key of ["k0", "k1", "k2"]) {
      const page = await store.read(everything(key, { limit: 1e6 }));
      expect(page.corrupt).toEqual([]);
      entries.push(...page.entries);
    }
    for (const { id, offset } of entries) kept.set(id, offset);
    await store.close();

    expect(acknowledged.size).toBeGreaterThan(CYCLES * 40);
    expect([...acknowledged].filter(([id, offset]) => kept.get(id) !== offset)).toEqual([]);
    expect(new Set(kept.values()).size).toBe(kept.size);
    expect(new Set([...acknowledged.values()].map((offset) => Math.floor(offset / 2 ** 32))).size).toBe(CYCLES);
  } finally {
    await file.remove();
  }
}, 180_000);
