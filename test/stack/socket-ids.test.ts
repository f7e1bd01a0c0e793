import { describe, expect, it } from "vitest";
import { createEmitter } from "../../src/server/emitter.ts";
import { memory } from "../../src/store/memory.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { backFrom, inCluster, move } from "./cluster.ts";
import { acknowledged, collect, connected, inWorld, range, until, type World } from "./world.ts";

const setup = (io: World["io"]): void => {
  for (const namespace of [io.of("/"), io.of("/admin")]) {
    namespace.on("connection", (socket) => {
      socket.on("join", (rooms: string[], done: () => void) => {
        void socket.join(rooms);
        done();
      });
    });
  }
};

/** Audiences of every session that last, and all that are kept. */
async function keys(world: World): Promise<{ lasting: string[]; all: string[] }[]> {
  const store = sqlite(world.file);
  await store.open();
  const sessions = await store.sessions("", 100);
  await store.close();
  return sessions.map(({ memberships }) => ({
    lasting: memberships.filter(({ until }) => until === null).map(({ key }) => key),
    all: memberships.map(({ key }) => key),
  }));
}

describe("the id of a socket of another process", () => {
  it("is its room for emits, publishes and emitters, and an exception, in every namespace", () =>
    inCluster({ setup }, async (a, b) => {
      const [one, two, admin] = [a.client(), a.client(), a.client({ namespace: "/admin" })];
      const got = [one, two, admin].map((client) => collect<string>(client, "n"));
      for (const client of [one, two, admin]) await connected(client);
      await one.emitWithAck("join", ["r"]);
      const [id, adminId] = [one.id as string, admin.id as string];
      const emitter = createEmitter(sqlite(a.file));
      b.io.to(id).emit("n", "to");
      b.io.in([id, "r"]).emit("n", "in, once");
      b.io.except(id).emit("n", "except");
      b.io.to("r").except(id).emit("n", "nobody");
      await b.io.delivery.to(id).publish("n", "publish");
      await b.io.delivery.except(id).publish("n", "publish except");
      b.io.of("/admin").to(adminId).emit("n", "admin");
      // Ids are of one namespace.
      b.io.of("/admin").to(id).emit("n", "nobody");
      b.io.to(adminId).emit("n", "nobody");
      await emitter.to(id).publish("n", "emitter");
      await emitter.except(id).publish("n", "last");
      b.io.to(id).emit("n", "last");
      await until("all are there", () => got[0]?.includes("last") && got[1]?.includes("last") && got[2]?.length === 1);
      expect(got).toEqual([
        ["to", "in, once", "publish", "emitter", "last"],
        ["except", "publish except", "last"],
        ["admin"],
      ]);
      await emitter.close();
    }));

  it("is known to the others as soon as the client knows it, at each connect", () =>
    inCluster({ setup }, async (a, b) => {
      const client = a.client();
      const got = collect<string>(client, "n");
      const ids: string[] = [];
      client.on("connect", () => {
        ids.push(client.id as string);
        b.io.to(client.id as string).emit("n", client.id);
      });
      for (const n of range(20)) {
        await until("it is connected, and got it", () => got.length === n + 1);
        a.proxy.cut();
      }
      expect(got.slice(0, 20)).toEqual(ids.slice(0, 20));
      expect(new Set(ids).size).toBe(ids.length);
    }));

  for (const place of ["the same server", "the other server"] as const) {
    it(`gets what was published before its end was noticed, also when its client comes back on ${place}`, () =>
      inCluster({ setup }, async (a, b) => {
        const client = a.client();
        const got = collect<string>(client, "n");
        await connected(client);
        const id = client.id as string;
        await b.io.delivery.to(id).publish("n", "before");
        await until("it is there", () => got.length === 1);
        a.proxy.refuse(true);
        a.proxy.halfOpen();
        await b.io.delivery.to(id).publish("n", "half-open");
        b.io.to(id).emit("n", "half-open, emitted");
        await b.io.delivery.except(id).publish("n", "not for it");
        expect(a.io.sockets.sockets.has(id)).toBe(true);
        if (place === "the other server") move(a, b);
        a.proxy.refuse(false);
        await backFrom(client, id);
        expect(client.recovered).toBe(true);
        // The old socket is no more, whoever still knows of it.
        await b.io.delivery.to(id).publish("n", "to the old one");
        await b.io.delivery.except(id).publish("n", "except the old one");
        await b.io.delivery.to(client.id as string).publish("n", "to the new one");
        await until("the last is there", () => got.includes("to the new one"));
        expect(got).toEqual(["before", "half-open", "half-open, emitted", "except the old one", "to the new one"]);
        const [kept] = await keys(a);
        expect(kept?.lasting.filter((key) => key.startsWith("i:"))).toEqual([`i:/\n${client.id}`]);
      }));
  }

  it("is nobody's once its socket is closed, also in a replay", () =>
    inCluster({ setup }, async (a, b) => {
      const client = a.client();
      const got = collect<string>(client, "n");
      await connected(client);
      const id = client.id as string;
      await b.io.delivery.to(id).publish("n", "before");
      a.proxy.refuse(true);
      a.proxy.cut();
      await until("the server knows", () => !a.io.sockets.sockets.has(id));
      // Goes into the log after what the end of the socket put there.
      await a.io.delivery.to("nobody").publish("n");
      await b.io.delivery.to(id).publish("n", "after");
      await b.io.delivery.except(id).publish("n", "not except it any more");
      a.proxy.refuse(false);
      await backFrom(client, id);
      b.io.to(client.id as string).emit("n", "last");
      await until("the last is there", () => got.includes("last"));
      expect(got).toEqual(["before", "not except it any more", "last"]);
    }));

  it("is left by the socket that leaves it, as Socket.IO's sockets can", () =>
    inCluster({ setup }, async (a, b) => {
      const client = a.client();
      const got = collect<string>(client, "n");
      await connected(client);
      const id = client.id as string;
      a.io.in(id).socketsLeave(id);
      await a.io.delivery.to("nobody").publish("n");
      await b.io.delivery.to(id).publish("n", "left");
      void a.io.sockets.sockets.get(id)?.join(id);
      await a.io.delivery.to("nobody").publish("n");
      await b.io.delivery.to(id).publish("n", "joined");
      await until("it is there", () => got.length > 0);
      expect(got).toEqual(["joined"]);
    }));

  it("is no room that the application sees, counts or finds again", () =>
    inCluster({ setup, reliable: { limits: { rooms: 4 } } }, async (a) => {
      const client = a.client();
      await client.emitWithAck("join", ["one", "two"]);
      a.proxy.cut();
      await backFrom(client, client.id);
      await connected(client);
      const { value: session } = await a.io.delivery.sessions().next();
      expect(session?.rooms.toSorted()).toEqual(["one", "two"]);
      expect([...(a.io.sockets.sockets.get(client.id as string)?.rooms ?? [])].toSorted()).toEqual(
        [client.id, "one", "two"].toSorted(),
      );
      expect(a.errors).toEqual([]);
      await client.emitWithAck("join", ["three"]);
      expect(a.errors).toEqual([expect.objectContaining({ code: "TOO_MANY_ROOMS" })]);
    }));

  it("leaves nothing behind, however often a client comes and goes", () =>
    inCluster({ setup }, async (a, b) => {
      const client = a.client();
      const got = collect<number>(client, "n");
      await connected(client);
      for (const n of range(10)) {
        const { id } = client;
        if (n % 3 === 0) a.proxy.halfOpen();
        else a.proxy.cut();
        if (n === 5) move(a, b);
        await backFrom(client, id);
        a.io.to(client.id as string).emit("n", n);
        await until(`${n} is there`, () => got.length === n + 1);
      }
      expect(got).toEqual(range(10));
      await acknowledged(b.io);
      client.disconnect();
      await until("both servers know", () => [a, b].every(({ io }) => io.sockets.sockets.size === 0));
      await a.io.delivery.publish("n", 10);
      await b.io.delivery.publish("n", 11);
      const [kept] = await keys(a);
      expect(kept?.lasting.filter((key) => key.startsWith("i:"))).toEqual([]);
      expect(kept?.all.filter((key) => key.startsWith("i:")).length).toBeLessThan(4);
    }));
});

describe("a store that no other process can use", () => {
  it("has no audiences for sockets", async () => {
    const store = memory();
    await inWorld({ setup, reliable: { store } }, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      world.io.to(client.id as string).emit("n", "id");
      await until("it is there", () => got.length === 1);
      const [session] = await store.sessions("", 1);
      expect(session?.memberships.map(({ key }) => key)).toEqual(["n:/", `s:${client.delivery.session}`]);
    });
  });
});
