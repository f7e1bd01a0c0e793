/**
 * The server of the chaos run, in a process of its own: publishes to rooms that clients come and go in, handles orders, and
 * keeps a diary of all of it.
 *
 * Rule: it writes down what it is about to do in the turn in which it does it; the diary's order is the order of the calls.
 */
import { createServer } from "node:http";
import { Server, type Socket } from "socket.io";
import { type ReliableServer, reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { chance } from "../chance.ts";
import {
  ALL,
  content,
  diary,
  digest,
  LAST,
  type News,
  type Order,
  ROOMS,
  type ServerPlan,
  stall,
} from "./chaos-diary.ts";

const plan: ServerPlan = JSON.parse(process.argv[2] as string);
const random = chance(plan.seed + plan.life * 7919);
const write = diary(plan.diary);
const say = (line: object) => write({ node: "server", ...line });
const tell = (news: News) => process.send?.(news);
say({ type: "begin" });

// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;
const http = createServer();
const plain = new Server(http, { pingInterval: 1_000, pingTimeout: 500, connectTimeout: 2_000 });
const io: ReliableServer<Any, Any, Any, Any> | undefined =
  plan.kind === "plain"
    ? undefined
    : reliable(plain as Any, {
        store: plan.kind === "memory" ? memory() : sqlite(plan.file),
        ackTimeoutMs: 400,
      });
io?.delivery.on("error", (error) => console.error(`[server ${plan.life}] ${error}`));

let acknowledged = 0;
let open = 0;
let number = 0;
let quiet = false;

/** Publishes, and says so before and after. */
function publish(id: string, to: readonly string[], except: readonly string[] = []): Promise<void> | undefined {
  const message = content(id);
  say({ type: "publish", id, to, except, data: digest(message) });
  const published = (offset?: number) => {
    acknowledged++;
    say({ type: "published", id, offset });
  };
  if (!io || plan.kind === "hasty") {
    plain
      .to([...to])
      .except([...except])
      .emit("n", message);
    published();
    return undefined;
  }
  open++;
  return io.delivery
    .to(to)
    .except(except)
    .publish("n", message)
    .then(
      ({ offset }) => {
        open--;
        published(offset);
      },
      (error: { code?: string }) => {
        open--;
        // Of any other error it is not said that nothing was kept.
        if (error.code === "OVERLOADED") say({ type: "refused", id });
        else console.error(`[server ${plan.life}] ${id}: ${error}`);
      },
    );
}

const sessionOf = (socket: Socket): string => (socket as Any).delivery?.session ?? socket.handshake.auth.name;

plain.on("connection", (socket) => {
  const session = sessionOf(socket);
  say({
    type: "rooms",
    session,
    rooms: [session, ALL, ...ROOMS].filter((room) => room === session || socket.rooms.has(room)),
  });
  if (!socket.rooms.has(ALL)) {
    say({ type: "join", session, room: session });
    for (const room of [ALL, ...ROOMS.filter(() => random(2) === 0)]) {
      say({ type: "join", session, room });
      void socket.join(room);
    }
  }
  socket.on("order", (order: { readonly id: string }, answer: (id: string) => void) => {
    const { id } = order;
    const line = { id, session, data: digest(order) };
    const kind = digest(id) % 20;
    if (kind === 0) void publish(`after ${id}`, [ALL]);
    if (kind > 4) {
      say({ type: "handled", ...line });
      answer(id);
      return undefined;
    }
    // Some answer first and go on working; those are settled later than they are answered.
    say({ type: "received", ...line });
    answer(id);
    return new Promise<void>((resolve) => {
      setTimeout(() => {
        say({ type: "handled", ...line });
        resolve();
      }, kind * 3);
    });
  });
});

let due = 0;
let tickedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  // After a stall it does not catch up.
  due = Math.min(due + ((now - tickedAt) * plan.publishesPerSecond) / 1_000, 50);
  tickedAt = now;
  const sockets = [...plain.sockets.sockets.values()];
  for (; due >= 1; due--) {
    if (quiet || open > 2_000 || sockets.length === 0) continue;
    const socket = sockets[random(sockets.length)] as Socket;
    const dice = random(100);
    const to = dice < 30 ? [ALL] : dice < 40 ? [sessionOf(socket)] : ROOMS.filter(() => random(3) === 0);
    const except = dice % 10 === 0 ? [ROOMS[random(4)] as string] : [];
    if (to.length > 0 && (io || to[0] === ALL)) {
      if (to[0] === sessionOf(socket) && io) direct(to[0], `${plan.life}.${number++}`);
      else void publish(`${plan.life}.${number++}`, to, except);
    }
    if (io && dice < 8) toggle(socket, ROOMS[random(4)] as string);
  }
}, 5);

function toggle(socket: Socket, room: string): void {
  const leaves = socket.rooms.has(room);
  say({ type: leaves ? "leave" : "join", session: sessionOf(socket), room });
  void (leaves ? socket.leave(room) : socket.join(room));
}

/** To one session. */
function direct(session: string, id: string): void {
  const message = content(id);
  say({ type: "publish", id, to: [session], data: digest(message) });
  open++;
  void (io as Any).delivery
    .toSession(session)
    .publish("n", message)
    .then(({ offset }: { offset: number }) => {
      acknowledged++;
      say({ type: "published", id, offset });
    })
    .catch((error: unknown) => console.error(`[server ${plan.life}] ${id}: ${error}`))
    .finally(() => open--);
}

let ending = false;
let ended = false;
setInterval(() => {
  tell({ acknowledged, open, ended });
  acknowledged = 0;
}, 20);
process.on("message", ({ stallMs, quiet: now }: Order) => {
  if (stallMs) stall(stallMs);
  if (now === undefined) return;
  quiet = now;
  if (!quiet || ending) return;
  ending = true;
  void Promise.resolve(publish(LAST, [ALL])).then(() => {
    ended = true;
  });
});
process.on("disconnect", () => process.exit());
await io?.delivery.ready;
http.listen(plan.port, "127.0.0.1", () => tell({ up: (http.address() as { port: number }).port }));
