/**
 * What Socket.IO does with sockets, in terms of sessions.
 *
 * Rule: the only place where both are known; a client that cannot have a session is served as plain Socket.IO serves it.
 */
import type { ServerOptions, Socket } from "socket.io";
import { DeliveryError } from "../core/error.ts";
import type { Hello, HistoryQuery } from "../core/wire.ts";
import { admit } from "./admission.ts";
import { remoteKeys, roomKey, sessionKey, socketKey } from "./audience.ts";
import type { Connection } from "./connection.ts";
import type { ServerHost } from "./decorate.ts";
import { decorateSocket, type Link, linkOf } from "./decorate-socket.ts";
import { history } from "./history.ts";
import type { Hub } from "./hub.ts";
import { ended, received } from "./inbound.ts";
import { open } from "./internals.ts";
import type { ReliableOptions, Settings } from "./options.ts";
import { SocketOutlet } from "./outlet.ts";
import type { Publisher } from "./publisher.ts";
import type { Session } from "./session.ts";
import { SocketDelivery } from "./socket-delivery.ts";

/** How long a socket that the application disconnected may still be sent what was emitted before, milliseconds. */
const FAREWELL_MS = 5_000;

/** For so many sessions that are away `socket.data` is kept. */
const KEPT_DATA = 10_000;

function recoversData(socket: Socket): boolean {
  const { opts } = socket.nsp.server as unknown as { opts: Partial<ServerOptions> };
  return opts.connectionStateRecovery !== undefined;
}

/** What Socket.IO does with sockets, in terms of sessions. */
export class Host implements ServerHost {
  readonly #hub: Hub;
  readonly #publisher: Publisher;
  readonly #settings: Settings;
  readonly #everything: boolean;
  /** Decorated sockets by namespace, then by id. */
  readonly #sockets = new Map<string, Map<string, Socket>>();
  /** `socket.data` of sessions that are away; see `#restoreData`. */
  readonly #data = new Map<string, object>();

  constructor(hub: Hub, publisher: Publisher, settings: Settings, options: ReliableOptions) {
    this.#hub = hub;
    this.#publisher = publisher;
    this.#settings = settings;
    this.#everything = options.durable === undefined;
  }

  durable(event: string, args: readonly unknown[], namespace: Parameters<ServerHost["durable"]>[2]): boolean {
    return this.#everything || this.#settings.durable(event, args, namespace);
  }

  emit(
    audience: { readonly keys: readonly string[]; readonly except: readonly string[] },
    args: readonly unknown[],
  ): boolean {
    return this.#publisher.emit(audience, args);
  }

  socket(namespace: string, id: string): Socket | undefined {
    return this.#sockets.get(namespace)?.get(id);
  }

  /** Keys of a room; of a session, when the room is the id of its socket. */
  keysOf(namespace: string, room: string): string[] {
    const socket = this.socket(namespace, room);
    const link = socket?.rooms.has(room) ? linkOf(socket) : undefined;
    if (!link) return this.remoteKeys(namespace, room);
    return [sessionKey(link.connection.session.id), roomKey(namespace, room)];
  }

  remoteKeys(namespace: string, room: unknown): string[] {
    return this.#shared ? remoteKeys(namespace, room) : [roomKey(namespace, room)];
  }

  /** Whether sockets of other processes may be on the same log. */
  get #shared(): boolean {
    return this.#hub.store.shared === true;
  }

  async admit(socket: Socket, hello: Hello): Promise<void> {
    // Its errors are the application's, as those of a middleware are: they refuse the connection.
    const principal = this.#settings.principal(socket) ?? null;
    const outlet = new SocketOutlet(socket);
    try {
      await this.#hub.reached();
      const { session, connection, welcome, rooms } = await admit(this.#hub, {
        hello,
        namespace: socket.nsp.name,
        principal: principal === null ? null : String(principal),
        own: this.#shared ? socketKey(socket.nsp.name, socket.id) : undefined,
        authorize: (room) => this.#authorize(socket, room),
        outlet,
      });
      decorateSocket(socket, connection, this);
      this.#add(socket);
      // Rooms that the application's middleware has joined.
      this.joined(socket, socket.rooms);
      Object.defineProperty(socket, "delivery", { configurable: true, value: new SocketDelivery(session) });
      const restored = this.#restoreData(socket, session);
      (socket as { recovered: boolean }).recovered = welcome.resumed && welcome.gaps.length === 0 && restored;
      if (rooms.length > 0) await socket.join(rooms as string[]);
      outlet.frame([0, "w", welcome]);
    } catch (error) {
      if (this.#hub.broken) return;
      this.#hub.failed(error);
      // Without a welcome a client acts as a plain one on this connection. One that has a session would get, and send, what it did
      // already: it comes again instead.
      if (hello.session !== undefined) outlet.close();
    }
  }

  /** Whether the client may read a room. An application that cannot say does not say yes. */
  async #authorize(socket: Socket, room: string): Promise<boolean> {
    try {
      return await this.#settings.authorizeReplay(socket, room);
    } catch (error) {
      this.#hub.failed(error);
      return false;
    }
  }

  /**
   * Where Socket.IO's own recovery is switched on, `recovered` includes `socket.data`: an application may leave it unset then.
   * It is kept in memory, as Socket.IO keeps it. Answers whether that promise is kept.
   */
  #restoreData(socket: Socket, session: Session): boolean {
    if (!recoversData(socket)) return true;
    const data = this.#data.get(session.id);
    if (data) socket.data = { ...data, ...socket.data };
    return data !== undefined;
  }

  #keepData(socket: Socket, session: Session): void {
    if (!recoversData(socket)) return;
    this.#data.delete(session.id);
    this.#data.set(session.id, socket.data);
    const [oldest] = this.#data.keys();
    if (this.#data.size > KEPT_DATA && oldest !== undefined) this.#data.delete(oldest);
  }

  joined(socket: Socket, rooms: ReadonlySet<string>): void {
    const session = linkOf(socket)?.connection.session;
    if (!session) return;
    for (const room of rooms) {
      if (room === socket.id) {
        if (this.#shared) session.join(socketKey(socket.nsp.name, room));
        continue;
      }
      const key = roomKey(socket.nsp.name, room);
      // The socket itself is none of its rooms.
      const others = session.rooms - (this.#shared ? 1 : 0);
      if (!session.has(key) && others >= this.#settings.limits.rooms) {
        this.#hub.failed(
          new DeliveryError(
            "TOO_MANY_ROOMS",
            `a session is in ${others} rooms; "${room.slice(0, 40)}" is joined as plain Socket.IO does, without replay. Raise limits.rooms, or leave rooms.`,
          ),
        );
      } else session.join(key);
    }
  }

  left(socket: Socket, room: string): void {
    const { name } = socket.nsp;
    linkOf(socket)?.connection.session.leave(room === socket.id ? socketKey(name, room) : roomKey(name, room));
  }

  closed(socket: Socket): void {
    const connection = linkOf(socket)?.connection;
    this.#remove(socket);
    if (!connection) return;
    connection.session.leave(socketKey(socket.nsp.name, socket.id));
    this.#keepData(socket, connection.session);
    // The application has disconnected the socket while something emitted before is on its way: that goes out first.
    if (open(socket).client.conn.readyState === "open" && connection.wait(() => ended(this.#hub, connection))) {
      this.#hub.waits(connection);
      const { clock } = this.#hub;
      clock.at(clock.now() + FAREWELL_MS, () => connection.release(true));
    } else ended(this.#hub, connection);
  }

  /** Resolves when what was emitted so far is committed and sent. */
  flush(): Promise<void> {
    return this.#hub.writer.failing ? Promise.resolve() : this.#hub.writer.flushed();
  }

  emitTo(connection: Connection, args: readonly unknown[]): boolean {
    return this.#publisher.emit({ keys: [sessionKey(connection.session.id)], except: [] }, args);
  }

  waits(connection: Connection): void {
    this.#hub.waits(connection);
  }

  failed(error: unknown): void {
    this.#hub.failed(error);
  }

  started({ connection, recipient }: Link): void {
    // The application's "connection" handlers run in this turn; what waited for a socket comes after them.
    queueMicrotask(() => connection.session.handling?.attach(recipient));
  }

  frame(socket: Socket, raw: readonly unknown[], answer: ((...args: unknown[]) => void) | undefined): void {
    const connection = linkOf(socket)?.connection;
    const query = connection && received(this.#hub, connection, raw);
    if (query === "bad") answer?.({ code: "BAD_FRAME" });
    else if (query) this.#history(socket, query, answer ?? (() => {}));
  }

  /** A page of history, for a client that is in the room and may read it now; of the time of its membership only (protocol R40). */
  #history(socket: Socket, query: HistoryQuery, answer: (...args: unknown[]) => void): void {
    void (async () => {
      const session = linkOf(socket)?.connection.session;
      const key = roomKey(socket.nsp.name, query.room);
      const since = session?.memberships.since(key);
      if (since === undefined || !(await this.#authorize(socket, query.room))) {
        return answer({ code: "UNAUTHORIZED" });
      }
      const { entries, before } = await history(this.#hub, key, query, since);
      const wire = entries.map(({ offset, id, event, args }) => [offset, id, [event, ...args]]);
      answer({ entries: wire, more: before !== undefined });
    })().catch((error: unknown) => {
      this.#hub.failed(error);
      answer({ code: "STORE_FAILED" });
    });
  }

  #add(socket: Socket): void {
    const { name } = socket.nsp;
    const sockets = this.#sockets.get(name) ?? new Map<string, Socket>();
    this.#sockets.set(name, sockets.set(socket.id, socket));
  }

  #remove(socket: Socket): void {
    const { name } = socket.nsp;
    const sockets = this.#sockets.get(name);
    if (sockets?.delete(socket.id) && sockets.size === 0) this.#sockets.delete(name);
  }
}
