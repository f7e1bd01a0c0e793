/** A client that is not wrapped is sent the same bytes as today, with wrapped ones in the same room. */
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { BOTH_WRAPPED, MIXED, REFERENCE } from "./compare.ts";
import { type Client, Env, type Pairing, type Place, VERSIONS } from "./harness.ts";

/** What a server sent, as bytes or as packets. */
type Sent = string[];

/** A way to the server that keeps what the server sends. */
async function tap(port: number): Promise<{ port: number; bytes(): Buffer; close(): void }> {
  const chunks: Buffer[] = [];
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far);
    far.pipe(near);
    far.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (const socket of [near, far]) socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port: own } = server.address() as { port: number };
  return { port: own, bytes: () => Buffer.concat(chunks), close: () => void server.close() };
}

/** An application with a room of two, and what its server sent to the plain one, B. */
async function run(place: Place, pairing: Pairing): Promise<{ packets: Sent; bytes: string }> {
  const env = new Env(place, pairing);
  const packets: Sent = [];
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        peer.emit("e", "from middleware");
        next();
      });
      io.on("connection", (peer) => {
        peer.join("r");
        peer.emit("e", "hello", { at: new Date(0), nothing: undefined });
        peer.on("ask", (n, answer) => {
          io.to("r").emit("asked", n);
          answer(n, Buffer.from("answer"));
        });
        peer.on("disconnect", () => io.emit("left"));
      });
    },
  });
  const wire = await tap(env.port);
  try {
    const a = env.client("A");
    await env.connected(a);
    const b = env.client("B", "/", {}, wire.port);
    b.io.engine.on("packet", ({ type, data }) => {
      if (type === "open" || type === "noop" || type === "pong") return;
      packets.push(`${type} ${typeof data === "string" ? data : Buffer.from(data ?? []).toString("hex")}`);
    });
    await env.connected(b);
    await talk(env, a, b);
    const ids = [b.id as string, b.io.engine.id];
    const text = wire.bytes().toString("latin1");
    const named = (line: string) => ids.reduce((named, id, i) => named.replaceAll(id, `<id ${i}>`), line);
    return {
      packets: packets.map(named),
      // After the answer to the upgrade, which carries a hash of chance.
      bytes: Buffer.from(named(text.slice(text.indexOf("\r\n\r\n") + 4)), "latin1").toString("hex"),
    };
  } finally {
    await env.end();
    wire.close();
  }
}

/** One thing at a time where two directions meet, so that the order is not chance. */
async function talk(env: Env, a: Client, b: Client): Promise<void> {
  const { io } = env;
  const [pa, pb] = [env.peerOf(a), env.peerOf(b)];
  b.on("question", (answer) => answer("B"));
  a.on("question", (answer) => answer("A"));
  io.to("r").emit("e", 1, "two", null);
  io.emit("e");
  pa.broadcast.emit("e", "żółć \u2028 漢字");
  pa.to("r").emit("e", Buffer.from([1, 2, 3]), { data: new Uint8Array([4]) });
  pb.emit("e", "to B");
  io.local.to("r").emit("e", "local");
  io.compress(false).to("r").emit("e", "not compressed");
  io.except(pa.id).emit("e", "except A");
  io.to(pa.id).emit("e", "not for B");
  io.to([pa.id, pb.id]).emit("e", "x".repeat(70_000));
  pb.compress(false).emit("e", "y".repeat(200));
  await env.sync(b);
  await io.timeout(4_000).emitWithAck("question");
  await pb.emitWithAck("question");
  await b.emitWithAck("ask", 1);
  await a.emitWithAck("ask", 2);
  await env.sync(b);
  for (let n = 0; n < 20; n++) io.to("r").emit("burst", n);
  await env.sync(b);
  io.in(pb.id).socketsLeave("r");
  io.to("r").emit("e", "not for B");
  io.emit("e", "B is still here");
  a.disconnect();
  await env.until("A is gone", () => io.sockets.sockets.size === 1);
  await env.sync(b);
}

const plainB = MIXED.find((pairing) => pairing.making("A") === "wrapped" && pairing.making("B") === "plain") as Pairing;

for (const server of VERSIONS) {
  test(`an unwrapped client in a room with a wrapped one is sent the same bytes, ${server}`, async () => {
    const place: Place = { server, client: "4.8", transport: "websocket" };
    const raw = await run(place, REFERENCE);
    const wrapped = await run(place, plainB);
    expect(wrapped.packets).toEqual(raw.packets);
    expect(raw.packets.length).toBeGreaterThan(40);
    expect(wrapped.bytes).toBe(raw.bytes);
  });
}

for (const transport of ["polling", "upgrade"] as const) {
  test(`an unwrapped client in a room with a wrapped one gets the same packets, ${transport}`, async () => {
    const place: Place = { server: "4.8", client: "4.8", transport };
    const raw = await run(place, REFERENCE);
    const wrapped = await run(place, plainB);
    expect(wrapped.packets).toEqual(raw.packets);
  });
}

test("a wrapped client is sent something else, so the comparison can fail", async () => {
  const place: Place = { server: "4.8", client: "4.8", transport: "websocket" };
  const [raw, wrapped] = [await run(place, REFERENCE), await run(place, BOTH_WRAPPED)];
  expect(wrapped.packets).not.toEqual(raw.packets);
  expect(wrapped.bytes).not.toBe(raw.bytes);
});
