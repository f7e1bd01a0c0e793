/**
 * What all peers on Socket.IO have in common.
 *
 * Rule: settings, event names and handlers are the same for every peer; a peer only says what is wrapped around them.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { Client, Payload, Service } from "./peer.ts";

const ROOM = "everybody";

/** Settings of every client: WebSocket only, a connection of its own. */
export const CLIENT_SETTINGS: Partial<ManagerOptions & SocketOptions> = { transports: ["websocket"], forceNew: true };

/** Starts a Socket.IO server. @param wrap Does with it what the peer is about. */
export async function serve(wrap: (io: Server) => void): Promise<Service> {
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], serveClient: false });
  wrap(io);
  let answer: (payload: Payload) => number = () => -1;
  io.on("connection", (socket) => {
    void socket.join(ROOM);
    socket.on("question", (payload: Payload, reply: (n: number) => void) => reply(answer(payload)));
  });
  await new Promise<void>((resolve) => {
    http.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (http.address() as AddressInfo).port,
    publish: (payload) => void io.to(ROOM).emit("message", payload),
    handle(handler) {
      answer = handler;
    },
  };
}

/** Address of a server. */
export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Waits until a socket is connected. */
export async function connected(socket: Socket): Promise<Client> {
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return {
    listen: (listener) => void socket.on("message", listener),
    ask: (payload) => socket.emitWithAck("question", payload),
  };
}
