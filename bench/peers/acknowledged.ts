/**
 * Socket.IO with an acknowledgement of every message by every client: the outbox that many applications write themselves.
 *
 * Rule: what a client has not acknowledged is kept in memory and sent again when it comes back; the client drops what it has had.
 */
import type { Socket as ServerSocket } from "socket.io";
import { io } from "socket.io-client";
import type { Payload, Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, EVERYBODY, serve, urlOf } from "./socket-io.ts";

/** What is kept for one client. */
class Outbox {
  readonly #waiting = new Map<number, Payload>();
  #count = 0;
  #socket: ServerSocket | undefined;

  push(payload: Payload): void {
    const number = this.#count++;
    this.#waiting.set(number, payload);
    this.#send(number, payload);
  }

  /** The client is here: everything that is not acknowledged goes out again. */
  attach(socket: ServerSocket): void {
    this.#socket = socket;
    socket.on("disconnect", () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    for (const [number, payload] of this.#waiting) this.#send(number, payload);
  }

  #send(number: number, payload: Payload): void {
    this.#socket?.emit("message", payload, number, () => this.#waiting.delete(number));
  }
}

/** An outbox in memory for each client. */
export const acknowledged: Peer = {
  key: "ack",
  name: "Socket.IO, emit with ack per client",
  kept: "handled",
  can: ["rooms", "replays"],

  serve() {
    const outboxes = new Map<number, Outbox>();
    const rooms = new Map<string, Set<Outbox>>();
    const enter = (room: string, outbox: Outbox) => {
      rooms.set(room, (rooms.get(room) ?? new Set()).add(outbox));
    };
    return serve({
      publishTo(_server, room, payload) {
        for (const outbox of rooms.get(room) ?? []) outbox.push(payload);
      },
      welcome(socket) {
        const client = Number(socket.handshake.auth.client);
        const outbox = outboxes.get(client) ?? new Outbox();
        outboxes.set(client, outbox);
        enter(EVERYBODY, outbox);
        socket.on("join", (names: string[]) => {
          for (const name of names) enter(name, outbox);
        });
        outbox.attach(socket);
      },
    });
  },

  async connect(port, client) {
    const socket = io(urlOf(port), { ...CLIENT_SETTINGS, auth: { client } });
    let next = 0;
    return {
      ...(await connected(socket)),
      listen(listener) {
        socket.on("message", (payload: Payload, number: number, acknowledge: () => void) => {
          acknowledge();
          if (number < next) return;
          next = number + 1;
          listener(payload);
        });
      },
    };
  },
};
