/**
 * Spoilt frames into a session that is under way: one that is refused changes nothing, on either side, and the session works on.
 *
 * Rule: a real server, a real client and the connection between them; frames enter where Socket.IO hands over what came from
 * the transport. Only those are let in that are to be refused.
 */
import { createServer } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { Server, type Socket } from "socket.io";
import { describe, expect, it } from "vitest";
import { io as connect } from "../../src/client/index.ts";
import { FRAME_EVENT, parseServerFrame } from "../../src/core/wire.ts";
import { parseClientFrame } from "../../src/server/client-frames.ts";
import { linkOf } from "../../src/server/decorate-socket.ts";
import { reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { type Chance, chance, pick } from "../chance.ts";
import { type Sample, samples } from "./frames.ts";
import { garble, spoil } from "./mutate.ts";
import { EVENT, encodeSample, Wire } from "./socket-io.ts";

const RUNS = Number(process.env.FUZZ_FRAMES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);

// biome-ignore lint/suspicious/noExplicitAny: hidden members of Socket.IO.
type Any = any;

/** Something that hands on what came from a transport. */
type Inlet = (part: string | Buffer) => void;

async function until(what: string, condition: () => unknown): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await turn();
  }
}

/** A session with something of everything: entries that came, one of them not settled; messages that came, one not settled. */
async function session() {
  const http = createServer();
  const io = reliable(new Server(http) as Any, { store: memory() }) as Any;
  const atServer: unknown[] = [];
  const atClient: unknown[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  io.on("connection", (socket: Socket) => {
    void socket.join("r1");
    socket.on("order", (value, answer) => {
      atServer.push(value);
      answer(value);
    });
    socket.on("slow", () => released);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, "127.0.0.1", resolve);
  });
  const client = connect(`http://127.0.0.1:${(http.address() as { port: number }).port}`, {
    transports: ["websocket"],
    forceNew: true,
    reliable: { ackDelayMs: 0 },
  }) as Any;
  client.on("news", (value: unknown) => atClient.push(value));
  client.on("slow", () => released);
  await until("it is connected", () => client.connected);
  const [socket] = io.sockets.sockets.values() as Iterable<Socket>;
  const link = linkOf(socket as Socket);
  if (!link) throw new Error("the socket has no session");
  for (let i = 0; i < 5; i++) {
    await io.delivery.to("r1").publish(i === 2 ? "slow" : "news", i);
    if (i === 2) client.emit("slow");
    else await client.emitWithAck("order", i);
  }
  const own = link.connection.session;
  await until("all is quiet", () => {
    const quiet = atClient.length === 4 && link.connection.inFlight === 0 && own.writes === 0;
    return quiet && !own.answers?.left({}) && client.delivery.outbox.size === 1;
  });
  /** All there is to know of the session, on the server. */
  const onServer = (): string =>
    JSON.stringify([
      [own.generation, own.confirmed, own.cursor, own.arrived, own.position, own.busy, own.idle],
      [own.inbox.received, own.inbox.state, own.answers?.left({}), own.inboxReport()],
      [own.memberships.all(), own.intended(), own.owed.length],
      [link.connection.live, link.connection.closed, link.connection.inFlight, link.connection.drained],
      [[...(socket as Socket).rooms], atServer],
    ]);
  /** And on the client. */
  const onClient = (): string => {
    const { badFrames, ...metrics } = client.delivery.metrics();
    const { state, session, recovered, outbox } = client.delivery;
    return JSON.stringify([state, session, recovered, outbox.list(), outbox.size, outbox.bytes, metrics, atClient]);
  };
  const close = async () => {
    client.delivery.close();
    await io.close();
  };
  const toServer: Inlet = (part) => (socket as Any).conn.emit("data", part);
  const toClient: Inlet = (part) => client.io.engine.emit("data", part);
  return { io, client, atServer, atClient, release, onServer, onClient, toServer, toClient, close };
}

/** A spoilt frame that Socket.IO's parser takes for an event of ours; what it holds, and as it travels. */
function spoilt(wire: Wire, from: readonly Sample[], random: Chance) {
  for (;;) {
    const sample = pick(random, from);
    const value = spoil(structuredClone(sample.value), random, false);
    let parts = encodeSample({ from: sample.from, value: Array.isArray(value) ? value : [value] });
    if (random(2) === 0) parts = [garble(parts[0] as string, random), ...parts.slice(1)];
    const packets = wire.receive(parts);
    const [packet] = packets;
    if (packets.length !== 1 || packet?.nsp !== "/" || !Array.isArray(packet.data)) continue;
    if (packet.type !== EVENT && packet.type !== EVENT + 3) continue;
    if (packet.data[0] === FRAME_EVENT) return { parts, raw: packet.data.slice(1) as unknown[] };
  }
}

describe(`spoilt frames into a session (FUZZ_SEED=${SEED})`, () => {
  it(
    `${RUNS.toLocaleString("en")} of them: what is refused changes nothing, and the session works on`,
    async () => {
      const random = chance(SEED);
      const world = await session();
      const { io, client } = world;
      const wire = new Wire();
      const from = (side: Sample["from"]) => samples().filter((sample) => sample.from === side);
      const [clients, servers] = [from("client"), from("server")];
      let refused = 0;
      try {
        let server = world.onServer();
        let clientSide = world.onClient();
        const bad = async () => [(await io.delivery.metrics()).badFrames, client.delivery.metrics().badFrames];
        for (let run = 0; run < RUNS; run++) {
          const up = random(2) === 0;
          const { parts, raw } = spoilt(wire, up ? clients : servers, random);
          const frame = up ? parseClientFrame(raw) : parseServerFrame(raw);
          // Messages, repetitions and whatever a server may say do change something.
          if (frame && (!up || frame[0] !== "h")) continue;
          const [before] = [await bad()];
          for (const part of parts) (up ? world.toServer : world.toClient)(part);
          await turn();
          const where = `FUZZ_SEED=${SEED}, run ${run}: ${String(parts[0]).slice(0, 500)}`;
          const after = await bad();
          if (!frame) {
            refused++;
            expect(after, where).toEqual(up ? [before[0] + 1, before[1]] : [before[0], before[1] + 1]);
          }
          if (world.onServer() !== server || world.onClient() !== clientSide) {
            // The same, with what differs.
            expect([world.onServer(), world.onClient()], where).toEqual([server, clientSide]);
          }
          server = world.onServer();
          clientSide = world.onClient();
        }
        expect(refused).toBeGreaterThan(RUNS / 4);
        // Acknowledgements of what was never sent, and beyond what has arrived.
        for (const [number, cursor] of [
          [1_000, 0],
          [0, 2 ** 40],
          [2 ** 53 - 1, 2 ** 53 - 1],
        ]) {
          const [before] = await bad();
          world.toServer(`2["$g","a",${number},${cursor}]`);
          await turn();
          expect((await bad())[0]).toBe(before + 1);
          expect(world.onServer()).toBe(server);
        }
        world.release();
        const orders = world.atServer.length;
        for (let i = 0; i < 10; i++) {
          await io.delivery.to("r1").publish("news", `after ${i}`);
          expect(await client.emitWithAck("order", `after ${i}`)).toBe(`after ${i}`);
        }
        await until("everything has come", () => world.atClient.length === 14 && client.delivery.outbox.size === 0);
        expect(world.atClient.slice(4)).toEqual(Array.from({ length: 10 }, (_, i) => `after ${i}`));
        expect(world.atServer.slice(orders)).toEqual(world.atClient.slice(4));
        if (process.env.REPORT) console.log(JSON.stringify({ seed: SEED, frames: RUNS, refused }));
      } finally {
        await world.close();
      }
    },
    60_000 + RUNS * 5,
  );
});
