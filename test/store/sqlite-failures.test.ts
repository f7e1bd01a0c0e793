/** A disk that is full, read-only, locked, or fails. */
import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { SqliteStore } from "../../src/store/sqlite-store.ts";
import type { Entry } from "../../src/store/store.ts";
import { append, codeOf, ids, nthId, offsetsOf, until } from "../../src/testing/store-suite/given.ts";
import { database, eachOnItsOwnFile, failingCommit, kept, opened, path } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("failures", () => {
  test("a full disk keeps nothing of the batch, reads go on, and the next commit works once there is space", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true })) + 1}`);
    const large = [append(2), append(3, ["k"], { data: "x".repeat(200_000) })];
    expect(await codeOf(store.commit(large))).toBe("STORE_FULL");
    expect(db.inTransaction).toBe(false);
    expect(await kept(store)).toEqual([nthId(1)]);
    db.pragma("max_page_count = 1000000");
    const outcomes = await store.commit(large);
    expect(outcomes.map((outcome) => outcome?.duplicate)).toEqual([false, false]);
    expect((await store.usage()).entries).toBe(3);
  });

  test("a read-only file is refused at opening, and keeps nothing when it becomes so later", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(await codeOf(sqlite(database({ readonly: true })).open())).toBe("STORE_READONLY");
    db.pragma("query_only = ON");
    expect(await codeOf(store.commit([append(2)]))).toBe("STORE_READONLY");
    expect(await kept(store)).toEqual([nthId(1)]);
    db.pragma("query_only = OFF");
    await store.commit([append(2)]);
    expect(await kept(store)).toEqual([nthId(1), nthId(2)]);
  });

  test("a lock of another process keeps nothing, and the next commit works once it is gone", async () => {
    const store = await opened(sqlite(database()));
    const holder = database();
    holder.exec("BEGIN IMMEDIATE");
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_BUSY");
    expect(await kept(store)).toEqual([]);
    holder.exec("ROLLBACK");
    const [outcome] = await store.commit([append(1)]);
    expect(outcome?.duplicate).toBe(false);
  });

  test("a lock that is met only at COMMIT keeps nothing, now or with the next commit", async () => {
    const { source, connections, faults } = failingCommit();
    const store = await opened(new SqliteStore(source, "disk"));
    faults.push({ code: "SQLITE_BUSY", kept: false });
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_BUSY");
    expect(connections[0]?.inTransaction).toBe(false);
    await store.commit([append(2)]);
    expect(await kept(store)).toEqual([nthId(2)]);
    expect(connections.length).toBe(1);
  });

  test.each([true, false])(
    "a disk that fails at COMMIT leaves the outcome unknown (kept: %s); the batch is repeated on a new connection",
    async (wasKept) => {
      const { source, connections, faults } = failingCommit();
      const store = await opened(new SqliteStore(source, "disk"));
      const seen: Entry[] = [];
      store.tail(0, (entries) => seen.push(...entries));
      const [first = 0] = await offsetsOf(store, [append(1)]);
      faults.push({ code: "SQLITE_IOERR_FSYNC", kept: wasKept });
      expect(await codeOf(store.commit([append(2)]))).toBe("STORE_FAILED");
      const [again] = await store.commit([append(2)]);
      expect(again?.duplicate).toBe(wasKept);
      expect(connections.length).toBe(2);
      const [third = 0] = await offsetsOf(store, [append(3)]);
      expect(Math.floor(third / 2 ** 32)).toBe(Math.floor(first / 2 ** 32) + 1);
      await until(() => seen.length === 3);
      expect(ids(seen)).toEqual([1, 2, 3].map(nthId));
      expect(await kept(store)).toEqual([1, 2, 3].map(nthId));
    },
  );

  test("a failed file that was replaced behind the store's back is not taken for the old log", async () => {
    const { source, faults } = failingCommit();
    const store = await opened(new SqliteStore(source, "disk"));
    faults.push({ code: "SQLITE_IOERR_WRITE", kept: false });
    expect(await codeOf(store.commit([append(1)]))).toBe("STORE_FAILED");
    for (const end of ["", "-wal", "-shm"]) await rm(path + end, { force: true });
    await expect(store.commit([append(1)])).rejects.toThrow(/^STORE_FAILED: .*repeat it/);
    const other = sqlite(path);
    await other.open();
    await other.close();
    const failed = await store.commit([append(1)]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "STORE_FAILED", cause: { code: "STORE_CORRUPT" } });
  });
});
