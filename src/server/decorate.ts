/**
 * A Socket.IO server, decorated in place.
 *
 * Rule: own properties of the server's own objects; no Proxy, no prototype is touched, no `instanceof` is asked. Whatever is not
 * ours to change goes on to Socket.IO with its own arguments. This file and decorate-socket.ts are all that knows Socket.IO's insides.
 */
import { EventEmitter } from "node:events";
import type { Namespace, Server, Socket } from "socket.io";
import { HELLO_KEY, type Hello } from "../core/wire.ts";
import { namespaceKey, roomKey, sessionKey } from "./audience.ts";
import { parseHello } from "./client-frames.ts";
import { inTurn, linkOf, type SocketHost, watched } from "./decorate-socket.ts";
import { PACKET, type Packet } from "./internals.ts";
import type { Audience } from "./publisher.ts";

/** What a broadcast is addressed to, as Socket.IO's adapters know it. */
interface BroadcastOptions {
  readonly rooms: Set<string>;
  readonly except?: Set<string>;
  readonly flags?: Record<string, unknown>;
}

/** The members of adapters that we use. All exist in 4.6-4.8. */
interface OpenAdapter {
  readonly rooms: Map<string, Set<string>>;
  readonly sids?: Map<string, Set<string>>;
  broadcast(packet: Packet, options: BroadcastOptions): unknown;
  broadcastWithAck(packet: Packet, options: BroadcastOptions, ...rest: unknown[]): unknown;
  apply(options: BroadcastOptions, callback: (socket: Socket) => void): void;
  addAll(id: string, rooms: Set<string>): unknown;
  del(id: string, room: string): unknown;
  delAll(id: string): unknown;
}

/** The members of namespaces that we use and that Socket.IO's types hide. */
interface OpenNamespace {
  readonly name: string;
  readonly sockets: Map<string, Socket>;
  adapter: OpenAdapter;
  run(socket: Socket, then: (error: Error | null) => void): void;
}

/** The members of servers that we use and that Socket.IO's types hide. */
interface OpenServer {
  _checkNamespace(name: string, auth: object, then: unknown): void;
}

/** What the decoration asks of the delivery that it serves. */
export interface ServerHost extends SocketHost {
  /** Takes a durable emit; false when it is to be sent as Socket.IO would. */
  emit(audience: Audience, args: readonly unknown[]): boolean;
  /** Lets a wrapped client in, after middleware; one that cannot have a session is served as a plain one. Rejects as a middleware refuses. */
  admit(socket: Socket, hello: Hello): Promise<void>;
  joined(socket: Socket, rooms: ReadonlySet<string>): void;
  left(socket: Socket, room: string): void;
  /** The socket is gone. */
  closed(socket: Socket): void;
  /** Keys of a room that is no socket of this process; it may be one of another. */
  remoteKeys(namespace: string, room: unknown): string[];
  /** Decorated sockets by id, those included that Socket.IO does not show yet. */
  socket(namespace: string, id: string): Socket | undefined;
}

/**
 * The flag under which a broadcast reaches wrapped clients differently, on every node: flags travel with Socket.IO's cluster
 * adapters. "log": they get it from the log. "turn": they get it in its turn among the entries of the log.
 */
const FLAG = "gapless";

/** What makes a socket one to which nothing is written. */
const SILENT = { client: { value: { writeToEngine: () => {} } } };

const decorated = new WeakSet<object>();

/** Decorates every namespace, present and later, with any adapter, set before or after. */
export function decorateServer(io: Server, host: ServerHost): void {
  const namespaces = (io as unknown as { _nsps: Map<string, Namespace> })._nsps;
  for (const namespace of namespaces.values()) decorateNamespace(namespace, host);
  // Every namespace enters this map before its first socket, dynamic ones too. A listener for "new_namespace" would die with
  // io.removeAllListeners().
  const check = (io as unknown as OpenServer)._checkNamespace;
  // A function that decides about a dynamic namespace is shown the CONNECT payload, too.
  define(io, "_checkNamespace", (name: string, auth: Record<string, unknown> | undefined, then: unknown) => {
    const { [HELLO_KEY]: _hello, ...shown } = auth ?? {};
    check.call(io, name, shown, then);
  });
  const set = namespaces.set;
  define(namespaces, "set", (name: string, namespace: Namespace) => {
    decorateNamespace(namespace, host);
    return set.call(namespaces, name, namespace);
  });
}

function decorateNamespace(namespace: Namespace, host: ServerHost): void {
  if (decorated.has(namespace)) return;
  decorated.add(namespace);
  const own = namespace as unknown as OpenNamespace;
  let adapter = own.adapter;
  decorateAdapter(namespace, adapter, host);
  Object.defineProperty(namespace, "adapter", {
    configurable: true,
    enumerable: true,
    get: () => adapter,
    set(replacement: OpenAdapter) {
      adapter = replacement;
      decorateAdapter(namespace, adapter, host);
    },
  });
  const run = own.run;
  define(own, "run", (socket: Socket, then: (error?: Error | null) => void) => {
    const hello = takeHello(socket);
    run.call(own, socket, (error) => {
      if (error || !hello) return then(error);
      host.admit(socket, hello).then(
        () => then(null),
        (refusal: unknown) => then(refusal instanceof Error ? refusal : new Error(String(refusal))),
      );
    });
  });
}

/** Takes the hello out of the handshake, so that nobody else sees it. */
function takeHello(socket: Socket): Hello | undefined {
  const auth = socket.handshake.auth as Record<string, unknown> | undefined;
  if (typeof auth !== "object" || auth === null || !Object.hasOwn(auth, HELLO_KEY)) return undefined;
  const { [HELLO_KEY]: raw, ...others } = auth;
  // A new object: one that something was deleted from takes several times as much memory, for as long as the socket lives.
  (socket.handshake as { auth: object }).auth = others;
  return parseHello(raw);
}

function decorateAdapter(namespace: Namespace, adapter: OpenAdapter | undefined, host: ServerHost): void {
  if (!adapter || decorated.has(adapter)) return;
  decorated.add(adapter);
  const { name } = namespace;
  // Looked up at each call, because µWebSockets.js replaces the prototype's methods later.
  const owned: Partial<OpenAdapter> = {};
  for (const key of ["broadcast", "broadcastWithAck", "apply", "addAll", "del", "delAll"] as const) {
    if (Object.hasOwn(adapter, key)) Object.assign(owned, { [key]: adapter[key] });
  }
  const native = <K extends keyof OpenAdapter>(key: K): OpenAdapter[K] =>
    owned[key] ?? (Object.getPrototypeOf(adapter) as OpenAdapter)[key];

  /** Sockets here that are not decorated. */
  const plain = new Set([...(adapter.sids?.keys() ?? [])].filter((id) => !host.socket(name, id)));
  const local = isLocal(adapter);

  define(adapter, "broadcast", (packet: Packet, options: BroadcastOptions) => {
    const data = packet.data as [string, ...unknown[]];
    const flags = options.flags ?? {};
    const durable =
      packet.type === PACKET.EVENT &&
      typeof data[0] === "string" &&
      packet.id === undefined &&
      !flags.volatile &&
      !flags.local &&
      flags[FLAG] === undefined &&
      host.durable(data[0], data.slice(1), namespace);
    const audience = durable ? audienceOf(namespace, adapter, options, host) : undefined;
    const logged = audience !== undefined && host.emit(audience, data);
    // Nobody would get it, and nobody watches: a walk over all sockets saved.
    if (logged && local && plain.size === 0 && !watched.has(namespace)) return undefined;
    const marked = { ...options, flags: { ...flags, [FLAG]: flags[FLAG] ?? (logged ? "log" : "turn") } };
    return native("broadcast").call(adapter, packet, marked);
  });
  define(adapter, "broadcastWithAck", (packet: Packet, options: BroadcastOptions, ...rest: unknown[]) => {
    const marked = { ...options, flags: { ...options.flags, [FLAG]: "turn" } };
    return native("broadcastWithAck").call(adapter, packet, marked, ...rest);
  });
  define(adapter, "apply", (options: BroadcastOptions, callback: (socket: Socket) => void) => {
    const mark = options.flags?.[FLAG];
    if (mark === undefined) return native("apply").call(adapter, options, callback);
    native("apply").call(adapter, options, (socket: Socket) => {
      if (!linkOf(socket)) callback(socket);
      else if (mark === "turn") inTurn(socket, host, () => callback(socket));
      // Catch-all outgoing listeners are called as Socket.IO does it, with a socket on which nothing is written.
      else if (watched.has(namespace)) callback(Object.create(socket, SILENT) as Socket);
    });
  });
  define(adapter, "addAll", (id: string, rooms: Set<string>) => {
    const result = native("addAll").call(adapter, id, rooms);
    const socket = host.socket(name, id);
    if (socket) host.joined(socket, rooms);
    else plain.add(id);
    return result;
  });
  define(adapter, "del", (id: string, room: string) => {
    const result = native("del").call(adapter, id, room);
    const socket = host.socket(name, id);
    if (socket) host.left(socket, room);
    return result;
  });
  define(adapter, "delAll", (id: string) => {
    const result = native("delAll").call(adapter, id);
    const socket = host.socket(name, id);
    if (socket) host.closed(socket);
    else plain.delete(id);
    return result;
  });
}

/** Whether it is the adapter that Socket.IO comes with, as it comes: nobody but the sockets here gets a broadcast. Adapters of clusters extend it. */
function isLocal(adapter: OpenAdapter): boolean {
  const kind = Object.getPrototypeOf(adapter) as object;
  const overridden = Object.hasOwn(adapter, "broadcast") || Object.hasOwn(adapter, "apply");
  return !overridden && kind.constructor.name === "Adapter" && Object.getPrototypeOf(kind) === EventEmitter.prototype;
}

/** Who a broadcast is for, in the log's terms; `undefined` when only plain clients can be meant. */
function audienceOf(
  namespace: Namespace,
  adapter: OpenAdapter,
  { rooms, except }: BroadcastOptions,
  host: ServerHost,
): Audience | undefined {
  const { name } = namespace;
  const keysOf = (room: string): string[] => {
    const socket = host.socket(name, room);
    const link = socket && linkOf(socket);
    const shown = namespace.sockets.has(room);
    if (!link && !shown) return host.remoteKeys(name, room);
    // A socket's id is a room of its own, which others may have joined.
    const members = adapter.rooms.get(room);
    const own = link && members?.has(room);
    const others = (members?.size ?? 0) > 1;
    return [...(own ? [sessionKey(link.connection.session.id)] : []), ...(others ? [roomKey(name, room)] : [])];
  };
  const keys = rooms.size === 0 ? [namespaceKey(name)] : [...rooms].flatMap(keysOf);
  if (keys.length === 0) return undefined;
  return { keys, except: [...(except ?? [])].flatMap(keysOf) };
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}
