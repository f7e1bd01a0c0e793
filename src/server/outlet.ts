/**
 * Where a connection's frames go.
 *
 * Rule: around everything that waits for its turn on the socket, and not to a WebSocket that is closing.
 */
import type { Namespace, Socket } from "socket.io";
import { FRAME_EVENT, type ServerFrame } from "../core/wire.ts";
import type { Outlet } from "./connection.ts";
import { type EncodedFrame, webSocketFrame } from "./encoded.ts";
import { type OpenSocket, open, PACKET } from "./internals.ts";

const WEB_SOCKET_CLOSING = 2;

/** How frames of a namespace begin. */
interface Head {
  readonly packet: string;
  /** After "4", which is Engine.IO's message packet. */
  readonly message: string;
}

const heads = new WeakMap<Namespace, Head>();

function headOf(namespace: Namespace): Head {
  let head = heads.get(namespace);
  if (!head) {
    const packet = `2${namespace.name === "/" ? "" : `${namespace.name},`}["${FRAME_EVENT}",`;
    head = { packet, message: `4${packet}` };
    heads.set(namespace, head);
  }
  return head;
}

/** The outlet of a socket that is not decorated yet. */
export class SocketOutlet implements Outlet {
  readonly #socket: OpenSocket;
  readonly #packet: OpenSocket["packet"];
  readonly #write: OpenSocket["client"]["writeToEngine"];
  readonly #head: Head;

  constructor(socket: Socket) {
    this.#socket = open(socket);
    this.#packet = this.#socket.packet;
    this.#write = this.#socket.client.writeToEngine;
    this.#head = headOf(socket.nsp);
  }

  frame(frame: ServerFrame): void {
    if (this.#closing) return;
    this.#packet.call(this.#socket, { type: PACKET.EVENT, data: [FRAME_EVENT, ...frame] });
  }

  encoded(number: number, frame: EncodedFrame): void {
    if (this.#closing) return;
    const { client } = this.#socket;
    const { protocol, transport } = client.conn;
    const { packet, message } = this.#head;
    const wsPreEncodedFrame = protocol === 4 && transport.socket ? webSocketFrame(message, number, frame) : undefined;
    this.#write.call(client, [packet + number + frame.text], { preEncoded: true, compress: true, wsPreEncodedFrame });
  }

  close(): void {
    const { client } = this.#socket;
    const { conn } = client;
    if (conn.readyState !== "open" && conn.readyState !== "closing") return;
    conn.close(true);
    // A transport whose peer is gone takes long to close; its sockets are done with now.
    client.onclose("forced server close");
  }

  /**
   * Whether its WebSocket has seen the other side's end, of which Socket.IO will hear soon: what is written now arrives nowhere, and
   * would make an error of an orderly end.
   */
  get #closing(): boolean {
    return this.#socket.client.conn.transport.socket?.readyState === WEB_SOCKET_CLOSING;
  }
}
