import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { createEmitter, type Emitter, type EmitterOptions } from "../../src/server/emitter.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { faultyStore } from "../../src/testing/store-faults.ts";
import { collect, connected, inWorld, range, until, type World } from "./world.ts";

const SCRIPT = fileURLToPath(new URL("emitter-process.ts", import.meta.url));
const ID = "01JQZ5X3V8M4N6P7Q8R9S0T1V2";

const setup = (io: World["io"]): void => {
  for (const namespace of [io.of("/"), io.of("/admin")]) {
    namespace.on("connection", (socket) => {
      socket.on("join", (room: string, done: () => void) => {
        void socket.join(room);
        done();
      });
    });
  }
};

/** A world and an emitter on a store of its own, on the same file. */
function withEmitter(
  run: (world: World, emitter: Emitter, errors: unknown[]) => Promise<void>,
  { store, ...options }: EmitterOptions & { readonly store?: (file: string) => Store } = {},
): Promise<void> {
  return inWorld({ setup }, async (world) => {
    const emitter = createEmitter((store ?? sqlite)(world.file), options);
    const errors: unknown[] = [];
    emitter.on("error", (error) => errors.push(error));
    try {
      await run(world, emitter, errors);
    } finally {
      await emitter.close();
    }
  });
}

describe("an emitter", () => {
  it("reaches who io.delivery would reach: everybody, rooms, namespaces, sessions and sockets, and not who is excepted", () =>
    withEmitter(async (world, emitter) => {
      const [a, b, admin] = [world.client(), world.client(), world.client({ namespace: "/admin" })];
      const got = [a, b, admin].map((client) => collect<string>(client, "n"));
      for (const client of [a, b, admin]) await connected(client);
      await a.emitWithAck("join", "room");
      await a.emitWithAck("join", "x");
      await b.emitWithAck("join", "room");
      const receipts = [
        await emitter.publish("n", "all"),
        await emitter.to("room").publish("n", "room"),
        await emitter.to(["room", "nobody"]).except("x").publish("n", "except a room"),
        await emitter
          .in("room")
          .except(b.id as string)
          .publish("n", "except a socket"),
        await emitter.to(a.id as string).publish("n", "socket"),
        await emitter.toSession(b.delivery.session as string).publish("n", "session"),
        await emitter.of("/admin").publish("n", "admin"),
        await emitter
          .of("/admin")
          .to(admin.id as string)
          .publish("n", "admin's socket"),
        await emitter.to(["room", a.id as string]).publish("n", "both, once"),
        await world.io.delivery.publish("n", "by the server"),
      ];
      await until("the last is there", () => got.slice(0, 2).every((one) => one.includes("by the server")));
      await until("the admin has it", () => got[2]?.length === 2);
      expect(got).toEqual([
        ["all", "room", "except a socket", "socket", "both, once", "by the server"],
        ["all", "room", "except a room", "session", "both, once", "by the server"],
        ["admin", "admin's socket"],
      ]);
      const offsets = receipts.map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
      expect(receipts[0]).toEqual({
        id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
        offset: expect.any(Number),
        epoch: receipts.at(-1)?.epoch,
        durability: "disk",
        duplicate: false,
      });
    }));

  it("publishes for clients that are away, binary arguments too", () =>
    withEmitter(async (world, emitter) => {
      const client = world.client({ socket: { reconnectionDelay: 50 } });
      const got = collect<unknown>(client, "n");
      await client.emitWithAck("join", "room");
      world.proxy.refuse(true);
      world.proxy.cut();
      await until("the server knows", () => world.io.sockets.sockets.size === 0);
      for (const n of range(20)) await emitter.to("room").publish("n", n);
      await emitter.to("room").publish("n", { bytes: Buffer.from([1, 2, 3]) });
      world.proxy.refuse(false);
      await until("all are there", () => got.length === 21);
      expect(got).toEqual([...range(20), { bytes: Buffer.from([1, 2, 3]) }]);
      expect(client.recovered).toBe(true);
    }));

  it("publishes an id once, whoever published it first", () =>
    withEmitter(async (world, emitter) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      const one = await emitter.with({ id: ID }).publish("n", "one");
      const again = await emitter.with({ id: ID }).publish("n", "two");
      const other = await world.io.delivery.with({ id: ID }).publish("n", "three");
      expect([one.duplicate, again.duplicate, other.duplicate]).toEqual([false, true, true]);
      expect([again.offset, other.offset]).toEqual([one.offset, one.offset]);
      await emitter.publish("n", "last");
      await until("the last is there", () => got.includes("last"));
      expect(got).toEqual(["one", "last"]);
    }));

  it("refuses what io.delivery would refuse, and says what to do", () =>
    withEmitter(
      async (_world, emitter) => {
        const codes = async (...publishes: Promise<unknown>[]) =>
          (await Promise.allSettled(publishes)).map((one) => (one.status === "rejected" ? one.reason.code : "kept"));
        const deep = JSON.parse(`${"[".repeat(40)}1${"]".repeat(40)}`);
        expect(
          await codes(
            emitter.publish("n", "x".repeat(2_000)),
            emitter.publish("n", deep),
            emitter.publish("n", ...range(11).map(() => Buffer.alloc(1))),
            emitter.with({ id: "no ulid" }).publish("n"),
            emitter.toSession("nobody").publish("n"),
          ),
        ).toEqual(["PAYLOAD_TOO_LARGE", "PAYLOAD_TOO_DEEP", "TOO_MANY_ATTACHMENTS", "INVALID", "SESSION_UNKNOWN"]);
        // More than may wait, all in one turn.
        expect(await codes(...range(5).map((n) => emitter.publish("n", n)))).toEqual([
          "kept",
          "kept",
          "kept",
          "OVERLOADED",
          "OVERLOADED",
        ]);
        expect(await codes(emitter.publish("n", "after"))).toEqual(["kept"]);
        const under = emitter.publish("n", "under way");
        const closed = emitter.close();
        await closed;
        expect(await codes(under, emitter.publish("n", "closed"), emitter.toSession("nobody").publish("n"))).toEqual([
          "kept",
          "CLOSED",
          "CLOSED",
        ]);
        expect(emitter.close()).toBe(closed);
      },
      { limits: { payloadBytes: 1_000, depth: 30, pendingEntries: 3 } },
    ));

  it("refuses options that cannot be used, and names them", () => {
    const store = sqlite(":memory:");
    const refused = (...parameters: unknown[]) => {
      try {
        createEmitter(...(parameters as Parameters<typeof createEmitter>));
        return undefined;
      } catch (error) {
        return String(error);
      }
    };
    expect(refused(undefined)).toMatch(/INVALID.*createEmitter\(\).*store/s);
    expect(refused(store, { limits: { rooms: 1 } })).toMatch(/INVALID.*rooms/s);
    expect(refused(store, { limits: { depth: 0 } })).toMatch(/INVALID.*depth/s);
    expect(refused(store, { clock: 1 })).toMatch(/INVALID.*clock/s);
  });

  it("tells every publish, ready and the event of a store that cannot be opened", async () => {
    const emitter = createEmitter(sqlite("/nowhere/at/all/delivery.db"));
    const errors: unknown[] = [];
    emitter.on("error", (error) => errors.push(error));
    const failure = { code: "STORE_FAILED", message: expect.stringContaining("folder") };
    await expect(emitter.publish("n")).rejects.toMatchObject(failure);
    await expect(emitter.ready).rejects.toMatchObject(failure);
    await expect(emitter.publish("n")).rejects.toMatchObject(failure);
    await expect(emitter.toSession("s").publish("n")).rejects.toMatchObject(failure);
    expect(errors).toEqual([expect.objectContaining(failure)]);
    await emitter.close();
  });

  it("refuses while the store refuses, tells of it once, and goes on without a restart", () =>
    withEmitter(
      async (world, emitter, errors) => {
        const client = world.client();
        const got = collect<string>(client, "n");
        await connected(client);
        const health: unknown[] = [];
        emitter.on("store", (failing) => health.push(failing?.code));
        await expect(emitter.publish("n", "refused")).rejects.toMatchObject({ code: "STORE_BUSY" });
        await expect(emitter.publish("n", "refused too")).rejects.toMatchObject({ code: "STORE_BUSY" });
        await emitter.publish("n", "kept");
        await until("it is there", () => got.length > 0);
        expect(got).toEqual(["kept"]);
        expect(health).toEqual(["STORE_BUSY", undefined]);
        expect(errors).toEqual([expect.objectContaining({ code: "STORE_BUSY" })]);
      },
      {
        store: (file) =>
          faultyStore(sqlite(file), {
            faults: [
              { at: 1, on: "commit", kind: "refused" },
              { at: 2, on: "commit", kind: "refused" },
            ],
          }),
      },
    ));

  it("repeats a step of unknown outcome as the same one: it is published once", () =>
    withEmitter(
      async (world, emitter, errors) => {
        const client = world.client();
        const got = collect<string>(client, "n");
        await connected(client);
        const receipts = await Promise.all([emitter.publish("n", "one"), emitter.publish("n", "two")]);
        expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false]);
        await emitter.publish("n", "three");
        await until("all are there", () => got.length === 3);
        expect(got).toEqual(["one", "two", "three"]);
        expect(errors).toEqual([expect.objectContaining({ code: "STORE_FAILED" })]);
      },
      { store: (file) => faultyStore(sqlite(file), { faults: [{ at: 1, on: "commit", kind: "unknown" }] }) },
    ));

  it("publishes inside a transaction of the application's, and not when that is rolled back", () => {
    let db: Database.Database | undefined;
    return withEmitter(
      async (world, emitter) => {
        const client = world.client();
        const got = collect<string>(client, "n");
        await connected(client);
        await emitter.ready;
        const app = db as Database.Database;
        app.exec("CREATE TABLE orders (n INTEGER)");
        let published: Promise<unknown> | undefined;
        const order = app.transaction((n: number, fails: boolean) => {
          app.prepare("INSERT INTO orders VALUES (?)").run(n);
          published = emitter.publish("n", `order ${n}`);
          if (fails) throw new Error("no");
        });
        expect(() => order(1, true)).toThrow("no");
        await expect(published).rejects.toMatchObject({ code: "ROLLED_BACK" });
        order(2, false);
        await expect(published).resolves.toMatchObject({ duplicate: false });
        await until("it is there", () => got.length > 0);
        expect(got).toEqual(["order 2"]);
      },
      {
        store: (file) => {
          db = new Database(file);
          return sqlite(db);
        },
      },
    ).finally(() => db?.close());
  });
});

describe("a process that only publishes", () => {
  it("is killed and started again: what it was told is durable arrives, everything once and in order", () =>
    inWorld({ setup }, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      await client.emitWithAck("join", "r");
      const durable: number[] = [];
      for (const life of range(3)) {
        const child = fork(SCRIPT, [world.file, "many", String(life * 1_000_000)], { execArgv: ["--import", "tsx"] });
        const before = durable.length;
        child.on("message", (n) => durable.push(n as number));
        await until("it has published", () => durable.length > before + 200);
        if (life === 1) world.proxy.cut();
        child.kill("SIGKILL");
        await once(child, "close");
      }
      await world.io.delivery.to("r").publish("n", -1);
      await until("the last is there", () => got.includes(-1));
      expect(got.pop()).toBe(-1);
      expect(got).toEqual(got.toSorted((x, y) => x - y));
      expect(new Set(got).size).toBe(got.length);
      const arrived = new Set(got);
      expect(durable.filter((n) => !arrived.has(n))).toEqual([]);
      expect(durable.length).toBeGreaterThan(600);
    }));

  it("lives until what it published is through, although nothing else keeps it, and not longer", () =>
    inWorld({ setup }, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await client.emitWithAck("join", "r");
      const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, world.file, "once"], {
        stdio: ["ignore", "inherit", "ignore"],
      });
      const [code] = await once(child, "exit");
      expect(code).toBe(7);
      await until("it is there", () => got.length > 0);
      expect(got).toEqual(["once"]);
    }));
});
