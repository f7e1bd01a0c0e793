/**
 * A node: an ordinary Socket.IO server with the official Redis adapter. The line marked (1) wraps it.
 *
 * Rule: each message is published twice, with the same number in the same turn: to the log, for wrapped clients, and past it, for the others.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import { reliable } from "../../src/server/index.ts";
import { redis } from "../../src/store/redis.ts";
import { connectTo, recorder } from "./acknowledged.ts";
import { NODES, PLAIN_TICK, PREFIX, TICK } from "./names.ts";
import * as settings from "./settings.ts";

const name = settings.required("NODE");
const rate = settings.RATE / NODES.length;
/** Publishes under way: while Redis is away they must not pile up. */
const MAX_OPEN = 500;
const PLAIN = "plain clients";
const DRAIN_MS = 1_000;

const client = connectTo(settings.required("REDIS_URL"));

const http = createServer();
const server = new Server(http, {
  adapter: createAdapter(client),
  // For the clients that are not wrapped: all that Socket.IO has to offer.
  connectionStateRecovery: {},
  pingInterval: settings.PING_INTERVAL_MS,
  pingTimeout: settings.PING_TIMEOUT_MS,
});
const io = reliable(server, {
  store: redis(client, { prefix: PREFIX }),
  durable: (event) => event === TICK,
  retention: { maxEntries: 200_000 },
}); // (1)
// The load balancer reads there to which node the requests of a session belong.
io.engine.generateId = () => `${name}-${randomUUID()}`;
io.delivery.on("error", ({ message }) => console.error(`node ${name}: ${message}`));
io.on("connection", (socket) => {
  if (!("delivery" in socket) || !socket.delivery) void socket.join(PLAIN);
});

/** A node that was started again counts from the start, under another name. */
const source = `${name}-${Date.now().toString(36)}`;
const acknowledge = recorder(client);
let number = 0;
let open = 0;

async function publish(): Promise<void> {
  const id = `${source}.${number++}`;
  io.to(PLAIN).emit(PLAIN_TICK, id);
  open++;
  try {
    const { offset } = await io.delivery.publish(TICK, id);
    acknowledge([id, offset]);
  } catch {
    // Nobody was told that it is safe, so nobody misses it. An application publishes it again, with the same id.
  } finally {
    open--;
  }
}

await io.delivery.ready;
let due = 0;
let tickedAt = performance.now();
const publishing = setInterval(() => {
  const now = performance.now();
  // After it stood still it does not catch up.
  due = Math.min(due + ((now - tickedAt) * rate) / 1_000, 20);
  tickedAt = now;
  for (; due >= 1; due--) if (open < MAX_OPEN) void publish();
}, 10);

// A rolling restart: what is under way is finished, clients go to other nodes, a few at a time.
process.once("SIGTERM", async () => {
  clearInterval(publishing);
  await io.delivery.drain({ timeoutMs: DRAIN_MS });
  await io.close();
  process.exit();
});
// It goes with the process that started it.
process.on("disconnect", () => process.exit());
http.listen(settings.number("PORT", 3000), process.env.HOST || "127.0.0.1");
