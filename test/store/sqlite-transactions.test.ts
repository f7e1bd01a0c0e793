/** Events inside the application's own transactions. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry, Outcome, Store } from "../../src/store/store.ts";
import { append, codeOf, entry, everything, ids, nthId, until } from "../../src/testing/store-suite/given.ts";
import { database, eachOnItsOwnFile, kept, opened, path } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("the application's own transaction", () => {
  async function given(): Promise<{ db: Database.Database; store: Store; seen: Entry[] }> {
    const db = database();
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    const store = await opened(sqlite(db));
    const seen: Entry[] = [];
    store.tail(0, (entries) => seen.push(...entries));
    return { db, store, seen };
  }

  test("an event is kept with it, found at its place, and handed to tails", async () => {
    const { db, store, seen } = await given();
    await store.commit([append(1)]);
    let outcome: Promise<Outcome> | undefined;
    db.transaction(() => {
      db.exec("INSERT INTO orders VALUES (1)");
      outcome = store.appendInTransaction?.(() => entry(2));
    })();
    expect(await outcome).toMatchObject({ duplicate: false });
    await store.commit([append(3)]);
    await until(() => seen.length === 3);
    expect(ids(seen)).toEqual([1, 2, 3].map(nthId));
    expect(seen[1]?.offset).toBe((await outcome)?.offset);
    expect(await store.usage()).toMatchObject({ entries: 3 });
  });

  test("an event is gone with it when it is rolled back, and its place was never seen", async () => {
    const { db, store, seen } = await given();
    db.exec("BEGIN");
    const outcome = store.appendInTransaction?.(() => entry(1));
    const code = codeOf(outcome as Promise<unknown>);
    const tick = Promise.all(Array.from({ length: 5 }, () => nextTurn()));
    await tick;
    db.exec("ROLLBACK");
    expect(await code).toBe("ROLLED_BACK");
    await store.commit([append(2)]);
    await until(() => seen.length === 1);
    expect(ids(seen)).toEqual([nthId(2)]);
    expect(await store.usage()).toMatchObject({ entries: 1 });
  });

  test("a rolled back savepoint takes its events with it and leaves the others", async () => {
    const { db, store } = await given();
    db.exec("BEGIN; SAVEPOINT inner");
    const inner = codeOf(store.appendInTransaction?.(() => entry(1)) as Promise<unknown>);
    db.exec("ROLLBACK TO inner; RELEASE inner");
    const outer = store.appendInTransaction?.(() => entry(2));
    db.exec("COMMIT");
    expect(await inner).toBe("ROLLED_BACK");
    expect((await outer)?.duplicate).toBe(false);
    expect(await kept(store)).toEqual([nthId(2)]);
  });

  test("commits and reads wait for its end, keep their order, and see nothing of it before", async () => {
    const { db, store, seen } = await given();
    db.exec("BEGIN");
    void store.appendInTransaction?.(() => entry(1));
    const done: string[] = [];
    const steps = [
      store.commit([append(2)]).then(() => done.push("commit 2")),
      store.read(everything()).then(({ entries }) => done.push(`read ${entries.length}`)),
      store.commit([append(3)]).then(() => done.push("commit 3")),
    ];
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect([done, seen]).toEqual([[], []]);
    db.exec("COMMIT");
    steps.push(store.commit([append(4)]).then(() => done.push("commit 4")));
    await Promise.all(steps);
    expect(done).toEqual(["commit 2", "read 2", "commit 3", "commit 4"]);
    await until(() => seen.length === 4);
    expect(ids(seen)).toEqual([1, 2, 3, 4].map(nthId));
  });

  test("there is none outside of a transaction, or on a connection of the store's own", async () => {
    const { store } = await given();
    expect(store.appendInTransaction?.(() => entry(1))).toBeUndefined();
    const own = await opened(sqlite(`${path}.own`));
    expect(own.appendInTransaction?.(() => entry(1))).toBeUndefined();
  });

  test("an event that the log holds already is a duplicate, whatever becomes of the transaction", async () => {
    const { db, store } = await given();
    const [first] = await store.commit([append(1)]);
    db.exec("BEGIN");
    const outcome = store.appendInTransaction?.(() => entry(1));
    db.exec("ROLLBACK");
    expect(await outcome).toEqual({ offset: first?.offset, duplicate: true });
  });

  test("an event that cannot be kept throws at once and leaves the transaction as it was", async () => {
    const { db, store } = await given();
    db.exec("BEGIN; INSERT INTO orders VALUES (1)");
    expect(() => store.appendInTransaction?.(() => entry(1, ["k"], { id: "no ulid" }))).toThrow(/^INVALID/);
    db.exec("COMMIT");
    db.pragma(`max_page_count = ${db.pragma("page_count", { simple: true })}`);
    const insert = db.transaction(() => {
      db.exec("INSERT INTO orders VALUES (2)");
      void store.appendInTransaction?.(() => entry(2, ["k"], { data: "x".repeat(500_000) }));
    });
    expect(() => insert()).toThrow(/^STORE_FULL/);
    expect(db.prepare("SELECT id FROM orders").pluck().all()).toEqual([1]);
    expect(await kept(store)).toEqual([]);
  });

  test("closing waits for what was begun and leaves the connection open", async () => {
    const { db, store } = await given();
    let outcome: Promise<Outcome> | undefined;
    db.transaction(() => {
      outcome = store.appendInTransaction?.(() => entry(1));
    })();
    await store.close();
    expect((await outcome)?.duplicate).toBe(false);
    expect(db.open).toBe(true);
    expect(db.prepare("SELECT count(*) FROM gapless_log").pluck().get()).toBe(1);
  });
});
