/**
 * Two servers on one log with an adapter of Socket.IO's between them: what is durable comes from the log, everything else through the adapter.
 *
 * Rule: a wrapped and a plain client on each server, and each gets what it gets on plain Socket.IO, once.
 */
import { type Socket as PlainSocket, io as plainConnect } from "socket.io-client";
import { describe, expect, it } from "vitest";
import { adapter, inCluster } from "./cluster.ts";
import { collect, connected, range, type TestClient, until, type World, type WorldOptions } from "./world.ts";

// biome-ignore lint/suspicious/noExplicitAny: Socket.IO's types do not know that what a handler is given may be a function.
type Any = any;

const setup = (io: World["io"]): void => {
  io.on("connection", (socket) => {
    socket.data = { name: socket.handshake.auth.name };
    socket.on("join", (rooms: string[], done: () => void) => {
      void socket.join(rooms);
      done();
    });
  });
};
const options = (): WorldOptions => ({ server: { adapter: adapter() as Any }, setup });

/** A client of each kind on each server. */
interface Four {
  readonly wrapped: readonly [TestClient, TestClient];
  readonly plain: readonly [PlainSocket, PlainSocket];
  /** In the order: wrapped and plain on the first server, wrapped and plain on the second. */
  readonly all: readonly (TestClient | PlainSocket)[];
}

/** Two servers with an adapter between them, and a client of each kind on each. */
function withFour(run: (a: World, b: World, four: Four) => Promise<void>): Promise<void> {
  return inCluster(options(), async (a, b) => {
    const plain = (world: World, name: string) =>
      plainConnect(`http://127.0.0.1:${world.proxy.port}`, {
        transports: ["websocket"],
        forceNew: true,
        auth: { name },
      });
    const wrapped = [
      a.client({ socket: { auth: { name: "wa" } } }),
      b.client({ socket: { auth: { name: "wb" } } }),
    ] as const;
    const plains = [plain(a, "pa"), plain(b, "pb")] as const;
    const all = [wrapped[0], plains[0], wrapped[1], plains[1]] as const;
    try {
      for (const client of all) await connected(client as TestClient);
      await run(a, b, { wrapped, plain: plains, all });
    } finally {
      for (const client of plains) client.close();
    }
  });
}

/** Everything that each of them is handed under an event. */
function collectAll(clients: readonly (TestClient | PlainSocket)[], event: string): unknown[][] {
  return clients.map((client) => collect(client as TestClient, event));
}

describe("two servers on one store, with an adapter between them", () => {
  it("bring every broadcast to every client once, wrapped ones in the order of the log", () =>
    withFour(async (a, b, { all, wrapped }) => {
      const got = collectAll(all, "n");
      for (const client of all) await (client as TestClient).emitWithAck("join", ["r"]);
      for (const n of range(60)) {
        const { io } = n % 2 ? a : b;
        if (n % 3 === 0) io.emit("n", n);
        else if (n % 3 === 1) io.to("r").emit("n", n);
        else io.to(["r", wrapped[0].id as string]).emit("n", n);
        if (n === 30) a.proxy.cut();
        if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // The cut took plain clients what was under way, and nobody else.
      await until("all wrapped ones have all", () => got[0]?.length === 60 && got[2]?.length === 60);
      await until("the plain one that was not cut has all", () => got[3]?.length === 60);
      expect(got[0]).toEqual(got[2]);
      expect(got[0]?.toSorted((x, y) => Number(x) - Number(y))).toEqual(range(60));
      expect(got[3]?.toSorted((x, y) => Number(x) - Number(y))).toEqual(range(60));
      expect(new Set(got[1]).size).toBe(got[1]?.length);
    }));

  it("except the same clients, by room and by id", () =>
    withFour(async (a, _b, { all, wrapped, plain }) => {
      const got = collectAll(all, "n");
      await wrapped[1].emitWithAck("join", ["x"]);
      await plain[1].emitWithAck("join", ["x"]);
      a.io.except("x").emit("n", "except room");
      a.io.except([wrapped[1].id as string, plain[1].id as string]).emit("n", "except ids");
      a.io.except(wrapped[0].id as string).emit("n", "except the local one");
      a.io.emit("n", "last");
      await until("all have the last", () => got.every((one) => one.includes("last")));
      expect(got).toEqual([
        ["except room", "except ids", "last"],
        ["except room", "except ids", "except the local one", "last"],
        ["except the local one", "last"],
        ["except the local one", "last"],
      ]);
    }));

  it("find each other's sockets, and emit to them, with and without an answer", () =>
    withFour(async (a, _b, { all }) => {
      const got = collectAll(all, "n");
      for (const client of all)
        (client as TestClient).on("ask", (n: number, answer: (n: number) => void) => answer(n + 1));
      const sockets = await a.io.fetchSockets();
      expect(sockets.map(({ data }) => data.name).toSorted()).toEqual(["pa", "pb", "wa", "wb"]);
      expect(sockets.map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
      // Ours is seen by nobody.
      expect(sockets.flatMap(({ handshake }) => Object.keys(handshake.auth))).toEqual(Array(4).fill("name"));
      expect(sockets.flatMap(({ id, rooms }) => [...rooms].filter((room) => room !== id))).toEqual([]);
      for (const socket of sockets) {
        socket.emit("n", socket.data.name);
        expect(await socket.timeout(5_000).emitWithAck("ask", 1)).toBe(2);
      }
      await until("all have theirs", () => got.every(({ length }) => length > 0));
      expect(got).toEqual([["wa"], ["pa"], ["wb"], ["pb"]]);
    }));

  it("gather the answers of all clients to a broadcast", () =>
    withFour(async (a, b, { all }) => {
      for (const [n, client] of all.entries())
        (client as TestClient).on("ask", (answer: (n: number) => void) => answer(n));
      for (const { io } of [a, b]) {
        expect((await io.timeout(5_000).emitWithAck("ask")).toSorted()).toEqual([0, 1, 2, 3]);
      }
      expect(
        await a.io
          .to(all[2]?.id as string)
          .timeout(5_000)
          .emitWithAck("ask"),
      ).toEqual([2]);
    }));

  it("send volatile events to all, and local ones to their own", () =>
    withFour(async (a, b, { all }) => {
      const got = collectAll(all, "n");
      a.io.volatile.emit("n", "volatile");
      await until("all have it", () => got.every(({ length }) => length === 1));
      a.io.local.emit("n", "local a");
      b.io.local.emit("n", "local b");
      await until("all have it", () => got.every(({ length }) => length === 2));
      expect(got).toEqual([
        ["volatile", "local a"],
        ["volatile", "local a"],
        ["volatile", "local b"],
        ["volatile", "local b"],
      ]);
    }));

  it("talk to each other", () =>
    withFour(async (a, b) => {
      const heard: unknown[] = [];
      b.io.on("hello" as Any, (name: string, answer: (name: string) => void) => {
        heard.push(name);
        answer("b");
      });
      expect(await (a.io as Any).serverSideEmitWithAck("hello", "a")).toEqual(["b"]);
      expect(heard).toEqual(["a"]);
    }));

  it("disconnect each other's sockets, after what was emitted to them", () =>
    withFour(async (a, _b, { all, wrapped }) => {
      const got = collectAll(all, "n");
      const reasons: string[] = [];
      for (const client of all) (client as TestClient).on("disconnect", (reason: string) => reasons.push(reason));
      a.io.to(wrapped[1].id as string).emit("n", "bye");
      await until("it is there", () => got[2]?.length === 1);
      a.io.in(wrapped[1].id as string).disconnectSockets();
      await until("it is gone", () => reasons.length === 1);
      a.io.disconnectSockets();
      await until("all are gone", () => reasons.length === 4);
      expect(reasons).toEqual(Array(4).fill("io server disconnect"));
    }));

  it("join and leave rooms for each other's sockets", () =>
    withFour(async (a, b, { all }) => {
      const got = collectAll(all, "n");
      const ids = all.map(({ id }) => id as string);
      a.io.in(ids).socketsJoin("r");
      await until("they are in it", () => [a, b].every(({ io }) => io.sockets.adapter.rooms.get("r")?.size === 2));
      a.io.to("r").emit("n", 1);
      await until("all have it", () => got.every(({ length }) => length === 1));
      b.io.in("r").socketsLeave("r");
      await until("they are out", () => [a, b].every(({ io }) => !io.sockets.adapter.rooms.has("r")));
      // What the end of a membership is in the log comes before this.
      for (const { io } of [a, b]) await io.delivery.to("nobody").publish("n");
      a.io.to("r").emit("n", 2);
      a.io.emit("n", 3);
      await until("all have the last", () => got.every((one) => one.includes(3)));
      expect(got).toEqual(Array(4).fill([1, 3]));
    }));

  it("show what goes out to the catch-all listeners of either server's sockets", () =>
    withFour(async (a, b, { all }) => {
      const seen: string[] = [];
      for (const { io } of [a, b]) {
        for (const socket of io.sockets.sockets.values()) {
          socket.onAnyOutgoing((event: string, ...args: unknown[]) =>
            seen.push(`${socket.data.name}: ${event} ${args}`),
          );
        }
      }
      const got = collectAll(all, "n");
      a.io.emit("n", 1);
      await until("all have it", () => got.every(({ length }) => length === 1));
      expect(seen.toSorted()).toEqual(["pa: n 1", "pb: n 1", "wa: n 1", "wb: n 1"]);
    }));
});
