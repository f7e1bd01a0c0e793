/**
 * One of several workers on one SQLite file: publishes, handles orders, and keeps a diary of both.
 *
 * Rule: it writes down what it is about to do in the turn in which it does it. It has no adapter: what reaches the clients of other
 * workers does so by the log.
 */
import { createServer } from "node:http";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setupWorker } from "@socket.io/sticky";
import { Server } from "socket.io";
import { reliable } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { ALL, content, diary, digest, LAST } from "./chaos-diary.ts";
import { HALF, inHalf, type WorkerNews, type WorkerOrder, type WorkersPlan } from "./workers-plan.ts";

const plan: WorkersPlan = JSON.parse(process.argv[2] as string);
const node = `w${process.pid}`;
const write = diary(join(plan.dir, `server-${node}.jsonl`));
const say = (line: object) => write({ node, ...line });
const tell = (news: WorkerNews) => process.send?.(news, () => {});
say({ type: "begin" });

// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;
// A primary that is busy may read, and lose, what comes on a connection that it has handed over until it hears that the worker has it: the
// client's first packet, often. Socket.IO's remedy is `connectTimeout`, 45 s by default.
const server = new Server(createServer(), { pingInterval: 1_000, pingTimeout: 1_000, connectTimeout: 1_000 });
const io = reliable(server as Any, { store: sqlite(plan.file) }) as Any;
setupWorker(io);
const errors: Record<string, number> = {};
io.delivery.on("error", (error: { code?: string }) => {
  const what = error.code ?? String(error);
  errors[what] = (errors[what] ?? 0) + 1;
});

let published = 0;
let number = 0;
let busy = false;

function publish(id: string, to: string, emits = false): void {
  const message = content(id);
  say({ type: "publish", id, to: [to], data: digest(message) });
  if (emits) {
    io.to(to).emit("n", message);
    return;
  }
  io.delivery
    .to(to)
    .publish("n", message)
    .then(
      ({ offset }: { offset: number }) => {
        published++;
        say({ type: "published", id, offset });
      },
      // Only of these it is said that nothing was kept.
      ({ code }: { code?: string }) => code === "STORE_BUSY" && say({ type: "refused", id }),
    );
}

io.on("connection", (socket: Any) => {
  const { session } = socket.delivery;
  if (!socket.rooms.has(ALL)) {
    const rooms = [ALL, ...(inHalf(socket.handshake.auth.name) ? [HALF] : [])];
    void socket.join(rooms);
    // Nothing is published before all have joined.
    for (const room of [...rooms]) say({ type: "join", session, room, offset: 0 });
  }
  socket.on("order", (order: { readonly id: string }, answer: (id: string) => void) => {
    const { id } = order;
    say({ type: "handled", id, session, data: digest(order) });
    // Handled again by another worker, it is the same publish.
    if (busy && digest(id) % 5 === 0) publish(`after ${id}`, ALL);
    answer(id);
  });
});

let due = 0;
let tickedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  due = Math.min(due + ((now - tickedAt) * plan.publishesPerSecond) / 1_000, 20);
  tickedAt = now;
  for (; due >= 1; due--) {
    if (!busy) continue;
    const id = `${node}.${number++}`;
    publish(id, number % 3 === 0 ? HALF : ALL, number % 10 === 0);
  }
}, 5);

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
setInterval(() => {
  tell({ published, sockets: io.sockets.sockets.size, errors, stalledMs: delay.max / 1e6 });
  delay.reset();
}, 20);
process.on("message", ({ flush, busy: now, last }: WorkerOrder) => {
  if (now !== undefined) busy = now;
  if (last) publish(LAST, ALL);
  if (flush)
    void io.delivery
      .to("nobody")
      .publish("n")
      .then(() => tell({ flushed: flush }));
});
process.on("disconnect", () => process.exit());
await io.delivery.ready;
tell({ listening: true });
