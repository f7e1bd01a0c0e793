/** The public types as users meet them. Nothing runs: `tsc` is the test, and each `@ts-expect-error` is a line that must not compile. */
import type { Server as HttpServer } from "node:http";
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { type DefaultEventsMap, Server, type Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { io as connect, type ReliableSocket, reliable as wrap } from "../../src/client/index.ts";
import { createEmitter, type Emitter } from "../../src/server/emitter.ts";
import { type Receipt, type ReliableServer, reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { redis } from "../../src/store/redis.ts";

// Interfaces, not type aliases: a stricter constraint than Socket.IO's own would refuse them.
interface ServerToClient {
  message: (text: string, at: number) => void;
  typing: () => void;
  ask: (question: string, answer: (text: string) => void) => void;
}
interface ClientToServer {
  send: (text: string) => void;
  count: (answer: (n: number) => void) => void;
}
interface Data {
  user: string;
}

export function servers(http: HttpServer): void {
  const io = reliable(new Server<ClientToServer, ServerToClient, DefaultEventsMap, Data>(http), {
    store: memory(),
    principal: (socket: Socket) => (socket.data as Data).user,
  });
  const plain: Server<ClientToServer, ServerToClient, DefaultEventsMap, Data> = io;
  const named: ReliableServer<ClientToServer, ServerToClient, DefaultEventsMap, Data> = io;
  io.emit("message", "hello", 1);
  io.to("room").emit("typing");
  io.on("connection", (socket) => {
    const { user }: { user: string } = socket.data;
    socket.on("send", (text) => io.to(user).emit("message", text.trim(), 1));
    socket.on("count", (answer) => answer(1));
    // @ts-expect-error: no such event
    socket.emit("nothing");
  });
  const receipt: Promise<Receipt> = io.delivery.to("room").except(["a", "b"]).publish("message", "hello", 1);
  void io.delivery.toSession("id").publish("typing");
  void io.delivery.of("/chat").with({ id: "01J" }).publish("message", "hello", 1);
  // @ts-expect-error: an event with an acknowledgement cannot be logged for many
  void io.delivery.publish("ask", "why?");
  // @ts-expect-error: wrong argument
  void io.delivery.publish("message", 1, 1);
  // @ts-expect-error: no such event
  void io.delivery.publish("nothing");
  // @ts-expect-error: no such option
  reliable(new Server(http), { retention: { maxAge: 1 } });
  const untyped = reliable(new Server(http));
  void untyped.delivery.publish("anything", 1, { at: "all" });
  void [plain, named, receipt];
}

export function stores(): void {
  const made = [
    redis(new Redis()),
    redis(new Cluster([])),
    redis(createClient(), { prefix: "shop", replicas: 1 }),
    redis(createCluster({ rootNodes: [] })),
  ];
  // @ts-expect-error: no client
  redis("redis://localhost");
  // @ts-expect-error: no such option
  redis(new Redis(), { maxLen: 1 });
  void made;
}

export function workers(): void {
  const emitter: Emitter<ServerToClient> = createEmitter<ServerToClient>(memory(), { limits: { payloadBytes: 1_000 } });
  const receipt: Promise<Receipt> = emitter.to("room").except(["a", "b"]).publish("message", "hello", 1);
  void emitter.toSession("id").publish("typing");
  emitter.on("error", (error) => void error.message);
  // @ts-expect-error: wrong argument
  void emitter.of("/chat").with({ id: "01J" }).publish("message", 1, 1);
  // @ts-expect-error: an event with an acknowledgement cannot be logged for many
  void emitter.publish("ask", "why?");
  // @ts-expect-error: a limit of servers only
  createEmitter(memory(), { limits: { rooms: 1 } });
  void createEmitter(memory()).publish("anything", 1, { at: "all" });
  void receipt;
}

export async function clients(existing: ClientSocket<ServerToClient, ClientToServer>): Promise<void> {
  const socket: ReliableSocket<ServerToClient, ClientToServer> = connect("http://localhost", {
    auth: { token: "t" },
    reliable: { resync: async (gap) => `${gap.reason}` },
  });
  const plain: ClientSocket<ServerToClient, ClientToServer> = socket;
  socket.on("message", (text, at) => void text.repeat(at));
  socket.on("ask", (_question, answer) => answer("because"));
  socket.emit("send", "hi");
  const n: number = await socket.emitWithAck("count");
  const late: number = await socket.timeout(1_000).emitWithAck("count");
  socket.delivery.on("gap", ({ from, to }) => void (to - from));
  // @ts-expect-error: wrong argument
  socket.emit("send", 1);
  const wrapped = wrap(existing);
  wrapped.delivery.outbox.subscribe(({ size }) => void size);
  void [plain, n, late];
}
