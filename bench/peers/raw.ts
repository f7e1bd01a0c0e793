/**
 * `ws` without anything on it: what the transport itself allows.
 *
 * Rule: a message is encoded and framed once for all clients, as Socket.IO does it.
 */
import { once } from "node:events";
import * as ws from "ws";
import type { Client, Payload, Peer, Service } from "./peer.ts";

/** What the two sides say to each other. */
type Said =
  | { readonly message: Payload }
  | { readonly question: Payload; readonly id: number }
  | { readonly join: readonly string[]; readonly id: number }
  | { readonly answer: number; readonly id: number };

/** The parts of ws that are not in its types. */
interface Sender {
  readonly Sender: { frame(data: Buffer, options: object): Buffer[] };
}
interface WithSender {
  readonly _sender: { sendFrame(frame: readonly Buffer[]): void };
}

const TEXT = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };

/** Raw WebSockets. */
export const raw: Peer = {
  key: "ws",
  name: "ws",
  kept: "handled",
  can: ["rooms"],

  async serve(): Promise<Service> {
    const server = new ws.WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
    await once(server, "listening");
    const rooms = new Map<string, Set<ws.WebSocket>>();
    let answer: (payload: Payload) => number = () => -1;
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      socket.on("close", () => {
        for (const members of rooms.values()) members.delete(socket);
      });
      socket.on("message", (data: Buffer) => {
        const said: Said = JSON.parse(data.toString());
        if ("question" in said) say(socket, { answer: answer(said.question), id: said.id });
        if (!("join" in said)) return;
        for (const room of said.join) rooms.set(room, (rooms.get(room) ?? new Set()).add(socket));
        say(socket, { answer: 0, id: said.id });
      });
    });
    const send = (to: Iterable<ws.WebSocket>, message: Payload) => {
      const frame = (ws as unknown as Sender).Sender.frame(Buffer.from(JSON.stringify({ message })), TEXT);
      for (const socket of to) (socket as unknown as WithSender)._sender.sendFrame(frame);
    };
    const address = server.address();
    return {
      port: typeof address === "object" && address ? address.port : 0,
      publish: (payload) => send(server.clients, payload),
      publishTo: (room, payload) => send(rooms.get(room) ?? [], payload),
      handle(handler) {
        answer = handler;
      },
    };
  },

  async connect(port): Promise<Client> {
    const waiting = new Map<number, (answer: number) => void>();
    let asked = 0;
    let listener: (payload: Payload) => void = () => {};
    const open = async () => {
      const socket = new ws.WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
      socket.on("error", () => {});
      socket.on("message", (data: Buffer) => {
        const said: Said = JSON.parse(data.toString());
        if ("message" in said) listener(said.message);
        else if ("answer" in said) {
          waiting.get(said.id)?.(said.answer);
          waiting.delete(said.id);
        }
      });
      await once(socket, "open");
      return socket;
    };
    let socket = await open();
    const answered = (said: (id: number) => Said) =>
      new Promise<number>((resolve) => {
        const id = asked++;
        waiting.set(id, resolve);
        say(socket, said(id));
      });
    return {
      listen(next) {
        listener = next;
      },
      ask: (question) => answered((id) => ({ question, id })),
      join: async (rooms) => void (await answered((id) => ({ join: rooms, id }))),
      cut: () => socket.terminate(),
      async comeBack() {
        socket = await open();
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    };
  },
};

function say(socket: ws.WebSocket, said: Said): void {
  socket.send(JSON.stringify(said));
}
