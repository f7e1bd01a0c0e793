/**
 * One Socket.IO socket of a wrapped client, decorated in place.
 *
 * Rule: own properties of this one object and of its client only. Durable emits go to the log; everything else is written where
 * Socket.IO writes it, only after the durable events that were emitted before it.
 */
import type { Socket } from "socket.io";
import type { Offset } from "../core/position.ts";
import { FRAME_EVENT, type ServerFrame } from "../core/wire.ts";
import type { Connection, Outlet } from "./connection.ts";
import { type EncodedFrame, webSocketFrame } from "./encoded.ts";
import type { Call, Dispatched, Recipient } from "./handling.ts";

/** Types of Socket.IO's packets. */
export const PACKET = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3 } as const;

/** A packet as Socket.IO hands it around. */
export interface Packet {
  type: number;
  nsp?: string;
  data?: unknown;
  id?: number;
}

/** The members of a server's socket and its client that we use and that Socket.IO's types hide. All exist in 4.6-4.8. */
interface Internals {
  flags: { volatile?: boolean };
  readonly client: {
    readonly sockets: Map<string, Socket>;
    readonly conn: {
      readonly readyState: string;
      readonly protocol: number;
      /** With its WebSocket, if it has one. */
      readonly transport: { readonly socket?: { readonly readyState: number } };
      close(discard?: boolean): void;
    };
    writeToEngine(encoded: unknown, options: object): void;
    close(): void;
    onclose(reason: string): void;
  };
  packet(packet: Packet, options?: object): void;
  onevent(packet: Packet): void;
  dispatch(event: unknown[]): void;
  run(event: unknown[], then: (error?: Error | null) => void): void;
  notifyOutgoingListeners(packet: Packet): void;
  _onerror(error: Error): void;
}

/** Socket.IO's socket with the members above. */
export type OpenSocket = Omit<Socket, keyof Internals> & Internals;

/** The same socket, with its hidden members. */
export function open(socket: Socket): OpenSocket {
  return socket as unknown as OpenSocket;
}

/** What the decoration asks of the server it belongs to. */
export interface SocketHost {
  /** Takes a durable emit to this socket's session; false when it is to be sent as Socket.IO would. */
  emit(args: readonly unknown[]): boolean;
  /** Whether the event is one to make durable. */
  durable(event: string, args: readonly unknown[]): boolean;
  /** A frame from the client. */
  frame(raw: readonly unknown[], answer: ((...args: unknown[]) => void) | undefined): void;
  /** The connection has something that waits for its turn. */
  waits(connection: Connection): void;
  failed(error: unknown): void;
  /** Socket.IO's CONNECT has gone out. */
  started(): void;
}

/** A decorated socket's way to its session, and back. */
export interface Link {
  readonly connection: Connection;
  readonly recipient: Recipient;
}

const WEB_SOCKET_CLOSING = 2;

const links = new WeakMap<object, Link>();
const gated = new WeakSet<object>();
/** Namespaces in which a decorated socket has, or had, a catch-all listener for what goes out. */
export const watched: WeakSet<object> = new WeakSet();
/** The connection for which Socket.IO is about to write. Everything between setting and using it is synchronous. */
let writingFor: { readonly connection: Connection; readonly host: SocketHost } | undefined;

/** Names that `emit` refuses; Socket.IO's own error is the better one. */
const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);
const LISTENING = [
  "on",
  "once",
  "addListener",
  "prependListener",
  "prependOnceListener",
  "onAny",
  "prependAny",
] as const;

/** The decoration of a socket; `undefined` for plain ones. */
export function linkOf(socket: object): Link | undefined {
  return links.get(socket);
}

/** Lets Socket.IO write something for a decorated socket, in its turn. */
export function inTurn(socket: Socket, host: SocketHost, write: () => void): void {
  const link = links.get(socket);
  if (!link) {
    write();
    return;
  }
  const outer = writingFor;
  writingFor = { connection: link.connection, host };
  try {
    write();
  } finally {
    writingFor = outer;
  }
}

/** Where frames for this socket go: around everything that waits. */
export function outletOf(socket: Socket): Outlet {
  const { client, nsp, packet: native } = open(socket);
  const head = `2${nsp.name === "/" ? "" : `${nsp.name},`}["${FRAME_EVENT}",`;
  // "4" is Engine.IO's message packet.
  const prepared = `4${head}`;
  const write = client.writeToEngine;
  return {
    frame(frame: ServerFrame): void {
      if (closing(client)) return;
      native.call(socket, { type: PACKET.EVENT, data: [FRAME_EVENT, ...frame] });
    },
    encoded(number: number, frame: EncodedFrame): void {
      if (closing(client)) return;
      const { protocol, transport } = client.conn;
      const wsPreEncodedFrame =
        protocol === 4 && transport.socket ? webSocketFrame(prepared, number, frame) : undefined;
      write.call(client, [head + number + frame.text], { preEncoded: true, compress: true, wsPreEncodedFrame });
    },
    close(): void {
      const { conn } = client;
      if (conn.readyState !== "open" && conn.readyState !== "closing") return;
      conn.close(true);
      // A transport whose peer is gone takes long to close; its sockets are done with now.
      client.onclose("forced server close");
    },
  };
}

/**
 * Whether its WebSocket has seen the other side's end, of which Socket.IO will hear soon: what is written now arrives nowhere, and
 * would make an error of an orderly end.
 */
function closing({ conn }: Internals["client"]): boolean {
  return conn.transport.socket?.readyState === WEB_SOCKET_CLOSING;
}

/** Decorates the socket for a connection. Called after the application's middleware and before it sees the socket. */
export function decorateSocket(socket: Socket, connection: Connection, host: SocketHost): Link {
  const own = open(socket);
  gate(own.client);
  const native = {
    emit: own.emit,
    packet: own.packet,
    onevent: own.onevent,
    dispatch: own.dispatch,
    disconnect: own.disconnect,
  };
  /** The message that is on its way through Socket.IO's `onevent`, which passes it on in the same turn. */
  let dispatching: { readonly args: unknown[]; readonly then: (dispatched: Dispatched) => void } | undefined;

  const recipient: Recipient = {
    dispatch(args, then) {
      if (!own.connected) return then({ kind: "gone" });
      dispatching = { args, then };
      try {
        native.onevent.call(own, { type: PACKET.EVENT, nsp: own.nsp.name, data: args });
      } catch (error) {
        // A catch-all listener threw. Socket.IO would have stopped here; the event still goes to its listeners.
        host.failed(error);
        own.dispatch(args);
      }
    },
    onListener(then) {
      watchListeners(own, then);
    },
  };

  define(own, "packet", (packet: Packet, options?: object) => {
    inTurn(socket, host, () => native.packet.call(own, packet, options));
    if (packet.type !== PACKET.CONNECT) return;
    connection.start();
    host.started();
  });
  define(own, "emit", (event: string, ...args: unknown[]) => {
    const plain =
      own.flags.volatile ||
      typeof args.at(-1) === "function" ||
      RESERVED.has(event) ||
      typeof event !== "string" ||
      !host.durable(event, args);
    const data = [event, ...args];
    if (plain || !host.emit(data)) return native.emit.call(own, event, ...args);
    own.flags = {};
    own.notifyOutgoingListeners({ type: PACKET.EVENT, data });
    return true;
  });
  define(own, "onevent", (packet: Packet) => {
    const data = packet.data as unknown[] | undefined;
    if (data?.[0] !== FRAME_EVENT) return native.onevent.call(own, packet);
    const { id } = packet;
    const answer =
      id === undefined
        ? undefined
        : (...args: unknown[]) => native.packet.call(own, { id, type: PACKET.ACK, data: args });
    host.frame(data.slice(1), answer);
  });
  define(own, "dispatch", (event: unknown[]) => {
    if (dispatching?.args !== event) return native.dispatch.call(own, event);
    const { then } = dispatching;
    dispatching = undefined;
    own.run(event, (error) => {
      process.nextTick(() => {
        if (error) {
          own._onerror(error);
          then({ kind: "refused" });
        } else if (!own.connected) then({ kind: "gone" });
        else then(listenersOf(own, event));
      });
    });
  });
  define(own, "disconnect", (close = false) => {
    if (!own.connected || !close || !connection.behind) return native.disconnect.call(own, close);
    // Socket.IO would close the transport now, before what was emitted has gone out.
    const { client } = own;
    for (const each of [...client.sockets.values()]) each.disconnect();
    if (connection.wait(() => client.close())) host.waits(connection);
    else client.close();
    return own;
  });

  if (socket.listenersAnyOutgoing().length > 0) watched.add(socket.nsp);
  for (const name of WATCHING) define(own, name, watching[name]);

  const link: Link = { connection, recipient };
  links.set(socket, link);
  return link;
}

const WATCHING = ["onAnyOutgoing", "prependAnyOutgoing"] as const;
/** Socket.IO's own, and a note of it. Shared by all sockets, and so no closure of each. */
const watching = Object.fromEntries(
  WATCHING.map((name) => [
    name,
    function (this: Socket, listener: () => void) {
      watched.add(this.nsp);
      return (Object.getPrototypeOf(this) as Socket)[name].call(this, listener);
    },
  ]),
) as Record<(typeof WATCHING)[number], unknown>;

function listenersOf(socket: OpenSocket, event: unknown[]): Dispatched {
  const name = event[0] as string;
  const args = event.slice(1);
  const listeners = socket.rawListeners(name as never) as (((...args: unknown[]) => unknown) & {
    listener?: (...args: unknown[]) => unknown;
  })[];
  if (listeners.length === 0) {
    if (socket.listenersAny().length > 0) return { kind: "listeners", calls: [] };
    return { kind: "nobody", again: () => listenersOf(socket, event) };
  }
  const calls = listeners.map((listener): Call => {
    const inner = listener.listener;
    if (!inner) return () => listener.apply(socket, args);
    let first = true;
    return () => {
      // Node's own wrapper of `once` would not run a second time, for a second attempt.
      if (first) socket.removeListener(name as never, inner as never);
      first = false;
      return inner.apply(socket, args);
    };
  });
  return { kind: "listeners", calls };
}

/** Calls back, once, after the next listener was added. */
function watchListeners(socket: OpenSocket, then: () => void): void {
  const target = socket as unknown as Record<string, (...args: unknown[]) => unknown>;
  const natives = LISTENING.map((name) => [name, Object.getOwnPropertyDescriptor(socket, name), target[name]] as const);
  let done = false;
  for (const [name, , native] of natives) {
    define(socket, name, function (this: unknown, ...args: unknown[]) {
      const result = native?.apply(socket, args);
      if (!done) {
        done = true;
        for (const [other, own] of natives) {
          if (own) Object.defineProperty(socket, other, own);
          else delete target[other];
        }
        queueMicrotask(then);
      }
      return result;
    });
  }
}

/** Puts everything that the client's namespaces write through the turns of their connections. */
function gate(client: Internals["client"]): void {
  if (gated.has(client)) return;
  gated.add(client);
  const native = client.writeToEngine;
  define(client, "writeToEngine", (encoded: unknown, options: object) => {
    const turn = writingFor;
    if (turn?.connection.wait(() => native.call(client, encoded, options))) turn.host.waits(turn.connection);
    else native.call(client, encoded, options);
  });
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}

/** What a handler can learn of the connection it is on: `socket.delivery`. */
export interface SocketDelivery {
  /** The session's id; stays the same over reconnects. */
  readonly session: string;
  /** Up to here the client has settled everything that is for it. */
  readonly cursor: Offset;
}
