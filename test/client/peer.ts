/** A real Socket.IO server with just enough of the protocol, written by hand, to talk to a client. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions, type Socket } from "socket.io";
import type { Hello, Welcome } from "../../src/core/wire.ts";
import { WELCOME } from "./bench.ts";

/** One connection of a wrapped client. */
export interface PeerConnection {
  readonly socket: Socket;
  readonly hello: Hello;
  /** Sends the next numbered frame. */
  say(...frame: unknown[]): void;
}

export interface Peer {
  readonly url: string;
  readonly io: Server;
  /** What came in, oldest first: `auth` of each connection, then the events of messages and of plain emits. */
  readonly auths: unknown[];
  readonly hellos: Hello[];
  readonly messages: unknown[][];
  readonly frames: unknown[][];
  readonly connections: PeerConnection[];
  /** Whether it speaks the protocol. */
  wrapped: boolean;
  welcome: Partial<Welcome>;
  /** How messages are answered. `undefined`: not at all, not even settled. */
  answer: (args: unknown[]) => unknown[] | undefined;
  close(): Promise<void>;
}

export async function startPeer(options: Partial<ServerOptions> = {}): Promise<Peer> {
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], ...options });
  let received = 0;
  let tokens = 0;
  const peer: Peer = {
    url: "",
    io,
    auths: [],
    hellos: [],
    messages: [],
    frames: [],
    connections: [],
    wrapped: true,
    welcome: {},
    answer: (args) => args.slice(1),
    close: () => io.close(),
  };
  const attach = (socket: Socket, next: (error?: Error) => void): void => {
    const { $g: hello, ...auth } = socket.handshake.auth as { $g?: Hello };
    if (peer.wrapped) socket.handshake.auth = auth;
    peer.auths.push(peer.wrapped ? auth : socket.handshake.auth);
    if (hello) peer.hellos.push(hello);
    if (peer.wrapped && hello) {
      let number = 0;
      // Not `emit`: with connection state recovery that goes through a room which the socket has not joined yet.
      const { packet } = socket as unknown as { packet(packet: object): void };
      const write = (...frame: unknown[]): void => packet.call(socket, { type: 2, data: ["$g", ...frame] });
      const say = (...frame: unknown[]): void => write(++number, ...frame);
      peer.connections.push({ socket, hello, say });
      const resumed = hello.session !== undefined;
      if (!resumed) received = hello.floor;
      write(0, "w", {
        ...WELCOME,
        offset: hello.offset ?? WELCOME.offset,
        token: `${++tokens}.x`,
        resumed,
        received,
        ...peer.welcome,
      });
      // What was settled is reported again: the frame that said so may be lost.
      if (resumed && received > hello.floor && peer.answer([])) say("a", received, received, [], []);
      socket.on("$g", (...frame: unknown[]) => {
        if (frame[0] === "h") {
          const [, query, ack] = frame as [string, { limit: number }, (page: unknown) => void];
          ack({ entries: [[99, "H", ["e", query.limit]]], more: true });
          return;
        }
        peer.frames.push(frame);
        if (frame[0] !== "m") return;
        for (const [seq, , wants, args] of frame[2] as [number, string, 0 | 1, unknown[]][]) {
          if (seq !== received + 1) continue;
          received = seq;
          if (args) peer.messages.push(args);
          const given = args ? peer.answer(args) : [];
          if (given) say("a", received, received, [], wants ? [[seq, given]] : []);
        }
      });
    }
    socket.onAny((event, ...args) => {
      if (event === "$g") return;
      const ack = args.at(-1);
      if (typeof ack === "function") {
        args.pop();
        ack(...args);
      }
      peer.messages.push([event, ...args]);
    });
    next();
  };
  io.use(attach);
  io.of("/other").use(attach);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return Object.assign(peer, { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
}

/** Waits until something holds; fails the test's own timeout otherwise. */
export async function until(holds: () => unknown): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
