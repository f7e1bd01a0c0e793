/** Several stores on one file. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry } from "../../src/store/store.ts";
import { append, ids, nthId, until } from "../../src/testing/store-suite/given.ts";
import { eachOnItsOwnFile, opened, path } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("one file, two stores", () => {
  test("P3: the tails of both see all entries of both, in the order of the log", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const seen: Entry[][] = [[], []];
    a.tail(0, (entries) => seen[0]?.push(...entries));
    b.tail(0, (entries) => seen[1]?.push(...entries));
    for (let n = 0; n < 200; n++) {
      await (n % 3 === 0 ? a : b).commit([append(2 * n), append(2 * n + 1)]);
      // Turns of the event loop in between let the ways of memory and of the file alternate.
      if (n % 7 === 0) await nextTurn();
    }
    await until(() => seen.every((entries) => entries.length >= 400));
    const expected = Array.from({ length: 400 }, (_, n) => nthId(n));
    for (const entries of seen) {
      expect(ids(entries)).toEqual(expected);
      const offsets = entries.map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
    }
  });

  test("P5: an id that one appended is a duplicate for the other", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const [one] = await a.commit([append(1)]);
    const [two] = await b.commit([append(1)]);
    expect(two).toEqual({ offset: one?.offset, duplicate: true });
  });

  test("counts what is kept over both", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    await a.commit([append(1, ["k"], { data: "abc" })]);
    await b.commit([append(2, ["k"], { data: "é" })]);
    const step = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 2, maxEntries: 9 };
    expect(await a.usage()).toMatchObject({ entries: 2, bytes: 5 });
    await b.trim(step, 0, 10);
    expect(await a.usage()).toMatchObject({ entries: 1, bytes: 2 });
  });

  test("a session that one resumed is closed to the other", async () => {
    const [a, b] = [await opened(sqlite(path)), await opened(sqlite(path))];
    const open = {
      kind: "open",
      session: "s",
      namespace: "/",
      principal: null,
      keys: [],
      inboxSettled: 0,
      at: 1,
    } as const;
    await a.commit([open]);
    await b.commit([{ kind: "resume", session: "s", from: 1, next: 2, at: 2 }]);
    expect(await a.commit([{ kind: "join", session: "s", generation: 1, key: "k" }])).toEqual([undefined]);
  });
});
