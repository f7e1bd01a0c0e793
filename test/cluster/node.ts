/**
 * A node of a cluster, in a process of its own: publishes to rooms, handles orders, and keeps a diary of both.
 *
 * Rule: it writes down what it is about to do in the turn in which it does it, and what it was told in the turn in which it was;
 * of a refusal it says only what its code says.
 */
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Server, type Socket } from "socket.io";
import { type ReliableServer, reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { chance } from "../chance.ts";
import { digest } from "../stack/chaos-diary.ts";
import { clientOf, type RedisClient, redisStore } from "./drivers.ts";
import { diary, EVERYBODY, type NodeNews, type NodePlan, type Order, ROOMS, roomsOf } from "./plan.ts";

const plan: NodePlan = JSON.parse(process.argv[2] as string);
const { name, mode } = plan;
const random = chance(plan.seed + plan.life * 7919);
const write = diary(plan.diary);
const say = (line: object) => write.say({ node: name, ...line });
say({ type: "begin" });

// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;

/** Publishes begun and not over, at most: an outage must not pile them up. */
const MAX_OPEN = 3_000;
/** With these nothing was kept. Of any other error it is unknown. */
const REFUSED = new Set(["STORE_FULL", "STORE_READONLY", "STORE_BUSY", "OVERLOADED", "INVALID", "CLOSED"]);

const client: RedisClient | undefined =
  mode === "gapless-sqlite" || mode === "apart" ? undefined : clientOf(plan.driver, plan.redisPort);
// The official adapter works on the client itself; our store makes connections of its own.
if (mode === "official") await client?.connect();
const http = createServer();
const plain = new Server(http, {
  ...plan.ping,
  connectTimeout: 2_000,
  ...(mode === "official" && client
    ? { adapter: createAdapter(client as Any, { maxLen: 100_000 }) as Any, connectionStateRecovery: {} }
    : {}),
});

function store(): Store {
  if (mode === "gapless-sqlite") return sqlite(plan.file);
  if (mode === "apart" || !client) return memory();
  return redisStore(client);
}

const io: ReliableServer<Any, Any, Any, Any> | undefined =
  mode === "official" ? undefined : reliable(plain as Any, { store: store(), ackTimeoutMs: 1_000 });
const told = new Map<string, number>();
io?.delivery.on("error", (error) => {
  // Once a kind: an outage says the same over and over.
  const what = (error as { code?: string }).code ?? error.message;
  const times = (told.get(what) ?? 0) + 1;
  told.set(what, times);
  if (times === 1 && process.env.REPORT) console.error(`[${name}.${plan.life}] ${error}`);
});

let acknowledged = 0;
let handled = 0;
let open = 0;
let number = 0;
let busy = false;
const published: string[] = [];
const refused: Record<string, number> = {};

/** Publishes, and says so before and after. */
async function publish(id: string, to: readonly string[], except: readonly string[] = []): Promise<boolean> {
  const message = { id, text: "é↯x".repeat(digest(id) % 20) };
  say({ type: "publish", id, to, except, data: digest(message) });
  const rooms = to.filter((room) => room !== EVERYBODY);
  const done = (receipt?: { readonly offset: number; readonly epoch: string }) => {
    acknowledged++;
    say({ type: "published", id, offset: receipt?.offset, epoch: receipt?.epoch });
    return true;
  };
  if (!io || mode === "hasty") {
    plain
      .to(rooms)
      .except([...except])
      .emit("n", message);
    return done();
  }
  open++;
  try {
    return done(await io.delivery.to(rooms).except(except).publish("n", message));
  } catch (error) {
    const { code = String(error) } = error as { code?: string };
    refused[code] = (refused[code] ?? 0) + 1;
    // What a handler publishes may be published again by its next run.
    if (REFUSED.has(code) && !id.startsWith("after")) say({ type: "refused", id, code });
    else say({ type: "unknown", id, code });
    return false;
  } finally {
    open--;
  }
}

/** As an application does that does not ask: nobody is told what becomes of it. */
function emit(id: string, to: readonly string[]): void {
  const message = { id };
  say({ type: "publish", id, to, data: digest(message) });
  plain.to([...to]).emit("n", message);
}

const sessionOf = (socket: Socket): string => (socket as Any).delivery?.session ?? socket.handshake.auth.name;

plain.on("connection", async (socket) => {
  const session = sessionOf(socket);
  socket.on("order", (order: { readonly id: string }, answer: (id: string) => void) => {
    const { id } = order;
    say({ type: "handled", id, session, data: digest(order) });
    handled++;
    // What a handler publishes has its identity from the message: handled again on another node, it is the same.
    if (io && digest(id) % 4 === 0) void publish(`after ${id}`, [EVERYBODY]);
    answer(id);
  });
  const rooms = roomsOf(socket.handshake.auth.name);
  if (rooms.some((room) => !socket.rooms.has(room))) {
    say({ type: "joining", session });
    await socket.join(rooms);
    say({ type: "joined", session });
  }
  socket.emit("ready");
});

let due = 0;
let tickedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  // After a stall it does not catch up.
  due = Math.min(due + ((now - tickedAt) * plan.publishesPerSecond) / 1_000, plan.publishesPerSecond / 20);
  tickedAt = now;
  for (; due >= 1; due--) {
    if (!busy || open > MAX_OPEN) continue;
    const id = `${name}.${plan.life}.${number++}`;
    const dice = random(100);
    const room = () => ROOMS[random(ROOMS.length)] as string;
    if (dice < 70) void publish(id, [EVERYBODY]);
    else if (dice < 80) void publish(id, [room(), room()]);
    else if (dice < 90) void publish(id, [EVERYBODY], [room()]);
    else emit(id, [room()]);
  }
}, 5);

setInterval(() => {
  const news: NodeNews = { acknowledged, open, published, refused, handled };
  process.send?.(news);
}, 20);
process.on("message", (order: Order) => {
  if (order.busy !== undefined) busy = order.busy;
  if (order.dump) void dump();
  if (!order.publish) return;
  const { id, to } = order.publish;
  void publish(id, [to]).then((done) => done && published.push(id));
});

async function dump(): Promise<void> {
  if (!io) return;
  console.error(`[${name}]`, JSON.stringify(await io.delivery.metrics()));
  for await (const session of io.delivery.sessions()) {
    const socket = [...plain.sockets.sockets.values()].find((one) => (one as Any).delivery?.session === session.id);
    console.error(`[${name}]`, JSON.stringify({ client: socket?.handshake.auth.name, ...session }));
  }
}
process.on("disconnect", () => process.exit());
await io?.delivery.ready;
http.listen(plan.port, "127.0.0.1", () => process.send?.({ up: (http.address() as { port: number }).port }));
