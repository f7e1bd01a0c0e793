/**
 * Works on a disk that is too small, and then on one that is read-only. Started by `sqlite-disk.test.ts` in a mount
 * namespace of its own, with the mounted directory; writes what came of it as JSON.
 *
 * Rule: what is reported is what the store said; the test judges it.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DeliveryError } from "../../src/core/error.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { Witness } from "./witness.ts";
import { operationsOf, RETENTION } from "./workload.ts";

/** What came of it. Codes are those of `DeliveryError`, or `"ok"`. */
export interface SmallDiskReport {
  /** The batch that no longer fitted. */
  readonly fullAt: number;
  readonly full: { readonly commit: string; readonly again: string; readonly trim: string; readonly lost: number };
  /** With some space freed, on the same store. */
  readonly freed: { readonly commit: string; readonly duplicates: number; readonly lost: number };
  readonly reopened: { readonly batch: number; readonly lost: number };
  readonly readOnly: { readonly open: string; readonly unchanged: boolean; readonly afterwards: string };
}

const [directory = ""] = process.argv.slice(2);
const path = join(directory, "log.db");
const ballast = join(directory, "ballast");
const witness = new Witness();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return error instanceof DeliveryError ? error.code : String(error);
  }
}

async function inspected(store: Store): Promise<{ readonly batch: number; readonly lost: number }> {
  const finding = await witness.inspect(store, witness.epoch ?? "");
  return { batch: finding.batch, lost: finding.lost.length };
}

/** The names and bytes of all files. */
function contents(): string {
  return readdirSync(directory)
    .map((name) => name + readFileSync(join(directory, name)).toString("base64"))
    .join();
}

writeFileSync(ballast, Buffer.alloc(300_000, 1));
let store = sqlite(path);
witness.note({ opened: (await store.open()).epoch });
let end = 0;
let batch = 0;
let commit = "ok";
async function work(): Promise<number> {
  const outcomes = await store.commit(operationsOf(batch, end));
  const appended = outcomes.filter((outcome) => outcome?.duplicate !== undefined);
  const offsets = appended.map((outcome) => outcome?.offset ?? 0);
  witness.note({ batch, offsets });
  end = offsets.at(-1) ?? 0;
  return appended.filter((outcome) => outcome?.duplicate).length;
}
for (; batch < 10_000; batch++) {
  commit = await codeOf(work());
  if (commit !== "ok") break;
}
const fullAt = batch;
const full = {
  commit,
  again: await codeOf(work()),
  trim: await codeOf(store.trim(RETENTION, 0, 1000)),
  lost: (await inspected(store)).lost,
};

rmSync(ballast);
let duplicates = 0;
const freed = {
  commit: await codeOf(
    work().then((known) => {
      duplicates = known;
    }),
  ),
  duplicates,
  lost: (await inspected(store)).lost,
};
await store.close();
store = sqlite(path);
await store.open();
const reopened = await inspected(store);
await store.close();

const before = contents();
const mounted = (mode: string) => spawnSync("mount", ["-o", `remount,bind,${mode}`, directory]).status === 0;
let open = "could not be mounted read-only";
if (mounted("ro")) {
  open = await codeOf(sqlite(path).open());
  mounted("rw");
}
const unchanged = contents() === before;
store = sqlite(path);
const afterwards = await codeOf(store.open().then(() => inspected(store)));
await store.close();

const report: SmallDiskReport = { fullAt, full, freed, reopened, readOnly: { open, unchanged, afterwards } };
process.stdout.write(JSON.stringify(report));
