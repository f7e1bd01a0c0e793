/**
 * A real server on a real SQLite file, real clients, and a proxy between them.
 *
 * Rule: nothing is waited for but conditions; a condition that does not come fails the test and says which.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, type ServerOptions, type Socket } from "socket.io";
import type { ManagerOptions, SocketOptions } from "socket.io-client";
import { type ReliableOptions as ClientOptions, io as connect, type ReliableSocket } from "../../src/client/index.ts";
import { type ReliableOptions, type ReliableServer, reliable } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { type FaultProxy, faultProxy } from "../../src/testing/fault-proxy.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;
export type TestClient = ReliableSocket<Any, Any>;
export type TestServer = ReliableServer<Any, Any, Any, Any>;

export interface WorldOptions {
  readonly server?: Partial<ServerOptions>;
  readonly reliable?: ReliableOptions;
  /** Given the server before it listens, at each start. */
  readonly setup?: (io: TestServer) => void;
}

/** One server that can be stopped and started again on the same file and port, and its clients. */
export class World {
  readonly dir: string;
  readonly options: WorldOptions;
  readonly errors: unknown[] = [];
  readonly clients: TestClient[] = [];
  proxy!: FaultProxy;
  io!: TestServer;
  #http!: HttpServer;
  #port = 0;

  constructor(dir: string, options: WorldOptions) {
    this.dir = dir;
    this.options = options;
  }

  get file(): string {
    return join(this.dir, "delivery.db");
  }

  async start(options: WorldOptions = this.options): Promise<void> {
    this.#http = createServer();
    this.io = reliable(new Server(this.#http, { pingInterval: 25_000, ...options.server }) as Any, {
      store: sqlite(this.file),
      ...options.reliable,
    }) as TestServer;
    this.io.delivery.on("error", (error) => this.errors.push(error));
    options.setup?.(this.io);
    await new Promise<void>((resolve) => {
      this.#http.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (this.#http.address() as { port: number }).port;
    if (!this.proxy) this.proxy = await faultProxy(this.#port);
    await this.io.delivery.ready;
  }

  /** Stops the server as `io.close()` does. */
  async stop(): Promise<void> {
    await this.io.close();
    await this.io.delivery.close();
  }

  /** Trims at once what the server would trim with time. */
  async trim(): Promise<void> {
    while (await this.io.delivery.trim());
  }

  /** A wrapped client that connects through the proxy. */
  client(
    options: ClientOptions & {
      readonly socket?: Partial<ManagerOptions & SocketOptions>;
      readonly namespace?: string;
    } = {},
  ): TestClient {
    const { socket, namespace = "/", ...rest } = options;
    const client = connect(`http://127.0.0.1:${this.proxy.port}${namespace === "/" ? "" : namespace}`, {
      transports: ["websocket"],
      reconnectionDelay: 5,
      reconnectionDelayMax: 20,
      forceNew: true,
      ...socket,
      reliable: rest,
    } as Any) as TestClient;
    this.clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.delivery.close();
    // First the proxy: what it holds half-open would keep the server from closing.
    await this.proxy.close();
    await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Runs a test in a world of its own, and clears it up. */
export async function inWorld(options: WorldOptions, run: (world: World) => Promise<void>): Promise<void> {
  const world = new World(await mkdtemp(join(tmpdir(), "gapless-")), options);
  await world.start();
  try {
    await run(world);
  } finally {
    await world.end();
  }
}

/** Resolves when the condition holds. Fails after `withinMs`, saying which condition it was. */
export async function until(what: string, condition: () => unknown, withinMs = 15_000): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

/** Resolves when the client is connected. */
export async function connected(client: TestClient): Promise<void> {
  await until("the client is connected", () => client.connected);
}

/** Resolves when the client is connected again after a fault. */
export async function back(client: TestClient, fault: () => void): Promise<void> {
  let again = false;
  client.once("connect", () => {
    again = true;
  });
  fault();
  await until("the client is back", () => again);
}

/** Resolves when every session has acknowledged all that was sent to it. */
export async function acknowledged(io: TestServer): Promise<void> {
  for (;;) {
    let behind = false;
    for await (const session of io.delivery.sessions()) behind ||= session.behind;
    if (!behind) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** Everything that this client is handed under an event, in order. */
export function collect<T = unknown>(client: TestClient, event: string): T[] {
  const got: T[] = [];
  client.on(event, (value: T) => {
    got.push(value);
  });
  return got;
}

/** The server's socket of a client. */
export function socketOf(io: TestServer, client: TestClient): Socket {
  const socket = io.sockets.sockets.get(client.id as string);
  if (!socket) throw new Error("the client has no socket on the server");
  return socket as unknown as Socket;
}

/** 0, 1, … n - 1. */
export function range(n: number, from = 0): number[] {
  return Array.from({ length: n }, (_, i) => from + i);
}
