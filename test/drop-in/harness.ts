/**
 * One server and its clients, raw or wrapped, of any supported version, over any transport.
 *
 * Rule: a script cannot tell which of them it runs on; it uses Socket.IO's public interface and nothing else. Nothing is waited
 * for but conditions.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Namespace, RemoteSocket, Server, ServerOptions, Socket } from "socket.io";
import type { Socket as ClientSocket, ManagerOptions, SocketOptions } from "socket.io-client";
import { type DeliveryError, io as reliableIo, reliable as reliableSocket } from "../../src/client/index.ts";
import { type ReliableServer, reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { Recorder, type Trace } from "./trace.ts";

// biome-ignore lint/suspicious/noExplicitAny: scripts emit whatever they like.
export type Any = any;
type Events = { [event: string]: (...args: Any[]) => Any };
export type Io = Server<Events, Events, Events, Any>;
export type Nsp = Namespace<Events, Events, Events, Any>;
export type Peer = Socket<Events, Events, Events, Any>;
export type Remote = RemoteSocket<Events, Any>;
export type Client = ClientSocket<Events, Events>;
export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

const require = createRequire(import.meta.url);
type ServerModule = { Server: new (http: HttpServer, options: Partial<ServerOptions>) => Io };
type ClientModule = { io(url: string, options: ClientOptions): Client };
const SERVERS = { "4.8": "socket.io", "4.7": "socket.io-4.7", "4.6": "socket.io-4.6" } as const;
const CLIENTS = { "4.8": "socket.io-client", "4.7": "socket.io-client-4.7", "4.6": "socket.io-client-4.6" } as const;

export type Version = keyof typeof SERVERS;
export const VERSIONS: readonly Version[] = ["4.6", "4.7", "4.8"];
export type Transport = "websocket" | "polling" | "upgrade";

/** How a client is made: not wrapped; wrapped after it was made; made by this package's `io`, which knows one version only. */
export type Making = "plain" | "wrapped" | "io()";

/** What of a run is wrapped. */
export interface Pairing {
  readonly name: string;
  readonly server: "raw" | "memory" | "sqlite";
  /** How the client of this name is made. */
  making(client: string): Making;
}

/** Where a script is run. */
export interface Place {
  readonly server: Version;
  readonly client: Version;
  readonly transport: Transport;
}

/** The adapter class that the server of a version comes with. */
export function adapterOf(version: Version): new (nsp: Nsp) => Any {
  const path = createRequire(require.resolve(SERVERS[version])).resolve("socket.io-adapter");
  return require(path).Adapter;
}

/** What surrounds one run of a script. */
export class Env {
  readonly place: Place;
  readonly pairing: Pairing;
  readonly record: Recorder = new Recorder();
  /** What the wrapped sides reported as errors. A drop-in has nothing to report. */
  readonly reports: unknown[] = [];
  readonly #clients: Client[] = [];
  readonly #dirs: string[] = [];
  #io!: Io;
  #http!: HttpServer;

  constructor(place: Place, pairing: Pairing) {
    this.place = place;
    this.pairing = pairing;
  }

  get io(): Io {
    return this.#io;
  }

  get http(): HttpServer {
    return this.#http;
  }

  /** Starts the server. `before` gets it before it is wrapped, `setup` after. */
  async serve(given: {
    readonly options?: Partial<ServerOptions>;
    readonly before?: (io: Io) => void;
    readonly setup?: (io: Io) => void;
    /** Of an earlier server, which is closed. */
    readonly port?: number;
  }): Promise<Io> {
    const { Server } = require(SERVERS[this.place.server]) as ServerModule;
    this.#http = createServer();
    const io = new Server(this.#http, { ...given.options });
    this.#io = io;
    given.before?.(io);
    if (this.pairing.server !== "raw") {
      const { delivery } = reliable(io, { store: this.pairing.server === "memory" ? memory() : sqlite(this.#file()) });
      delivery.on("error", (error) => this.reports.push(error));
    }
    given.setup?.(io);
    await new Promise<void>((resolve) => {
      this.#http.listen(given.port ?? 0, "127.0.0.1", resolve);
    });
    return io;
  }

  get port(): number {
    return (this.#http.address() as { port: number }).port;
  }

  /** A client. The script goes on at once, connected or not. */
  client(name: string, path = "/", options: ClientOptions = {}, port: number = this.port): Client {
    const url = `http://127.0.0.1:${port}${path === "/" ? "" : path}`;
    const { transport } = this.place;
    const given: ClientOptions = {
      transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
      reconnectionDelay: 5,
      reconnectionDelayMax: 20,
      randomizationFactor: 0,
      forceNew: true,
      ...options,
    };
    const making = this.pairing.making(name);
    const { io } = require(CLIENTS[this.place.client]) as ClientModule;
    const socket = making === "io()" ? (reliableIo(url, given) as unknown as Client) : io(url, given);
    if (making !== "plain") {
      const { delivery } = reliableSocket(socket);
      delivery.on("error", (error) => this.reports.push(error as DeliveryError));
    }
    socket.io.on("packet", ({ type, nsp, data }) => {
      const { sid } = (data ?? {}) as { sid?: string };
      if (type === 0 && nsp === path && sid) this.record.id(name, sid);
    });
    this.#clients.push(socket);
    return socket;
  }

  /** Writes a line down. */
  note(side: string, what: string, args?: readonly unknown[]): void {
    this.record.note(side, what, args);
  }

  /** Writes down what comes under these events. */
  hear(side: string, target: { on(event: string, listener: Any): unknown }, ...events: string[]): void {
    for (const event of events) target.on(event, (...args: unknown[]) => this.note(side, event, args));
  }

  /** Writes down everything that comes. */
  hearAny(side: string, target: { onAny(listener: Any): unknown }): void {
    target.onAny((...args: unknown[]) => this.note(side, "any", args));
  }

  /** Writes down how a call ended: what it answered, or what it threw. */
  call(side: string, what: string, run: () => unknown): void {
    try {
      const answer = run();
      this.note(side, `${what} answers ${typeof answer === "object" ? "an object" : String(answer)}`);
    } catch (error) {
      this.note(side, `${what} throws`, [error]);
    }
  }

  /** Writes down how a promise ended. */
  async outcome(side: string, what: string, promise: Promise<unknown>): Promise<void> {
    try {
      this.note(side, `${what} resolves`, [await promise]);
    } catch (error) {
      this.note(side, `${what} rejects`, [error]);
    }
  }

  /** Resolves when the condition holds. */
  async until(what: string, condition: () => unknown): Promise<void> {
    const giveUpAt = Date.now() + 4_000;
    while (!condition()) {
      if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
  }

  /** Resolves when a side has seen this, so many times. */
  async seen(side: string, start: string, times = 1): Promise<void> {
    await this.until(
      `${side} sees "${start}"${times > 1 ? ` ${times} times` : ""}`,
      () => this.record.lines(side).filter((line) => line.startsWith(start)).length >= times,
    );
  }

  async connected(...clients: Client[]): Promise<void> {
    for (const client of clients) {
      await this.until("the client is connected, on both sides", () => client.connected && this.peerOf(client));
    }
  }

  async gone(...clients: Client[]): Promise<void> {
    for (const client of clients) await this.until("the client is disconnected", () => !client.connected);
  }

  /** The server's socket of a client; undefined when there is none. */
  peerOf(client: Client, path = "/"): Peer {
    for (const nsp of path === "/" ? this.#io._nsps.values() : [this.#io.of(path)]) {
      const peer = client.id && nsp.sockets.get(client.id as never);
      if (peer) return peer as unknown as Peer;
    }
    return undefined as unknown as Peer;
  }

  /** Something is sent there and back; then everything that was sent before has come. */
  async sync(...clients: Client[]): Promise<void> {
    for (const client of clients) {
      const peer = this.peerOf(client);
      let there = false;
      let back = false;
      client.once("sync", () => {
        there = true;
      });
      peer.once("sync", () => {
        back = true;
      });
      peer.emit("sync");
      await this.until("what the server sent has come", () => there);
      client.emit("sync");
      await this.until("what the client sent has come", () => back);
    }
  }

  /** Ends the run, whatever state it is in. */
  async end(): Promise<void> {
    for (const client of this.#clients) {
      const { delivery } = client as unknown as { delivery?: { close(): void } };
      delivery?.close();
      client.disconnect();
      client.io.engine?.close();
    }
    if (!this.#io) return;
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => {
      void this.#io.close(() => resolve());
      if (!this.#http.listening) resolve();
    });
    const { delivery } = this.#io as unknown as ReliableServer<Any, Any, Any, Any>;
    await delivery?.close();
    for (const dir of this.#dirs) rmSync(dir, { recursive: true, force: true });
  }

  #file(): string {
    const dir = mkdtempSync(join(tmpdir(), "gapless-drop-in-"));
    this.#dirs.push(dir);
    return join(dir, "delivery.db");
  }
}

/** What a run left. */
export interface Run {
  readonly trace: Trace;
  readonly reports: readonly unknown[];
}

/** Runs a script and answers what was seen. A script that does not end fails with what was seen so far. */
export async function runScript(
  script: { run(env: Env): Promise<void> },
  place: Place,
  pairing: Pairing,
): Promise<Run> {
  const env = new Env(place, pairing);
  try {
    await script.run(env);
  } catch (error) {
    const { format } = await import("./trace.ts");
    const seen = format(env.record.finish());
    throw new Error(
      `${(error as Error).message}\nin: ${pairing.name}; seen so far:\n${seen}\nreported: ${env.reports}`,
      {
        cause: error,
      },
    );
  } finally {
    await env.end();
  }
  return { trace: env.record.finish(), reports: env.reports };
}
