/**
 * P9: files of every version that was released open and read right for ever, a migration that is killed did not happen, and
 * a file of a newer version is refused and left as it is.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Entry, Store } from "../../src/store/store.ts";
import { append, codeOf, everything, until } from "../../src/testing/store-suite/given.ts";
import type { Place } from "./migrator.ts";
import { bundled, type Program } from "./processes.ts";
import { eachOnItsOwnFile, opened, path } from "./sqlite-bench.ts";

eachOnItsOwnFile();

/** What a version-1 file of `fixtures` is made into on the disk, and what it must be read as. */
function fixture(): { readonly read: unknown } {
  const text = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.exec(`BEGIN; ${text("version-1.sql")}; COMMIT`);
  db.close();
  return { read: JSON.parse(text("version-1.json")) };
}

/** Everything that can be read of a store, fit for JSON. */
async function readOf(store: Store): Promise<unknown> {
  const plain = (_: string, value: unknown) =>
    value !== null && typeof value === "object" && "type" in value && value.type === "Buffer"
      ? { bytes: (value as { data?: unknown }).data }
      : value;
  const { entries, corrupt, floor } = await store.read(everything("all"));
  const seen: Entry[] = [];
  const tail = store.tail(0, (some) => seen.push(...some));
  await until(() => seen.length >= entries.length);
  tail.stop();
  expect(seen).toEqual(entries);
  const sessions = await store.sessions("", 100);
  const letters = await store.deadLetters("", 100);
  const everythingRead = { entries, corrupt, floor, sessions, letters, usage: await store.usage() };
  return JSON.parse(JSON.stringify(everythingRead, plain));
}

function columnsOf(file: string): unknown {
  const db = new Database(file, { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'gapless%' ORDER BY name").pluck().all();
  const columns = tables.map((name) => [name, db.prepare("SELECT * FROM pragma_table_info(?)").raw().all(name)]);
  db.close();
  return columns;
}

function rowsOf(file: string): unknown {
  const db = new Database(file, { readonly: true });
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[];
  const rows = tables.map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).raw().all()]);
  db.close();
  return rows;
}

describe("a file of version 1", () => {
  test("opens and is read as it was written", async () => {
    const { read } = fixture();
    const store = await opened(sqlite(path));
    expect(await readOf(store)).toEqual(read);
    const [last] = (await store.read(everything("all", { limit: 1, reverse: true }))).entries;
    expect(await store.check(last?.offset ?? 0, last?.id ?? "")).toBe("match");
    const [again, next] = await store.commit([{ kind: "append", entry: last as Entry }, append(9_999_999)]);
    expect(again).toEqual({ offset: last?.offset, duplicate: true });
    expect(next?.offset).toBeGreaterThan(last?.offset ?? 0);
  });

  test("keeps its epoch and its secret", async () => {
    fixture();
    const store = sqlite(path);
    const { epoch, secret, head, floor } = await store.open();
    await store.close();
    expect([epoch, Buffer.from(secret).toString("hex")]).toEqual(["0123456789abcdef", "ab".repeat(32)]);
    expect([head, floor]).toEqual([8589934608, 4294967307]);
  });

  test("has, once it was opened, the tables of a new file", async () => {
    fixture();
    await opened(sqlite(path));
    await opened(sqlite(`${path}.new`));
    expect(columnsOf(path)).toEqual(columnsOf(`${path}.new`));
  });
});

describe("a migration", () => {
  let program: Program;
  beforeAll(async () => {
    program = await bundled("migrator.ts");
  });
  afterAll(() => program.remove());

  async function killedAt(place: Place): Promise<void> {
    const child = spawn(process.execPath, [program.path, path, place], {
      stdio: ["ignore", "pipe", "inherit"],
      env: program.environment,
    });
    const ended = once(child, "exit");
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    expect((await ended)[1]).toBe("SIGKILL");
  }

  function finished(): void {
    const { status, stderr } = spawnSync(process.execPath, [program.path, path, "end"], {
      env: program.environment,
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  }

  function rewritten(): unknown {
    const db = new Database(path, { readonly: true });
    const counts = db.prepare("SELECT rewritten, count(*) FROM gapless_log GROUP BY rewritten").raw().all();
    db.close();
    return counts;
  }

  test.each(["begun", "altered", "half", "migrated"] as const)(
    "that is killed when it has %s did not happen",
    async (place) => {
      const { read } = fixture();
      await killedAt(place);
      const store = sqlite(path);
      await store.open();
      expect(await readOf(store)).toEqual(read);
      await store.close();
      finished();
      expect(rewritten()).toEqual([[1, 20]]);
    },
  );

  test("that is killed after it was committed has happened, and happens once", async () => {
    fixture();
    await killedAt("committed");
    finished();
    expect(rewritten()).toEqual([[1, 20]]);
  });

  test("leads to a file that this version refuses and leaves as it is", async () => {
    fixture();
    finished();
    const before = readFileSync(path);
    expect(await codeOf(sqlite(path).open())).toBe("STORE_TOO_NEW");
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(existsSync(`${path}-wal`)).toBe(false);
    const db = new Database(path);
    const given = sqlite(db);
    expect(await codeOf(given.open())).toBe("STORE_TOO_NEW");
    db.close();
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("leads to a file that is refused without a change to its rows also when its process was killed", async () => {
    fixture();
    await killedAt("committed");
    expect(await codeOf(sqlite(path).open())).toBe("STORE_TOO_NEW");
    const rows = rowsOf(path);
    expect(await codeOf(sqlite(path).open())).toBe("STORE_TOO_NEW");
    expect(rowsOf(path)).toEqual(rows);
    expect(rewritten()).toEqual([[1, 20]]);
  });
});
