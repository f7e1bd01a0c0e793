/** What a replay costs, and the form of rows and keys. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { windowSql } from "../../src/store/sqlite-replay.ts";
import { bytesToUlid, hashKey, ulidToBytes } from "../../src/store/sqlite-row.ts";
import { SqliteStore } from "../../src/store/sqlite-store.ts";
import { append, entry, everything, offsetsOf } from "../../src/testing/store-suite/given.ts";
import { database, eachOnItsOwnFile, opened, path, watched } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("cost", () => {
  test("P12: a page searches the index and the log, and scans neither", async () => {
    const db = database();
    await opened(sqlite(db));
    for (const order of ["ASC", "DESC"] as const) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${windowSql(order)}`).all("[]", "[]", 0, 0, 1) as {
        detail: string;
      }[];
      const steps = plan.map(({ detail }) => detail);
      expect(steps).toContain("SEARCH a USING PRIMARY KEY (seg=? AND key=? AND off>? AND off<?)");
      expect(steps.filter((detail) => /gapless|SCAN [al]\b/.test(detail))).toEqual([]);
      expect(steps.filter((detail) => /SEARCH l USING INTEGER PRIMARY KEY/.test(detail)).length).toBe(1);
      expect(steps.filter((detail) => detail.includes("ORDER BY"))).toEqual([]);
    }
  });

  test("P12: what a replay asks of SQLite depends on what was missed, not on the size of the log", async () => {
    let queries = 0;
    let rows = 0;
    const { source } = watched((_, statement) => {
      for (const method of ["get", "all", "iterate"] as const) {
        const original = statement[method].bind(statement) as (...parameters: unknown[]) => never;
        statement[method] = (...parameters: unknown[]) => {
          queries++;
          if (method !== "iterate") return original(...parameters);
          return (function* count(): IterableIterator<unknown> {
            for (const row of original(...parameters) as Iterable<unknown>) {
              rows++;
              yield row;
            }
          })() as never;
        };
      }
      return statement;
    });
    const store = await opened(new SqliteStore(source, "os"));
    const keys = Array.from({ length: 50 }, (_, n) => `room ${n}`);
    const costs: unknown[] = [];
    let next = 0;
    const fill = async (count: number) => {
      for (let n = 0; n < count; n += 1000) {
        await store.commit(Array.from({ length: 1000 }, () => append(next, [keys[next++ % 500] ?? "other"])));
      }
    };
    for (const grow of [1000, 9000, 40_000]) {
      await fill(grow);
      const [after = 0] = await offsetsOf(store, [append(next++, ["mark"])]);
      await fill(2000);
      queries = 0;
      rows = 0;
      const page = await store.read({
        keys: keys.map((key) => ({ key, after, upTo: Number.MAX_SAFE_INTEGER })),
        limit: 1000,
        maxBytes: 1e9,
      });
      expect(page.entries.length).toBe(200);
      costs.push(rows);
      expect(queries).toBeLessThan(15);
    }
    expect(costs).toEqual([200, 200, 200]);
  });

  test("P4: pages agree with the log over many segments and generations", async () => {
    const all: { offset: number; keys: readonly string[] }[] = [];
    let store = sqlite(path, { durability: "os" });
    let n = 0;
    for (let generation = 0; generation < 3; generation++) {
      await store.open();
      for (let batch = 0; batch < 10; batch++) {
        const entries = Array.from({ length: 1000 }, () => {
          n++;
          return entry(n, n % 4000 === 7 ? ["rare", "busy"] : n % 3 === 0 ? ["busy"] : ["some", `one ${n % 40}`]);
        });
        const offsets = await offsetsOf(
          store,
          entries.map((one) => ({ kind: "append", entry: one })),
        );
        for (const [i, offset] of offsets.entries()) all.push({ offset, keys: entries[i]?.keys ?? [] });
      }
      await store.close();
      store = sqlite(path, { durability: "os" });
    }
    await opened(store);
    const somewhere = fc.nat({ max: all.length - 1 }).map((rank) => all[rank]?.offset ?? 0);
    const key = fc.constantFrom("rare", "busy", "some", "one 1", "one 2", "none");
    const bounds = fc.record({ key, after: fc.oneof(somewhere, fc.constant(0)), upTo: somewhere });
    const query = fc.record({
      keys: fc.array(bounds, { minLength: 1, maxLength: 5 }),
      limit: fc.constantFrom(1, 10, 700, 20_000),
      maxBytes: fc.constant(1e9),
      reverse: fc.boolean(),
    });
    const property = fc.asyncProperty(query, async (asked) => {
      const wanted = all.filter((one) =>
        asked.keys.some(({ key, after, upTo }) => after < one.offset && one.offset <= upTo && one.keys.includes(key)),
      );
      if (asked.reverse) wanted.reverse();
      const page = await store.read(asked);
      expect(page.entries.map(({ offset }) => offset)).toEqual(
        wanted.slice(0, asked.limit).map(({ offset }) => offset),
      );
      expect(page.more).toBe(wanted.length > asked.limit);
    });
    await fc.assert(property, { seed: 20_260_118, numRuns: 150 });
  }, 60_000);

  test("trimming drops the index of segments that the floor has passed, and only of those", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    for (let n = 0; n < 20_000; n += 1000) await store.commit(Array.from({ length: 1000 }, (_, i) => append(n + i)));
    const keep = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 1e12, maxEntries: 5000 };
    while ((await store.trim(keep, 0, 1024)).more);
    const segments = db.prepare("SELECT DISTINCT seg - (1 << 19) FROM gapless_audience").pluck().all();
    expect(segments).toEqual([1, 2]);
    const page = await store.read(everything("k", { limit: 10_000 }));
    expect([page.entries.length, page.corrupt]).toEqual([5000, []]);
  });
});

describe("rows", () => {
  test("a ULID and its 16 bytes are each other's image, in the same order", () => {
    const letter = fc.constantFrom(..."0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    const ulid = fc
      .tuple(fc.constantFrom(..."01234567"), fc.array(letter, { minLength: 25, maxLength: 25 }))
      .map(([first, rest]) => first + rest.join(""));
    fc.assert(
      fc.property(ulid, ulid, (a, b) => {
        expect(bytesToUlid(ulidToBytes(a))).toBe(a);
        expect(Math.sign(ulidToBytes(a).compare(ulidToBytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
      { seed: 1 },
    );
    expect(ulidToBytes("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").every((byte) => byte === 255)).toBe(true);
  });

  test("the hash of a key is part of the file format and stays what it is", () => {
    expect([hashKey(""), hashKey("a"), hashKey("room 1")]).toMatchInlineSnapshot(`
      [
        3338908027751811,
        7929297801672961,
        2821322834459937,
      ]
    `);
    expect(Number.isSafeInteger(hashKey("x".repeat(1000)))).toBe(true);
  });
});
