import { describe, expect, it } from "vitest";
import { acknowledged, collect, connected, inWorld, range, socketOf, until, type World } from "./world.ts";

const roomSetup: World["options"] = {
  setup: (io) => {
    io.on("connection", (socket) => {
      socket.on("join", (room: string, done: () => void) => {
        void socket.join(room);
        done();
      });
    });
  },
};

describe("a fan-out to more clients than are served in one turn of the event loop", () => {
  it("brings everything to all of them, in order and once, also what is not durable in its place", () =>
    inWorld({ ...roomSetup, reliable: { limits: { fanOut: 2 } } }, async (world) => {
      const clients = range(9).map(() => world.client());
      const got = clients.map((client) => collect<number>(client, "n"));
      await Promise.all(clients.map((client) => client.emitWithAck("join", "r")));
      for (const turn of range(20)) {
        for (const n of range(5, 5 * turn)) world.io.to("r").emit("n", n);
        if (turn === 10) world.proxy.cut();
        if (turn % 2) await new Promise((resolve) => setImmediate(resolve));
      }
      await until("all have all", () => got.every(({ length }) => length >= 100));
      for (const one of got) expect(one).toEqual(range(100));
      // What waits for its turn behind durable events is written when those are, on each connection.
      const order = clients.map((client) => collect<string>(client, "s"));
      world.io.to("r").emit("s", "durable");
      world.io.local.to("r").emit("s", "local");
      await until("both are there", () => order.every(({ length }) => length === 2));
      for (const one of order) expect(one).toEqual(["durable", "local"]);
    }));
});

describe("a client that comes back", () => {
  it("gets what was emitted while it was away, in order and once, after a clean cut", () =>
    inWorld(roomSetup, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      await client.emitWithAck("join", "r");
      for (const n of range(10)) world.io.to("r").emit("n", n);
      world.proxy.cut();
      for (const n of range(10, 10)) world.io.to("r").emit("n", n);
      await until("all are there", () => got.length >= 20);
      expect(got).toEqual(range(20));
      expect(client.recovered).toBe(true);
    }));

  it("gets it after a half-open drop, of which the server knows nothing, and the old connection is closed", () =>
    inWorld(roomSetup, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      const reasons: string[] = [];
      world.io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
      await client.emitWithAck("join", "r");
      world.proxy.halfOpen();
      for (const n of range(10)) world.io.to("r").emit("n", n);
      await until("all are there", () => got.length >= 10);
      expect(got).toEqual(range(10));
      expect(client.recovered).toBe(true);
      await until("the old socket is gone", () => world.io.sockets.sockets.size === 1);
    }));

  it("finds its rooms again before the application sees the socket, and the server's socket says recovered", async () => {
    const seen: { recovered: boolean; rooms: string[] }[] = [];
    await inWorld(
      {
        setup: (io) => {
          io.on("connection", (socket) => {
            seen.push({ recovered: socket.recovered, rooms: [...socket.rooms].filter((room) => room !== socket.id) });
            void socket.join("mine");
          });
        },
      },
      async (world) => {
        const client = world.client();
        await connected(client);
        world.proxy.cut();
        await until("it is back", () => seen.length === 2);
        expect(seen).toEqual([
          { recovered: false, rooms: [] },
          { recovered: true, rooms: ["mine"] },
        ]);
      },
    );
  });

  it("gets what was emitted to its own socket, to its id, and through fetchSockets", () =>
    inWorld(roomSetup, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      const socket = socketOf(world.io, client);
      const [remote] = await world.io.in(socket.id).fetchSockets();
      socket.emit("n", "socket");
      world.io.to(socket.id).emit("n", "id");
      remote?.emit("n", "remote");
      world.proxy.cut();
      await until("all are there", () => got.length === 3);
      expect(got).toEqual(["socket", "id", "remote"]);
    }));

  it("does not get its own broadcast, also not in a replay", async () => {
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", (socket) => {
            void socket.join("r");
            socket.on("say", (text: string) => {
              socket.broadcast.emit("said", text);
              socket.to("r").emit("said", `${text}!`);
              socket.except("nobody").emit("said", `${text}?`);
            });
          }),
      },
      async (world) => {
        const [a, b] = [world.client(), world.client()];
        const [atA, atB] = [collect(a, "said"), collect(b, "said")];
        await connected(a);
        await connected(b);
        a.emit("say", "one");
        await until("b has heard it", () => atB.length === 3);
        world.proxy.cut();
        b.emit("say", "two");
        await until("a has heard b", () => atA.length === 3);
        a.emit("say", "three");
        await until("b has heard it", () => atB.length === 6);
        expect(atA).toEqual(["two", "two!", "two?"]);
        expect(atB).toEqual(["one", "one!", "one?", "three", "three!", "three?"]);
      },
    );
  });

  it("who was kicked from a room and came back gets nothing that was published in between", () =>
    inWorld(roomSetup, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      await client.emitWithAck("join", "r");
      world.io.to("r").emit("n", 1);
      world.io.in("r").socketsLeave("r");
      world.io.to("r").emit("n", 2);
      world.io.emit("n", 3);
      world.io.in(client.id as string).socketsJoin("r");
      world.io.to("r").emit("n", 4);
      await until("the last is there", () => got.includes(4));
      world.proxy.cut();
      world.io.to("r").emit("n", 5);
      await until("the last is there", () => got.includes(5));
      expect(got).toEqual([1, 3, 4, 5]);
    }));

  it("has a gap for a room that it may not read any more, and nothing of it is replayed", async () => {
    let allowed = true;
    await inWorld(
      { ...roomSetup, reliable: { authorizeReplay: (_socket, room) => allowed || room !== "secret" } },
      async (world) => {
        const client = world.client();
        const got = collect<number>(client, "n");
        const gaps: unknown[] = [];
        client.delivery.on("gap", (gap) => gaps.push(gap));
        await client.emitWithAck("join", "secret");
        await client.emitWithAck("join", "open");
        world.io.to("secret").emit("n", 1);
        await until("it is there", () => got.length === 1);
        world.proxy.cut();
        allowed = false;
        world.io.to("secret").emit("n", 2);
        world.io.to("open").emit("n", 3);
        await until("the open one is there", () => got.includes(3));
        world.io.to("secret").emit("n", 4);
        world.io.to("open").emit("n", 5);
        await until("the open one is there", () => got.includes(5));
        expect(got).toEqual([1, 3, 5]);
        expect(gaps).toEqual([expect.objectContaining({ reason: "unauthorized", room: "secret" })]);
        expect(client.recovered).toBe(false);
      },
    );
  });

  it("gets binary arguments and an event of each kind as they were emitted", () =>
    inWorld(roomSetup, async (world) => {
      const client = world.client();
      const got: unknown[][] = [];
      client.onAny((...args: unknown[]) => got.push(args));
      await connected(client);
      world.proxy.cut();
      world.io.emit("none");
      world.io.emit("bytes", Buffer.from([1, 2, 3]), { deep: [new Uint8Array([4])] }, "tail");
      world.io.emit("json", null, 1.5, "é", [1, [2]], { a: { b: true } }, undefined);
      world.io.emit("date", new Date(0));
      await until("all are there", () => got.length === 4);
      expect(got).toEqual([
        ["none"],
        ["bytes", Buffer.from([1, 2, 3]), { deep: [Buffer.from([4])] }, "tail"],
        ["json", null, 1.5, "é", [1, [2]], { a: { b: true } }, null],
        ["date", "1970-01-01T00:00:00.000Z"],
      ]);
    }));

  it("is told of exactly one gap when retention has passed its cursor, and delivery goes on after it", () =>
    inWorld({ ...roomSetup, reliable: { retention: { maxEntries: 5 } } }, async (world) => {
      const client = world.client({ socket: { reconnectionDelay: 50 } });
      const got = collect<number>(client, "n");
      const gaps: { from: number; to: number; reason: string }[] = [];
      client.delivery.on("gap", (gap) => gaps.push(gap));
      await connected(client);
      world.io.emit("n", 0);
      await until("it is there", () => got.length === 1);
      world.proxy.refuse(true);
      world.proxy.cut();
      await until("the server knows", () => world.io.sockets.sockets.size === 0);
      for (const n of range(20, 1)) await world.io.delivery.publish("n", n);
      await world.trim();
      world.proxy.refuse(false);
      await until("the last is there", () => got.includes(20));
      expect(got).toEqual([0, 16, 17, 18, 19, 20]);
      expect(gaps).toHaveLength(1);
      expect(gaps[0]?.reason).toBe("retention");
      expect(gaps[0]?.to).toBeGreaterThan(gaps[0]?.from as number);
      world.proxy.cut();
      world.io.emit("n", 21);
      await until("the next is there", () => got.includes(21));
      expect(gaps).toHaveLength(1);
      expect(client.recovered).toBe(true);
    }));

  it("of several namespaces, dynamic ones too, has a session in each, and gets what was meant for it in each", () =>
    inWorld(
      {
        setup: (io) => {
          for (const namespace of [io.of("/"), io.of("/chat"), io.of(/^\/team-\d+$/)]) {
            namespace.on("connection", (socket) => void socket.join("r"));
          }
        },
      },
      async (world) => {
        const names = ["/", "/chat", "/team-1", "/team-2"];
        const clients = names.map((namespace) => world.client({ namespace }));
        const got = clients.map((client) => collect<string>(client, "n"));
        for (const client of clients) await connected(client);
        expect(new Set(clients.map((client) => client.delivery.session)).size).toBe(names.length);
        world.proxy.cut();
        for (const name of names) world.io.of(name).to("r").emit("n", name);
        await world.io.delivery.of("/team-2").to("r").publish("n", "published");
        await until("all are there", () => got.flat().length === names.length + 1);
        expect(got).toEqual([["/"], ["/chat"], ["/team-1"], ["/team-2", "published"]]);
        expect(clients.every((client) => client.recovered)).toBe(true);
      },
    ));

  it("is not told of a gap when what was trimmed while it was connected and idle was not for it", () =>
    inWorld({ ...roomSetup, reliable: { retention: { maxEntries: 2 } } }, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      const gaps: unknown[] = [];
      client.delivery.on("gap", (gap) => gaps.push(gap));
      await connected(client);
      world.io.emit("n", 0);
      await until("it is there", () => got.length === 1);
      await acknowledged(world.io);
      for (const n of range(20)) await world.io.delivery.to("elsewhere").publish("n", n);
      await world.trim();
      world.proxy.cut();
      world.io.emit("n", 1);
      await until("the next is there", () => got.length === 2);
      expect(gaps).toEqual([]);
      expect(client.recovered).toBe(true);
    }));
});
