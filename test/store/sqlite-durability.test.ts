/** What holds for SQLite in particular: how durable it is, and what it makes of the files that it is given. */
import { readFile, rm, writeFile } from "node:fs/promises";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { checkDriver } from "../../src/store/sqlite-driver.ts";
import { SqliteStore } from "../../src/store/sqlite-store.ts";
import { append, codeOf, everything, ids, nthId, until } from "../../src/testing/store-suite/given.ts";
import { afterwards, database, eachOnItsOwnFile, kept, opened, path, watched } from "./sqlite-bench.ts";

eachOnItsOwnFile();

describe("durability", () => {
  /** Syncs of the write-ahead log that end when they are let. */
  function gated() {
    const { source, connections } = watched((_, statement) => statement);
    const syncs: { end: (error?: Error) => void }[] = [];
    const openWal = () => {
      const file = source.openWal?.();
      if (!file) throw new Error("the write-ahead log cannot be opened");
      return {
        close: () => file.close(),
        rewrite: () => file.rewrite(),
        bytes: () => file.bytes(),
        sync: () =>
          new Promise<void>((resolve, reject) =>
            syncs.push({ end: (error) => (error ? reject(error) : resolve(file.sync())) }),
          ),
      };
    };
    return { source: { ...source, openWal }, connections, syncs };
  }

  const turns = async () => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  test("a store on a path tells of a commit when it is synced, and shows nobody anything before", async () => {
    const { source, connections, syncs } = gated();
    const store = await opened(new SqliteStore(source, "disk"));
    expect(store.durability).toBe("disk");
    expect(connections[0]?.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(connections[0]?.pragma("page_size", { simple: true })).toBe(8192);
    const heard: string[] = [];
    store.tail(0, (entries) => heard.push(...ids(entries)));
    const first = store.commit([append(1)]).then(() => heard.push("first"));
    const second = store.commit([append(2)]).then(() => heard.push("second"));
    const third = store.commit([append(3)]).then(() => heard.push("third"));
    const read = kept(store).then((all) => heard.push(`read ${all.length}`));
    await turns();
    expect([heard, syncs.length]).toEqual([[], 1]);
    syncs[0]?.end();
    await first;
    await turns();
    expect([heard, syncs.length]).toEqual([["first", nthId(1)], 2]);
    syncs[1]?.end();
    await Promise.all([second, third, read]);
    await turns();
    // Those who wrote while the first was under way share the second.
    expect(syncs.length).toBe(2);
    expect(heard.filter((one) => one.length > 10)).toEqual([1, 2, 3].map(nthId));
    expect(heard).toEqual(expect.arrayContaining(["second", "third", "read 3"]));
  });

  test("a sync that fails leaves everything unknown that was written on its connection, and a repetition finds out", async () => {
    const { source, connections, syncs } = gated();
    const store = await opened(new SqliteStore(source, "disk"));
    const seen: string[] = [];
    store.tail(0, (entries) => seen.push(...ids(entries)));
    const batches = [1, 2].map((n) => ({ batch: [append(n)], id: { writer: `writer ${n}`, number: 1 } }));
    const commits = batches.map(({ batch, id }) => codeOf(store.commit(batch, id)));
    await turns();
    syncs[0]?.end(Object.assign(new Error("injected"), { code: "EIO" }));
    await turns();
    // It is tried once more, when all was written once more.
    expect([seen, syncs.length]).toEqual([[], 2]);
    syncs[1]?.end(Object.assign(new Error("injected"), { code: "EIO" }));
    expect(await Promise.all(commits)).toEqual(["STORE_FAILED", "STORE_FAILED"]);
    expect([seen, syncs.length]).toEqual([[], 2]);
    const again = batches.map(({ batch, id }) => store.commit(batch, id));
    await turns();
    while (syncs.length < 4) {
      syncs.at(-1)?.end();
      await turns();
    }
    syncs.at(-1)?.end();
    await Promise.all(again);
    await turns();
    expect(connections.length).toBe(2);
    expect(await kept(store)).toEqual([1, 2].map(nthId));
    await until(() => seen.length === 2);
    expect(seen).toEqual([1, 2].map(nthId));
  });

  test("a file whose write-ahead log cannot be opened is synced by SQLite, at every commit", async () => {
    const { source, connections } = watched((_, statement) => statement);
    const store = await opened(new SqliteStore({ ...source, openWal: () => undefined }, "disk"));
    await store.commit([append(1)]);
    expect(connections[0]?.pragma("synchronous", { simple: true })).toBe(2);
  });

  test("asked for no more than a killed process, it syncs at checkpoints only", async () => {
    const { source, connections } = watched((_, statement) => statement);
    const store = await opened(new SqliteStore(source, "os"));
    await store.commit([append(1)]);
    expect(store.durability).toBe("os");
    expect(connections[0]?.pragma("synchronous", { simple: true })).toBe(1);
  });

  test("a given connection is raised to full durability and never lowered", async () => {
    const db = database();
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = OFF");
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    db.pragma("synchronous = EXTRA");
    await opened(sqlite(db));
    expect(db.pragma("synchronous", { simple: true })).toBe(3);
    await opened(sqlite(db, { durability: "os" }));
    expect(db.pragma("synchronous", { simple: true })).toBe(3);
    db.pragma("synchronous = OFF");
    await opened(sqlite(db, { durability: "os" }));
    expect(db.pragma("synchronous", { simple: true })).toBe(1);
  });

  test("a new given file is synced at every commit, though the driver defaults to less", async () => {
    const db = database();
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
  });

  test("a database in memory does not claim to be durable", () => {
    expect(sqlite(":memory:").durability).toBe("memory");
    expect(sqlite(new Database(":memory:")).durability).toBe("memory");
  });
});

describe("files", () => {
  test("a file of a newer schema is refused and left as it is", async () => {
    const store = sqlite(path);
    await store.open();
    await store.commit([append(1)]);
    await store.close();
    const db = new Database(path);
    db.pragma("journal_mode = DELETE");
    db.exec("UPDATE gapless_meta SET version = 99");
    db.close();
    const before = await readFile(path);
    expect(await codeOf(sqlite(path).open())).toBe("STORE_TOO_NEW");
    expect(before.equals(await readFile(path))).toBe(true);
  });

  test("a file that is no database, and one whose tables are not ours, are refused", async () => {
    await writeFile(path, "this is a letter to a friend, and no database. ".repeat(50));
    expect(await codeOf(sqlite(path).open())).toBe("STORE_CORRUPT");
    await rm(path);
    database().exec("CREATE TABLE gapless_meta (a, b)");
    expect(await codeOf(sqlite(path).open())).toBe("STORE_CORRUPT");
  });

  test("lives beside the application's tables and its user_version", async () => {
    const db = database();
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY); PRAGMA user_version = 42; PRAGMA application_id = 7");
    const store = await opened(sqlite(path));
    await store.commit([append(1)]);
    expect(db.pragma("user_version", { simple: true })).toBe(42);
    expect(db.pragma("application_id", { simple: true })).toBe(7);
    expect(await kept(store)).toEqual([nthId(1)]);
  });

  test("a file that went away is a new log of another epoch", async () => {
    const first = sqlite(path);
    const { epoch } = await first.open();
    await first.close();
    await rm(path);
    const second = sqlite(path);
    afterwards(() => second.close());
    const state = await second.open();
    expect(state.epoch).not.toBe(epoch);
    expect(state.head).toBe(0);
  });

  test("a folder that does not exist is named as the reason", async () => {
    const store = sqlite(`${path}/no/such/folder`);
    await expect(store.open()).rejects.toThrow(/^STORE_FAILED: opening the store failed: .*folder/);
  });

  test("a store that could not be opened may be opened again", async () => {
    const holder = database();
    const db = database();
    holder.pragma("journal_mode = WAL");
    holder.exec("BEGIN IMMEDIATE");
    const store = sqlite(db);
    expect(await codeOf(store.open())).toBe("STORE_BUSY");
    holder.exec("ROLLBACK");
    await opened(store);
    expect(await codeOf(store.open())).toBe("INVALID");
  });

  test("a connection that answers integers as bigints makes no difference", async () => {
    const db = database();
    db.defaultSafeIntegers(true);
    const store = await opened(sqlite(db));
    await store.commit([append(1)]);
    const { entries } = await store.read(everything());
    expect(typeof entries[0]?.offset).toBe("number");
    expect(typeof entries[0]?.publishedAt).toBe("number");
    expect((await store.usage()).entries).toBe(1);
  });

  test("better-sqlite3 13 is refused before Node 22, where it crashes", () => {
    expect(() => checkDriver("13.0.1", "20.19.0")).toThrow(/^DRIVER_UNSUPPORTED: .*better-sqlite3@12/);
    expect(() => checkDriver("14.1.0", "21.0.0")).toThrow(/^DRIVER_UNSUPPORTED/);
    expect(() => checkDriver("12.11.1", "20.19.0")).not.toThrow();
    expect(() => checkDriver("13.0.1", "22.12.0")).not.toThrow();
  });
});
