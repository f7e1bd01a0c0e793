/**
 * Bits that changed, pages that are gone, files that were cut: a wrong byte is never delivered, a lost tail is noticed, and
 * the offsets of what was lost are not given again. FLIPS tries more, SEED repeats a failure.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DeliveryError } from "../../src/core/error.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry, Store } from "../../src/store/store.ts";
import { append, everything, until } from "../../src/testing/store-suite/given.ts";
import { placeInMemory } from "./harness.ts";
import { randomFrom, seedOfRun } from "./random.ts";
import { ALL, entryOf, operationsOf, placeOf, RETENTION } from "./workload.ts";

const FLIPS = Number(process.env.FLIPS ?? 1000);
const BATCHES = 40;
const PAGE = 8192;

/** A file and its write-ahead log as a killed process leaves them, and where its messages were said to be. */
interface Left {
  readonly main: Buffer;
  readonly log: Buffer;
}

let directory: string;
/** All of it carried over into the main file, and all since the opening in the write-ahead log. */
let whole: Left;
let behind: Left;
let epoch: string;
const told = new Map<string, number>();

beforeAll(async () => {
  directory = mkdtempSync(join(placeInMemory(), "gapless-flips-"));
  const path = join(directory, "log.db");
  let end = 0;
  for (const [from, to] of [
    [0, BATCHES / 2],
    [BATCHES / 2, BATCHES],
  ] as const) {
    const store = sqlite(path);
    ({ epoch } = await store.open());
    for (let batch = from; batch < to; batch++) {
      const outcomes = await store.commit(operationsOf(batch, end));
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome?.duplicate !== undefined) told.set(entryOfOperation(batch, end, i), outcome.offset);
      }
      end = [...told.values()].at(-1) ?? 0;
    }
    if (from === 0) await store.trim({ ...RETENTION, maxEntries: 70 }, 0, 1000);
    // As it is on the disk now: the process might be killed here.
    for (const name of ["log.db", "log.db-wal"]) copyFileSync(join(directory, name), join(directory, `copy-${name}`));
    await store.close();
  }
  const left = (name: string) => readFileSync(join(directory, name));
  behind = { main: left("copy-log.db"), log: left("copy-log.db-wal") };
  whole = { main: left("log.db"), log: Buffer.alloc(0) };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function entryOfOperation(batch: number, end: number, i: number): string {
  const operation = operationsOf(batch, end)[i];
  return operation?.kind === "append" ? operation.entry.id : "";
}

/** What became of a damaged file. */
interface Verdict {
  /** The code with which it, or a read of it, was refused. */
  readonly refused: string | undefined;
  /** Entries that were told to be damaged. */
  readonly corrupt: number;
  /** Entries that the log no longer has at its end, as a client that had the last one is told. */
  readonly lostTail: boolean;
  /** Entries that are missing from a page that does not say so. */
  readonly silent: number;
}

/** Opens a store on files, reads all of it, goes on with it, and judges what it says. */
async function judged({ main, log }: Left): Promise<Verdict> {
  const place = join(directory, "damaged");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  writeFileSync(join(place, "log.db"), main);
  if (log.length > 0) writeFileSync(join(place, "log.db-wal"), log);
  const store = sqlite(join(place, "log.db"));
  const verdict = { refused: undefined as string | undefined, corrupt: 0, lostTail: false, silent: 0 };
  try {
    const state = await store.open();
    // Another epoch is noticed by whoever comes with the old one.
    if (state.epoch !== epoch) return { ...verdict, refused: "epoch" };
    await followed(store, state.head);
    const page = await store.read(everything(ALL, { limit: 10_000 }));
    for (const entry of page.entries) right(entry);
    verdict.corrupt = page.corrupt.length;
    const [lastId, last] = [...told].at(-1) ?? ["", 0];
    verdict.lostTail = state.head < last;
    if (verdict.lostTail) assert.equal(await store.check(last, lastId), "forked", "the lost tail is not noticed");
    const given = new Set([...page.entries.map(({ offset }) => offset), ...page.corrupt]);
    verdict.silent = [...told.values()].filter(
      (offset) => offset > page.floor && offset <= state.head && !given.has(offset),
    ).length;
    const [outcome] = await store.commit([append(99_999_999, [ALL])]);
    if (last < 2 ** 52) assert.ok((outcome?.offset ?? 0) > last, "an offset is given twice");
    if (verdict.lostTail) assert.equal(await store.check(last, lastId), "forked", "the lost tail is no longer noticed");
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    verdict.refused = error.code;
  } finally {
    await store.close();
  }
  return verdict;
}

/** Every entry that a tail hands out is right, too. */
async function followed(store: Store, head: number): Promise<void> {
  const seen: Entry[] = [];
  const tail = store.tail(0, (entries) => seen.push(...entries));
  // The tail reads in the next turn; what it cannot read it leaves out.
  let turns = 0;
  await until(() => ++turns > 3 || (seen.at(-1)?.offset ?? 0) >= head);
  tail.stop();
  for (const entry of seen) right(entry);
}

function right({ offset, ...entry }: Entry): void {
  const { batch, i } = placeOf(entry.id);
  const wanted = entryOf(batch, i);
  assert.equal(offset, told.get(entry.id), "a wrong place was delivered");
  assert.deepEqual({ ...entry, data: Buffer.from(entry.data) }, { ...wanted, data: Buffer.from(wanted.data) });
}

function flipped(bytes: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
  return copy;
}

/** Judges many damaged files, and counts the verdicts. */
async function tally(
  count: number,
  damaged: (random: () => number, n: number) => Left,
): Promise<Record<string, number>> {
  const seed = seedOfRun();
  const random = randomFrom(seed);
  const counts: Record<string, number> = { trials: 0, refused: 0, corrupt: 0, lostTail: 0, silent: 0, unharmed: 0 };
  const add = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (let n = 0; n < count; n++) {
    const files = damaged(random, n);
    try {
      const { refused, corrupt, lostTail, silent } = await judged(files);
      add("trials");
      if (refused !== undefined) add("refused");
      else if (corrupt > 0) add("corrupt");
      else if (lostTail) add("lostTail");
      else add(silent > 0 ? "silent" : "unharmed");
    } catch (error) {
      throw new Error(`trial ${n}; SEED=${seed} repeats it`, { cause: error });
    }
  }
  return counts;
}

test("undamaged, both files hold everything", async () => {
  for (const left of [whole, behind]) {
    expect(await judged(left)).toEqual({ refused: undefined, corrupt: 0, lostTail: false, silent: 0 });
  }
});

test(
  "a bit that changed in the main file never delivers a wrong byte",
  async () => {
    const counts = await tally(FLIPS / 2, (random) => ({ ...whole, main: flipped(whole.main, random) }));
    console.info(`bits of the main file: ${JSON.stringify(counts)}`);
    expect(counts.corrupt).toBeGreaterThan(0);
  },
  60_000 + FLIPS * 20,
);

test(
  "P2, P9: a bit that changed in the write-ahead log costs at most a tail, which is noticed, and no offset is given again",
  async () => {
    const counts = await tally(FLIPS / 2, (random) => ({ ...behind, log: flipped(behind.log, random) }));
    console.info(`bits of the write-ahead log: ${JSON.stringify(counts)}`);
    expect(counts).toMatchObject({ refused: 0, corrupt: 0, silent: 0 });
    expect(counts.lostTail).toBeGreaterThan(FLIPS / 8);
  },
  60_000 + FLIPS * 20,
);

test("P2: not even at the beginning of the write-ahead log, where all since the opening is lost with it", async () => {
  const counts = await tally(80, (random, n) => {
    const log = Buffer.from(behind.log);
    log.writeUInt8(log.readUInt8(n) ^ (1 << Math.floor(random() * 8)), n);
    return { ...behind, log };
  });
  expect(counts.lostTail).toBe(80);
});

test("a page of zeros in any place delivers nothing wrong", async () => {
  const pages = whole.main.length / PAGE;
  await tally(pages, (_, n) => ({ ...whole, main: Buffer.from(whole.main).fill(0, n * PAGE, (n + 1) * PAGE) }));
});

test("P2, P9: files that were cut deliver nothing wrong, and a lost tail is noticed", async () => {
  const cut = (bytes: Buffer, random: () => number) => bytes.subarray(0, Math.floor(random() * bytes.length));
  await tally(60, (random) => ({ ...whole, main: cut(whole.main, random) }));
  const counts = await tally(60, (random) => ({ ...behind, log: cut(behind.log, random) }));
  expect(counts.lostTail).toBeGreaterThan(30);
});

test("a header of garbage is refused, and the file is left as it is", async () => {
  const main = Buffer.from(whole.main).fill(0x5a, 0, 100);
  expect(await judged({ ...whole, main })).toMatchObject({ refused: "STORE_CORRUPT" });
  expect(readFileSync(join(directory, "damaged", "log.db")).equals(main)).toBe(true);
});
