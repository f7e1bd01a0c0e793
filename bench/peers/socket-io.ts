/**
 * What all peers on Socket.IO have in common.
 *
 * Rule: settings, event names and handlers are the same for every peer; a peer only says what is wrapped around them.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions, type Socket as ServerSocket } from "socket.io";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { WebSocket } from "ws";
import type { Client, Payload, Service } from "./peer.ts";

/** The room that every client is in. */
export const EVERYBODY = "everybody";

/** Settings of every client: WebSocket only, a connection of its own, which comes back when it is told to. */
export const CLIENT_SETTINGS: Partial<ManagerOptions & SocketOptions> = {
  transports: ["websocket"],
  forceNew: true,
  reconnection: false,
};

/** What a peer does differently. */
export interface Differences {
  readonly options?: Partial<ServerOptions>;
  readonly port?: number;
  /** Called with the server before it listens. */
  readonly wrap?: (io: Server) => void;
  /** Called for each connection, after it has joined everybody's room. */
  readonly welcome?: (socket: ServerSocket) => void;
  readonly publishTo?: (io: Server, room: string, payload: Payload) => void;
  /** Called with what a client asks, before it is handled. Answers whether it is new; what is not is not handled. */
  readonly take?: (payload: Payload, rest: readonly unknown[]) => boolean;
}

/** Starts a Socket.IO server. */
export async function serve(differences: Differences = {}): Promise<Service & { readonly io: Server }> {
  const { options, port = 0, wrap, welcome, take, publishTo = emitTo } = differences;
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], serveClient: false, ...options });
  wrap?.(io);
  let answer: (payload: Payload) => number = () => -1;
  io.on("connection", (socket) => {
    void socket.join(EVERYBODY);
    socket.on("question", (payload: Payload, ...rest: unknown[]) => {
      const isNew = take?.(payload, rest) ?? true;
      (rest.at(-1) as (n: number) => void)(isNew ? answer(payload) : payload.n);
    });
    socket.on("join", async (rooms: string[], reply: () => void) => {
      await socket.join(rooms);
      reply();
    });
    welcome?.(socket);
  });
  await new Promise<void>((resolve) => {
    http.listen(port, "127.0.0.1", resolve);
  });
  return {
    io,
    port: (http.address() as AddressInfo).port,
    publish: (payload) => publishTo(io, EVERYBODY, payload),
    publishTo: (room, payload) => publishTo(io, room, payload),
    handle(handler) {
      answer = handler;
    },
  };
}

/** Address of a server. */
export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** What a client of Socket.IO is to a workload, once it is connected. */
export async function connected(socket: Socket): Promise<Client> {
  await connection(socket);
  return {
    listen: (listener) => void socket.on("message", listener),
    ask: (payload) => socket.emitWithAck("question", payload),
    join: (rooms) => socket.emitWithAck("join", rooms),
    cut: () => webSocket(socket).terminate(),
    comeBack() {
      const back = connection(socket);
      socket.connect();
      return back;
    },
    pause: () => webSocket(socket).pause(),
    resume: () => webSocket(socket).resume(),
  };
}

function emitTo(io: Server, room: string, payload: Payload): void {
  io.to(room).emit("message", payload);
}

function connection(socket: Socket): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
}

/** The connection under a socket. */
function webSocket(socket: Socket): WebSocket {
  return (socket.io.engine.transport as unknown as { readonly ws: WebSocket }).ws;
}
