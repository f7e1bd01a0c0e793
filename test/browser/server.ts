/**
 * The server of the browser's tests, in a process of its own: publishes news to a room and handles orders.
 *
 * Rule: it writes an order down in the turn in which it handles it, so that what a killed process has handled is known.
 */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { type ReliableSocket, reliable, type SocketDelivery } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";

/** What it is told. */
export interface ServerPlan {
  readonly port: number;
  readonly file: string;
  /** Where orders are written down: a line each, session and number. */
  readonly handled: string;
  /** How often it asks whether a client is still there. */
  readonly pingMs: number;
}

/** What it is asked. */
export type Request =
  | { readonly kind: "publish"; readonly from: number; readonly to: number }
  | { readonly kind: "connections" };

/** Every client here is wrapped. */
type Reliable = ReliableSocket & { readonly delivery: SocketDelivery };

const plan: ServerPlan = JSON.parse(process.argv[2] as string);
const http = createServer();
const io = reliable(
  new Server(http, {
    cors: { origin: "*" },
    pingInterval: plan.pingMs,
    pingTimeout: plan.pingMs,
  }),
  { store: sqlite(plan.file), ackTimeoutMs: 2_000 },
);
io.delivery.on("error", (error) => console.error(`server: ${error}`));
// Every namespace alike.
io.of(/.*/).on("connection", connected);
io.on("connection", connected);
function connected(plain: unknown): void {
  const socket = plain as Reliable;
  void socket.join("news");
  socket.on("order", (n: string, answer?: (n: string) => void) => {
    appendFileSync(plan.handled, `${socket.delivery.session} ${n}\n`);
    answer?.(n);
  });
}

process.on("message", (request: Request) => {
  void (async () => {
    if (request.kind === "connections") {
      const connections = ([...io.sockets.sockets.values()] as Reliable[]).map(({ delivery }) => delivery.session);
      process.send?.({ connections });
      return;
    }
    const all: Promise<unknown>[] = [];
    for (let n = request.from; n < request.to; n++) all.push(io.delivery.to("news").publish("news", n));
    await Promise.all(all);
    process.send?.({ published: request.to });
  })();
});
await io.delivery.ready;
http.listen(plan.port, "127.0.0.1", () => {
  process.send?.({ port: (http.address() as { port: number }).port });
});
