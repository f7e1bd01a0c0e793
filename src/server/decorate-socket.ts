/**
 * One Socket.IO socket of a wrapped client, decorated in place.
 *
 * Rule: own properties of this one object and of its client only; the functions are the same for all sockets, and what differs is one
 * object. Durable emits go to the log; everything else is written where Socket.IO writes it, only after the durable events that were
 * emitted before it.
 */
import type { Socket } from "socket.io";
import { FRAME_EVENT } from "../core/wire.ts";
import type { Connection } from "./connection.ts";
import type { Dispatched, Recipient } from "./handling.ts";
import { type OpenSocket, open, PACKET, type Packet } from "./internals.ts";
import { listenersOf, watchListeners } from "./listeners.ts";

/** What the decoration asks of the server it belongs to. */
export interface SocketHost {
  /** Takes a durable emit to this socket's session; false when it is to be sent as Socket.IO would. */
  emitTo(connection: Connection, args: readonly unknown[]): boolean;
  /** Whether the event is one to make durable. */
  durable(event: string, args: readonly unknown[], namespace: Socket["nsp"]): boolean;
  /** A frame from the client. */
  frame(socket: Socket, raw: readonly unknown[], answer: ((...args: unknown[]) => void) | undefined): void;
  /** The connection has something that waits for its turn. */
  waits(connection: Connection): void;
  failed(error: unknown): void;
  /** Socket.IO's CONNECT has gone out. */
  started(link: Link): void;
}

/** A decorated socket's way to its session, and back. */
export interface Link {
  readonly connection: Connection;
  readonly recipient: Recipient;
}

const DECORATION = Symbol("gapless-io");

type Decorated = OpenSocket & { readonly [DECORATION]: Decoration };
type Native = Pick<OpenSocket, "packet" | "emit" | "onevent" | "dispatch" | "disconnect">;

/** Namespaces in which a decorated socket has, or had, a catch-all listener for what goes out. */
export const watched: WeakSet<object> = new WeakSet();
/** The connection for which Socket.IO is about to write. Everything between setting and using it is synchronous. */
let writingFor: { readonly connection: Connection; readonly host: SocketHost } | undefined;

/** Names that `emit` refuses; Socket.IO's own error is the better one. */
const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

/** The decoration of a socket; `undefined` for plain ones. */
export function linkOf(socket: object): Link | undefined {
  return (socket as Partial<Decorated>)[DECORATION];
}

/** Lets Socket.IO write something for a decorated socket, in its turn. */
export function inTurn(socket: Socket, host: SocketHost, write: () => void): void {
  const link = linkOf(socket);
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

/** Decorates the socket for a connection. Called after the application's middleware and before it sees the socket. */
export function decorateSocket(socket: Socket, connection: Connection, host: SocketHost): void {
  const own = open(socket);
  gate(own.client);
  define(own, DECORATION, new Decoration(own, connection, host));
  for (const name of METHODS) define(own, name, methods[name]);
  if (socket.listenersAnyOutgoing().length > 0) watched.add(socket.nsp);
  for (const name of WATCHING) define(own, name, watching[name]);
}

/** What differs between decorated sockets. */
class Decoration implements Link, Recipient {
  readonly connection: Connection;
  readonly #socket: OpenSocket;
  readonly #host: SocketHost;
  /** What the application had put in front of Socket.IO's methods. */
  readonly #overridden: Partial<Native> | undefined;
  /** The message that is on its way through Socket.IO's `onevent`, which passes it on in the same turn. */
  #dispatching: { readonly args: unknown[]; readonly then: (dispatched: Dispatched) => void } | undefined;

  constructor(socket: OpenSocket, connection: Connection, host: SocketHost) {
    this.#socket = socket;
    this.connection = connection;
    this.#host = host;
    for (const name of METHODS) {
      if (Object.hasOwn(socket, name)) this.#overridden = { ...this.#overridden, [name]: socket[name] };
    }
  }

  get recipient(): Recipient {
    return this;
  }

  get direct(): boolean {
    return this.#socket.fns?.length === 0 && this.#socket.listenersAny().length === 0;
  }

  dispatch(args: unknown[], then: (dispatched: Dispatched) => void): void {
    const socket = this.#socket;
    if (!socket.connected) {
      then({ kind: "gone" });
      return;
    }
    this.#dispatching = { args, then };
    try {
      this.#native("onevent").call(socket, { type: PACKET.EVENT, nsp: socket.nsp.name, data: args });
    } catch (error) {
      // A catch-all listener threw. Socket.IO would have stopped here; the event still goes to its listeners.
      this.#host.failed(error);
      socket.dispatch(args);
    }
  }

  onListener(then: () => void): void {
    watchListeners(this.#socket, then);
  }

  packet(packet: Packet, options?: object): void {
    const socket = this.#socket;
    inTurn(socket as unknown as Socket, this.#host, () => this.#native("packet").call(socket, packet, options));
    if (packet.type !== PACKET.CONNECT) return;
    this.connection.start();
    this.#host.started(this);
  }

  emit(event: string, args: unknown[]): boolean {
    const socket = this.#socket;
    const plain =
      socket.flags.volatile ||
      typeof args.at(-1) === "function" ||
      RESERVED.has(event) ||
      typeof event !== "string" ||
      !this.#host.durable(event, args, socket.nsp);
    const data = [event, ...args];
    if (plain || !this.#host.emitTo(this.connection, data)) return this.#native("emit").call(socket, event, ...args);
    socket.flags = {};
    socket.notifyOutgoingListeners({ type: PACKET.EVENT, data });
    return true;
  }

  received(packet: Packet): void {
    const socket = this.#socket;
    const data = packet.data as unknown[] | undefined;
    if (data?.[0] !== FRAME_EVENT) {
      this.#native("onevent").call(socket, packet);
      return;
    }
    const { id } = packet;
    const answer =
      id === undefined
        ? undefined
        : (...args: unknown[]) => this.#native("packet").call(socket, { id, type: PACKET.ACK, data: args });
    this.#host.frame(socket as unknown as Socket, data.slice(1), answer);
  }

  passed(event: unknown[]): void {
    const socket = this.#socket;
    if (this.#dispatching?.args !== event) {
      this.#native("dispatch").call(socket, event);
      return;
    }
    const { then } = this.#dispatching;
    this.#dispatching = undefined;
    socket.run(event, (error) => {
      process.nextTick(() => {
        if (error) {
          socket._onerror(error);
          then({ kind: "refused" });
        } else if (!socket.connected) then({ kind: "gone" });
        else then(listenersOf(socket, event));
      });
    });
  }

  disconnect(close: boolean): OpenSocket {
    const socket = this.#socket;
    const { connection } = this;
    if (!socket.connected || !close || !connection.behind) {
      this.#native("disconnect").call(socket, close);
      return socket;
    }
    // Socket.IO would close the transport now, before what was emitted has gone out.
    const { client } = socket;
    for (const each of [...client.sockets.values()]) each.disconnect();
    if (connection.wait(() => client.close())) this.#host.waits(connection);
    else client.close();
    return socket;
  }

  #native<K extends keyof Native>(name: K): Native[K] {
    return (this.#overridden?.[name] as Native[K] | undefined) ?? (Object.getPrototypeOf(this.#socket) as Native)[name];
  }
}

const METHODS = ["packet", "emit", "onevent", "dispatch", "disconnect"] as const;
/** What stands in front of Socket.IO's methods, for all sockets. */
const methods: Record<(typeof METHODS)[number], unknown> = {
  packet(this: Decorated, packet: Packet, options?: object) {
    this[DECORATION].packet(packet, options);
  },
  emit(this: Decorated, event: string, ...args: unknown[]) {
    return this[DECORATION].emit(event, args);
  },
  onevent(this: Decorated, packet: Packet) {
    this[DECORATION].received(packet);
  },
  dispatch(this: Decorated, event: unknown[]) {
    this[DECORATION].passed(event);
  },
  disconnect(this: Decorated, close = false) {
    return this[DECORATION].disconnect(close);
  },
};

const WATCHING = ["onAnyOutgoing", "prependAnyOutgoing"] as const;
/** Socket.IO's own, and a note of it. */
const watching = Object.fromEntries(
  WATCHING.map((name) => [
    name,
    function (this: Socket, listener: () => void) {
      watched.add(this.nsp);
      return (Object.getPrototypeOf(this) as Socket)[name].call(this, listener);
    },
  ]),
) as Record<(typeof WATCHING)[number], unknown>;

/** A client whose writes pass through the turns of its connections. */
type Gated = OpenSocket["client"] & { readonly [DECORATION]?: OpenSocket["client"]["writeToEngine"] };

/** Puts everything that the client's namespaces write through the turns of their connections. */
function gate(client: Gated): void {
  if (client[DECORATION]) return;
  define(client, DECORATION, client.writeToEngine);
  define(client, "writeToEngine", writeInTurn);
}

function writeInTurn(this: Required<Gated>, encoded: unknown, options: object): void {
  const turn = writingFor;
  const native = this[DECORATION];
  if (turn?.connection.wait(() => native.call(this, encoded, options))) turn.host.waits(turn.connection);
  else native.call(this, encoded, options);
}

function define(target: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}
