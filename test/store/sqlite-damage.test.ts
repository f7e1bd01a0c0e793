/** Damaged rows, pages and files: what is wrong is told and never delivered. */
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry } from "../../src/store/store.ts";
import { append, everything, ids, nthId, offsetsOf, until } from "../../src/testing/store-suite/given.ts";
import { database, eachOnItsOwnFile, opened, path } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("damage", () => {
  test("a damaged or missing row is reported and never delivered; its neighbours are", async () => {
    const store = await opened(sqlite(path));
    const offsets = await offsetsOf(
      store,
      Array.from({ length: 8 }, (_, n) => append(n)),
    );
    const db = database();
    const damage = [
      "data = '\"x\"'",
      "keys = '[\"other\"]'",
      "at = at + 1",
      "except_keys = '[\"k\"]'",
      "crc = crc + 1",
    ];
    for (const [n, change] of damage.entries())
      db.exec(`UPDATE gapless_log SET ${change} WHERE off = ${offsets[n + 1]}`);
    db.exec(`DELETE FROM gapless_log WHERE off = ${offsets[6]}`);
    for (const reverse of [false, true]) {
      const page = await store.read(everything("k", { reverse }));
      expect(ids(page.entries).toSorted()).toEqual([nthId(0), nthId(7)]);
      expect(page.corrupt.toSorted()).toEqual(offsets.slice(1, 7));
      expect(page.more).toBe(false);
    }
    const part = await store.read(everything("k", { limit: 3 }));
    expect([part.entries.length, part.corrupt.length, part.more, part.end]).toEqual([1, 2, true, offsets[2]]);
    const seen: Entry[] = [];
    store.tail(0, (entries) => seen.push(...entries));
    await until(() => seen.length === 2);
    expect(ids(seen)).toEqual([nthId(0), nthId(7)]);
  });

  test("a row that SQLite cannot read is reported, and its neighbours are delivered", async () => {
    const first = sqlite(path);
    await first.open();
    const offsets = await offsetsOf(first, [append(1), append(2, ["k"], { data: "y".repeat(100_000) }), append(3)]);
    await first.close();
    const file = await readFile(path);
    // A page that holds nothing but the long text begins with the number of the next such page.
    const page = Array.from({ length: file.length / 8192 }, (_, n) => n * 8192).find(
      (at) => file.subarray(at + 4, at + 8000).every((byte) => byte === 0x79) && file.readUInt32BE(at) !== 0,
    );
    file.writeUInt32BE(0x7fffffff, page ?? 0);
    await writeFile(path, file);
    const store = await opened(sqlite(path));
    for (const reverse of [false, true]) {
      const { entries, corrupt } = await store.read(everything("k", { reverse }));
      expect(ids(entries).toSorted()).toEqual([nthId(1), nthId(3)]);
      expect(corrupt).toEqual([offsets[1]]);
    }
  });
});
