import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { back, collect, connected, inWorld, range, until } from "./world.ts";

const everyone: Parameters<typeof inWorld>[0] = {
  setup: (io) => {
    io.on("connection", (socket) => {
      void socket.join("r");
      socket.on("echo", (value: unknown, answer: (value: unknown) => void) => answer(value));
    });
  },
};

describe("a store in trouble", () => {
  it("that is full refuses publishes with STORE_FULL, keeps emits, and everything goes on once there is room, without a restart", () => {
    let db: Database.Database | undefined;
    return inWorld(everyone, async (world) => {
      await world.stop();
      db = new Database(world.file);
      await world.start({ ...everyone, reliable: { store: sqlite(db) } });
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      await world.io.delivery.to("r").publish("n", "before");
      const pages = db.pragma("page_count", { simple: true }) as number;
      db.pragma(`max_page_count = ${pages}`);
      const big = "x".repeat(100_000);
      const refusals: string[] = [];
      while (refusals.length === 0)
        await world.io.delivery
          .to("r")
          .publish("filler", big)
          .catch((error) => refusals.push(error.code));
      expect(refusals).toEqual(["STORE_FULL"]);
      world.io.to("r").emit("n", "kept");
      // What needs no store goes on.
      world.io.to("r").volatile.emit("n", "volatile");
      await until("the volatile one is there", () => got.includes("volatile"));
      expect(got).not.toContain("kept");
      // A client comes back meanwhile, and is the same one afterwards.
      await back(client, () => world.proxy.cut());
      expect(client.recovered).toBe(true);
      world.io.to("r").emit("n", "kept too");
      expect(client.delivery.state).toBe("live");
      db.pragma(`max_page_count = ${pages + 10_000}`);
      await until("the kept ones are there", () => got.includes("kept too"));
      world.proxy.cut();
      await world.io.delivery.to("r").publish("n", "after");
      await until("the next one is there", () => got.includes("after"));
      expect(got.filter((value) => value !== "volatile")).toEqual(["before", "kept", "kept too", "after"]);
      expect(await client.emitWithAck("echo", 1)).toBe(1);
      expect(world.errors).toContainEqual(expect.objectContaining({ code: "STORE_FULL" }));
    }).finally(() => db?.close());
  });

  it("that is read-only refuses publishes with STORE_READONLY, and recovers", () => {
    let db: Database.Database | undefined;
    return inWorld(everyone, async (world) => {
      await world.stop();
      db = new Database(world.file);
      await world.start({ ...everyone, reliable: { store: sqlite(db) } });
      const client = world.client();
      const got = collect<number>(client, "n");
      await connected(client);
      db.pragma("query_only = 1");
      await expect(world.io.delivery.publish("n", 0)).rejects.toMatchObject({ code: "STORE_READONLY" });
      world.io.emit("n", 1);
      db.pragma("query_only = 0");
      await until("the kept one is there", () => got.includes(1));
      expect((await world.io.delivery.publish("n", 2)).durability).toBe("disk");
      await until("the next one is there", () => got.includes(2));
      expect(got).toEqual([1, 2]);
    }).finally(() => db?.close());
  });

  it("that is locked by somebody else refuses publishes with STORE_BUSY, and recovers", () =>
    inWorld(everyone, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      await connected(client);
      const other = new Database(world.file);
      other.exec("BEGIN IMMEDIATE");
      await expect(world.io.delivery.publish("n", 0)).rejects.toMatchObject({ code: "STORE_BUSY" });
      world.io.emit("n", 1);
      other.exec("COMMIT");
      other.close();
      await until("the kept one is there", () => got.includes(1));
      expect(got).toEqual([1]);
    }));

  it("with a damaged row tells of a gap for that row and delivers its neighbours", () =>
    inWorld({ ...everyone, reliable: { limits: { recentEntries: 1 } } }, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      const gaps: { from: number; to: number; reason: string }[] = [];
      client.delivery.on("gap", (gap) => gaps.push(gap));
      await connected(client);
      await world.io.delivery.to("r").publish("n", 0);
      await until("it is there", () => got.length === 1);
      world.proxy.refuse(true);
      world.proxy.cut();
      await until("the server knows", () => world.io.sockets.sockets.size === 0);
      const receipts = [];
      for (const n of range(5, 1)) receipts.push(await world.io.delivery.to("r").publish("n", n));
      const damaged = receipts[2]?.offset as number;
      const other = new Database(world.file);
      const { changes } = other.prepare("UPDATE gapless_log SET data = '[\"n\",666]' WHERE off = ?").run(damaged);
      other.close();
      expect(changes).toBe(1);
      world.proxy.refuse(false);
      await until("the last is there", () => got.includes(5));
      expect(got).toEqual([0, 1, 2, 4, 5]);
      expect(gaps).toEqual([{ from: damaged - 1, to: damaged, reason: "corrupt" }]);
    }));
});

describe("publishing inside the application's own transaction", () => {
  it("commits the row and the event together, or neither", () => {
    let db: Database.Database | undefined;
    return inWorld(everyone, async (world) => {
      await world.stop();
      db = new Database(world.file);
      await world.start({ ...everyone, reliable: { store: sqlite(db) } });
      db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT NOT NULL)");
      const insert = db.prepare("INSERT INTO orders (what) VALUES (?)");
      const client = world.client();
      const got = collect<string>(client, "order");
      await connected(client);

      let kept: Promise<unknown> | undefined;
      db.transaction(() => {
        insert.run("tea");
        kept = world.io.delivery.to("r").publish("order", "tea");
      })();
      expect(await kept).toMatchObject({ duplicate: false, durability: "disk" });

      let undone: Promise<unknown> | undefined;
      expect(() =>
        db?.transaction(() => {
          insert.run("coffee");
          undone = world.io.delivery.to("r").publish("order", "coffee");
          undone.catch(() => {});
          throw new Error("changed my mind");
        })(),
      ).toThrow("changed my mind");
      await expect(undone).rejects.toMatchObject({ code: "ROLLED_BACK" });

      await world.io.delivery.to("r").publish("order", "water");
      await until("the last is there", () => got.includes("water"));
      expect(got).toEqual(["tea", "water"]);
      expect(db.prepare("SELECT what FROM orders").pluck().all()).toEqual(["tea"]);
    }).finally(() => db?.close());
  });
});
