import type { Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ReliableOptions, reliable } from "../../src/client/index.ts";
import { FLAVOURS } from "./flavours.ts";
import { type Peer, startPeer, until } from "./peer.ts";

let peer: Peer;
let sockets: Socket[];
beforeEach(async () => {
  peer = await startPeer();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.disconnect();
  await peer.close();
});

describe.each(FLAVOURS)("socket.io-client %s", (name, io) => {
  const plain = (options = {}): Socket => {
    const socket = io(peer.url, { forceNew: true, transports: ["websocket"], reconnectionDelay: 10, ...options });
    sockets.push(socket);
    return socket;
  };
  const make = (reliableOptions: ReliableOptions = {}, options = {}) => reliable(plain(options), reliableOptions);

  test("the same object, decorated once, with nothing enumerable added", () => {
    const socket = plain();
    const keys = Object.keys(socket);
    const decorated = reliable(socket);
    expect(decorated).toBe(socket);
    const { delivery } = decorated;
    expect(reliable(socket).delivery).toBe(delivery);
    expect(Object.keys(socket)).toEqual(keys);
  });

  test("emits, answers, entries, and what the application sees of them", async () => {
    const socket = make({}, { auth: { user: "u" } });
    const seen: unknown[] = [];
    const out: unknown[] = [];
    socket.onAny((...args) => void seen.push(args));
    socket.onAnyOutgoing((...args) => void out.push(args));
    socket.emit("before", 1);
    const answer = new Promise((resolve) => socket.emit("ask", "a", "b", (...args: unknown[]) => resolve(args)));
    expect(await answer).toEqual(["a", "b"]);
    expect(await socket.emitWithAck("ask", 7)).toBe(7);
    expect(await socket.timeout(5_000).emitWithAck("ask", 8)).toBe(8);
    expect(
      await new Promise((resolve) => socket.timeout(5_000).emit("ask", 9, (...args: unknown[]) => resolve(args))),
    ).toEqual([null, 9]);
    expect(peer.messages).toEqual([
      ["before", 1],
      ["ask", "a", "b"],
      ["ask", 7],
      ["ask", 8],
      ["ask", 9],
    ]);
    expect(out).toEqual(peer.messages);
    expect(peer.auths).toEqual([{ user: "u" }]);
    expect(socket.auth).toEqual({ user: "u" });
    peer.connections[0]?.say("b", 102, [
      [101, "A", ["news", 1]],
      [102, "B", ["news", new Uint8Array([1, 2])]],
    ]);
    peer.connections[0]?.socket.emit("native", 5);
    await until(() => seen.length === 3);
    expect(seen[0]).toEqual(["news", 1]);
    expect(seen.at(-1)).toEqual(["native", 5]);
    expect(socket.delivery.state).toBe("live");
    expect(socket.recovered).toBe(false);
    expect(socket.delivery.metrics()).toMatchObject({ received: 2, badFrames: 0 });
  });

  test("`once` sees one entry, `this` is the socket, and a promise it answers is awaited", async () => {
    const socket = make();
    let calls = 0;
    const failed = new Promise((resolve) => socket.delivery.on("error", resolve));
    const settled = new Promise<{ attempts: number }>((resolve) => socket.delivery.on("settled", resolve));
    socket.once("e", async function (this: unknown) {
      expect(this).toBe(socket);
      if (++calls === 1) throw new Error("once more");
    });
    await until(() => socket.connected);
    peer.connections[0]?.say("b", 101, [[101, "A", ["e"]]]);
    expect(await failed).toMatchObject({ message: "once more" });
    expect((await settled).attempts).toBe(2);
    expect(socket.listeners("e")).toEqual([]);
  });

  test("an answer survives the connection", async () => {
    peer.answer = () => undefined;
    const socket = make();
    const answer = new Promise((resolve) => socket.emit("ask", 1, resolve));
    await until(() => peer.messages.length === 1);
    const before = socket.id;
    peer.connections[0]?.socket.conn.close();
    await until(() => peer.connections.length === 2 && socket.connected);
    expect(socket.id).not.toBe(before);
    expect(socket.recovered).toBe(true);
    peer.connections[1]?.say("a", 1, 1, [], [[1, ["late"]]]);
    expect(await answer).toBe("late");
    expect(peer.hellos[1]).toMatchObject({ session: "S", token: "1.x", epoch: "E", offset: 100, floor: 0 });
  });

  test("a timeout is Socket.IO's, and withdraws what was never sent", async () => {
    const socket = make({}, { autoConnect: false, ackTimeout: 10 });
    const error = await new Promise((resolve) => socket.emit("ask", 1, resolve));
    expect(error).toEqual(new Error("operation has timed out"));
    await expect(socket.timeout(5).emitWithAck("ask", 2)).rejects.toThrow("operation has timed out");
    socket.emit("e", 3);
    socket.connect();
    await until(() => peer.messages.length === 1);
    expect(peer.messages).toEqual([["e", 3]]);
  });

  test("the hello goes with any kind of auth, which stays the application's", async () => {
    const socket = make({}, { auth: (give: (data: object) => void) => setTimeout(() => give({ n: 1 }), 5) });
    await until(() => socket.connected);
    socket.disconnect();
    socket.auth = { n: 2 };
    socket.connect();
    await until(() => socket.connected);
    expect(socket.auth).toEqual({ n: 2 });
    socket.disconnect();
    (socket.auth as { n: number }).n = 3;
    socket.connect();
    await until(() => socket.connected);
    socket.disconnect();
    Reflect.deleteProperty(socket, "auth");
    socket.connect();
    await until(() => socket.connected);
    expect(peer.auths).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, {}]);
    expect(peer.hellos.length).toBe(4);
  });

  test("a socket that is connected already is connected anew, once, and keeps its buffer", async () => {
    const socket = plain();
    await until(() => socket.connected);
    const events: string[] = [];
    socket.on("connect", () => void events.push("connect"));
    socket.on("disconnect", () => void events.push("disconnect"));
    reliable(socket).emit("e", 1);
    await until(() => peer.messages.length === 1);
    expect(events).toEqual(["disconnect", "connect"]);
    expect(peer.hellos.length).toBe(1);
  });

  test("a socket whose CONNECT is out is connected anew before anybody hears of it", async () => {
    const socket = plain({ autoConnect: false });
    let connects = 0;
    socket.on("connect", () => void connects++);
    socket.io.open(() => {
      socket.connect();
      reliable(socket).emit("e", 1);
    });
    await until(() => peer.messages.length === 1);
    expect(peer.hellos.length).toBe(1);
    expect(connects).toBe(1);
  });

  test("a plain server sees exactly what an unwrapped client would send, and answers it", async () => {
    peer.wrapped = false;
    const script = async (socket: Socket): Promise<unknown[]> => {
      const trace: unknown[] = [];
      socket.onAnyOutgoing((...args) => void trace.push(["out", ...args]));
      socket.onAny((...args) => void trace.push(["in", ...args]));
      const answered = new Promise((resolve) => {
        socket.on("connect", () => {
          trace.push("connect");
          socket.emit("at connect");
          resolve(socket.emitWithAck("ask", 4));
        });
      });
      socket.on("disconnect", (reason) => void trace.push(reason));
      socket.emit("first", 1);
      socket.emit("ask", 2, (...args: unknown[]) => void trace.push(["answer", ...args]));
      socket.timeout(5_000).emit("ask", 3, (...args: unknown[]) => void trace.push(["answer", ...args]));
      socket.compress(false).emit("last", new Uint8Array([7]));
      trace.push(await answered);
      for (const other of peer.io.sockets.sockets.values()) other.emit("news", 1, "a");
      await until(() => trace.some((step) => Array.isArray(step) && step[1] === "news"));
      socket.disconnect();
      socket.emit("offline", 1);
      socket.connect();
      await until(() => socket.connected && peer.messages.at(-1)?.[1] === 4);
      await socket.emitWithAck("ask", 5);
      socket.disconnect();
      return [...trace, ...peer.messages.splice(0)];
    };
    const native = await script(plain());
    const wrapped = make();
    expect(await script(wrapped)).toEqual(native);
    expect(wrapped.delivery.outbox.size).toBe(0);
    expect(peer.frames).toEqual([]);
  });

  test("volatile and excluded events go the native way, after what was emitted before", async () => {
    const socket = make({ durable: (event) => event !== "tick" });
    socket.emit("a");
    await until(() => socket.connected);
    socket.emit("b");
    await Promise.resolve();
    // Right after a write the transport is not writable, and Socket.IO drops what is volatile.
    await until(() => socket.io.engine.transport.writable);
    socket.volatile.emit("typing");
    socket.emit("tick", 1);
    socket.emit("c");
    await until(() => peer.messages.length === 5);
    expect(peer.messages.map(([event]) => event)).toEqual(["a", "b", "typing", "tick", "c"]);
  });

  test("what one turn emits is one frame, before anything else that the turn sends", async () => {
    const packets: unknown[] = [];
    peer.io.engine.on("connection", (conn) => conn.on("packet", ({ data }: { data: unknown }) => packets.push(data)));
    const socket = make({ newId: () => "id" });
    await until(() => socket.connected);
    socket.on("question", (answer: (text: string) => void) => {
      const object = { n: 1 };
      socket.emit("a", object);
      socket.emit("b");
      object.n = 2;
      answer("c");
      socket.emit("d");
      socket.disconnect();
    });
    peer.connections[0]?.socket.emit("question", () => {});
    await until(() => packets.includes("1"));
    expect(packets.slice(-4)).toEqual([
      '2["$g","m",0,[[1,"id",0,["a",{"n":1}]],[2,"id",0,["b"]]]]',
      '30["c"]',
      '2["$g","m",0,[[3,"id",0,["d"]]]]',
      "1",
    ]);
  });

  test("what was emitted in the turn of `close` is sent", async () => {
    const packets: unknown[] = [];
    peer.io.engine.on("connection", (conn) => conn.on("packet", ({ data }: { data: unknown }) => packets.push(data)));
    const socket = make({ newId: () => "id" });
    await until(() => socket.connected);
    socket.emit("a");
    socket.delivery.close();
    await until(() => packets.includes("1"));
    expect(packets.at(-2)).toBe('2["$g","m",0,[[1,"id",0,["a"]]]]');
  });

  test("Socket.IO's own queue does not run beside the outbox", async () => {
    const socket = make({}, { retries: 3, ackTimeout: 5_000 });
    socket.emit("a");
    expect(await socket.emitWithAck("ask", 1)).toBe(1);
    expect(peer.messages).toEqual([["a"], ["ask", 1]]);
  });

  test("its listeners survive removeAllListeners", async () => {
    const socket = make();
    socket.off();
    socket.emit("a");
    await until(() => peer.messages.length === 1);
    peer.connections[0]?.socket.conn.close();
    socket.emit("b");
    await until(() => peer.messages.length === 2);
    expect(name).toBeTruthy();
  });

  test("a middleware's refusal is retried when asked for", async () => {
    let refusals = 2;
    peer.io.use((_socket, next) => next(refusals-- > 0 ? new Error("busy") : undefined));
    const soon = (_at: number, wake: () => void): (() => void) => {
      const timer = setImmediate(wake);
      return () => clearImmediate(timer);
    };
    const clock = { now: () => Date.now(), at: soon };
    const socket = make({ retryConnectError: (error) => error.message === "busy", clock });
    const errors: string[] = [];
    socket.on("connect_error", (error) => void errors.push(error.message));
    await until(() => socket.connected);
    expect(errors).toEqual(["busy", "busy"]);
  });
});
