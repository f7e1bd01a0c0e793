import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ClientStorage } from "../../src/client/index.ts";
import { io } from "../../src/client/index.ts";
import { type Peer, startPeer, until } from "./peer.ts";

let peer: Peer;
const open: { disconnect(): unknown }[] = [];
const make = (path: string, options: Parameters<typeof io>[1] = {}) => {
  const socket = io(peer.url + path, { transports: ["websocket"], reconnectionDelay: 10, ...options });
  open.push(socket);
  return socket;
};
beforeEach(async () => {
  peer = await startPeer();
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.disconnect();
  await peer.close();
});

describe("io", () => {
  test("a second namespace on an open Manager says hello in its first CONNECT", async () => {
    const first = make("/", { auth: { n: 1 } });
    await until(() => first.connected);
    const auth = { n: 2 };
    const second = make("/other", { auth });
    expect(second.io).toBe(first.io);
    expect(second.auth).toBe(auth);
    second.emit("e", 1);
    await until(() => peer.messages.length === 1);
    expect(peer.auths).toEqual([{ n: 1 }, { n: 2 }]);
    expect(peer.hellos.length).toBe(2);
    expect(peer.io.of("/other").sockets.size).toBe(1);
    second.disconnect();
    // Socket.IO's server takes no CONNECT for a namespace before it has dealt with the DISCONNECT.
    await until(() => peer.io.of("/other").sockets.size === 0);
    auth.n = 3;
    second.connect();
    await until(() => peer.auths.length === 3);
    expect(peer.auths[2]).toEqual({ n: 3 });
  });

  test("a namespace with an asynchronous auth, and one with a storage that is slow", async () => {
    const first = make("/");
    await until(() => first.connected);
    expect(first.auth).toBeUndefined();
    let loaded: (value: undefined) => void = () => {};
    const storage: ClientStorage = {
      durable: true,
      load: () => new Promise<undefined>((resolve) => (loaded = resolve)),
      save() {},
      close() {},
    };
    const second = make("/other", { auth: (give) => setImmediate(() => give({ n: 2 })), reliable: { storage } });
    second.emit("e", 1);
    expect(second.delivery.state).toBe("connecting");
    setTimeout(() => loaded(undefined), 20);
    await until(() => peer.messages.length === 1);
    expect(peer.auths).toEqual([{}, { n: 2 }]);
    expect(peer.hellos.length).toBe(2);
    expect(second.delivery.outbox.durable).toBe(true);
  });

  test("Socket.IO's own recovery is set aside for a wrapped server", async () => {
    await peer.close();
    peer = await startPeer({ connectionStateRecovery: {} });
    const socket = make("/");
    await until(() => socket.connected);
    peer.connections[0]?.socket.emit("native", "x");
    peer.connections[0]?.socket.conn.close();
    await until(() => peer.connections.length === 2 && socket.connected);
    expect(peer.auths).toEqual([{}, {}]);
    expect(socket.recovered).toBe(true);
  });

  test("handles, the outbox's store, flush and history", async () => {
    const socket = make("/", { autoConnect: false });
    const sizes: number[] = [];
    const stop = socket.delivery.outbox.subscribe(({ size }) => void sizes.push(size));
    const first = socket.delivery.emit("e", 1);
    const second = socket.delivery.emit("e", 2);
    expect([first.seq, first.status, second.seq]).toEqual([1, "pending", 2]);
    expect(second.discard()).toBe(true);
    expect(second.discard()).toBe(false);
    expect(await second.settled).toBe("failed");
    expect(second.error?.code).toBe("DISCARDED");
    expect(socket.delivery.outbox.list()).toMatchObject([{ seq: 1, args: ["e", 1] }]);
    expect(await socket.delivery.outbox.flush({ timeoutMs: 5 })).toBe(false);
    await expect(socket.delivery.history({ room: "r" })).rejects.toMatchObject({ code: "CLOSED" });
    const states: string[] = [];
    socket.delivery.on("state", (state) => void states.push(state));
    socket.connect();
    expect(await first.settled).toBe("acked");
    expect(await socket.delivery.outbox.flush()).toBe(true);
    expect(states.at(-1)).toBe("live");
    expect(sizes[0]).toBe(0);
    expect(sizes.at(-1)).toBe(0);
    stop();
    expect(await socket.delivery.history({ room: "r", limit: 3 })).toEqual({
      entries: [{ offset: 99, id: "H", args: ["e", 3] }],
      more: true,
      before: 99,
    });
  });

  test("the outbox's status is one object until it changes; clearing gives all up", async () => {
    const socket = make("/", { autoConnect: false });
    const { outbox } = socket.delivery;
    const empty = outbox.status;
    expect(outbox.status).toBe(empty);
    const handles = [1, 2, 3].map((n) => socket.delivery.emit("e", n));
    expect(outbox.status).toEqual({ size: 3, pending: 3, sent: 0, failed: 0, durable: false, error: undefined });
    expect(outbox.status).toBe(outbox.status);
    outbox.clear();
    expect(await Promise.all(handles.map(({ settled }) => settled))).toEqual(["failed", "failed", "failed"]);
    expect(handles.map(({ error }) => error?.code)).toEqual(["DISCARDED", "DISCARDED", "DISCARDED"]);
    expect(outbox.list()).toEqual([]);
    // The server is still to learn that there was something; nobody waits for that.
    expect(outbox.status).toMatchObject({ size: 0, pending: 0, sent: 0, failed: 3 });
    expect(outbox.size).toBe(0);
    socket.connect();
    expect(await outbox.flush()).toBe(true);
  });

  test("history can be asked for as soon as it is connected, also while the session is being saved", async () => {
    const slow = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
    const storage: ClientStorage = { durable: true, load: () => undefined, save: slow, close() {} };
    const socket = make("/", { reliable: { storage } });
    const page = new Promise((resolve, reject) => {
      socket.on("connect", () => socket.delivery.history({ room: "r" }).then(resolve, reject));
    });
    expect(await page).toMatchObject({ more: true, before: 99 });
  });

  test("superseded: it leaves and stays away until told to connect", async () => {
    const socket = make("/");
    await until(() => socket.connected);
    peer.connections[0]?.say("x", "SUPERSEDED");
    await until(() => socket.disconnected);
    expect(socket.delivery.state).toBe("superseded");
    expect(socket.active).toBe(false);
    socket.emit("kept");
    socket.connect();
    await until(() => peer.messages.length === 1);
    expect(peer.hellos[1]?.session).toBeUndefined();
  });

  test("an overfull outbox is an error event, a callback's error, and a handle's status", async () => {
    const socket = make("/", { autoConnect: false, reliable: { outbox: { maxEntries: 1 } } });
    const errors: unknown[] = [];
    socket.delivery.on("error", (error) => void errors.push(error));
    socket.emit("a");
    socket.emit("b");
    await expect(socket.timeout(1_000).emitWithAck("c")).rejects.toMatchObject({ code: "OUTBOX_FULL" });
    const handle = socket.delivery.emit("d");
    expect(await handle.settled).toBe("failed");
    expect(handle.error?.code).toBe("OUTBOX_FULL");
    expect(errors.length).toBe(3);
  });

  test("closing leaves a plain socket", async () => {
    const socket = make("/");
    await until(() => socket.connected);
    socket.delivery.close();
    expect(socket.delivery.state).toBe("offline");
    socket.connect();
    socket.emit("native");
    await until(() => peer.messages.length === 1);
    expect(peer.hellos.length).toBe(1);
  });
});
