/**
 * Connections to Redis, of whichever client the application uses.
 *
 * Rule: a connection lives until its first failure. Then it is dropped, with whatever is under way on it, and the next command makes another;
 * so nothing is sent again behind our back, and a network that swallows everything costs one timeout.
 */
import { DeliveryError } from "../core/error.ts";

/**
 * A client that the application has made, of the package ioredis or of the package redis (node-redis), from version 5; for one server or for a
 * cluster. Connections of our own are made after its example; it is not used itself, and not closed.
 */
export interface RedisClient {
  duplicate(...options: never[]): unknown;
}

/** What Redis answers: text as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

type Argument = string | Buffer;

/** One connection, as we use it. */
export interface Wire {
  /** @param key Decides on the server, in a cluster. */
  send(key: string, args: readonly Argument[]): Promise<Reply>;
  /** Asks every server that may be written. */
  everywhere(args: readonly Argument[]): Promise<Reply[]>;
  end(): void;
}

/** The parts of ioredis that are used. */
interface IoRedis {
  callBuffer(command: string, ...args: readonly Argument[]): Promise<Reply>;
  connect(): Promise<void>;
  disconnect(): void;
  on(event: "error", listener: () => void): void;
  nodes?(role: "master"): IoRedis[];
  duplicate(...options: unknown[]): IoRedis;
}

/** The parts of node-redis that are used. */
interface NodeRedis {
  readonly options?: { readonly socket?: object };
  sendCommand(...args: readonly unknown[]): Promise<Reply>;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: "error", listener: () => void): void;
  readonly masters?: readonly object[];
  nodeClient?(node: object): NodeRedis | Promise<NodeRedis>;
  duplicate(options: object): NodeRedis;
}

const CONNECT_MS = 5_000;
/** Replies that are text come as bytes: what is stored need not be text. 36 is `$`, the type of a bulk string. */
const AS_BYTES = { typeMapping: { 36: Buffer } };
const never = (): null => null;
const ignore = (): void => {};

/** Makes one connection after the client's example. */
async function connect(client: RedisClient): Promise<Wire> {
  if ("callBuffer" in client) return connectIoRedis(client as unknown as IoRedis);
  return connectNodeRedis(client as unknown as NodeRedis);
}

async function connectIoRedis(client: IoRedis): Promise<Wire> {
  const single = {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: never,
    sentinelRetryStrategy: never,
    connectTimeout: CONNECT_MS,
    // Scripts make the names of most keys themselves.
    keyPrefix: "",
    protocol: 2,
  };
  const cluster = { lazyConnect: true, enableOfflineQueue: false, clusterRetryStrategy: never, keyPrefix: "" };
  const own = client.nodes
    ? client.duplicate([], { ...cluster, redisOptions: { connectTimeout: CONNECT_MS, protocol: 2 } })
    : client.duplicate(single);
  // Every command tells of its failure; an event without a listener would end the process.
  own.on("error", ignore);
  await own.connect();
  const call = (to: IoRedis, [command, ...args]: readonly Argument[]) => to.callBuffer(command as string, ...args);
  return {
    send: (_key, args) => call(own, args),
    everywhere: (args) => Promise.all((own.nodes?.("master") ?? [own]).map((node) => call(node, args))),
    end: () => own.disconnect(),
  };
}

async function connectNodeRedis(client: NodeRedis): Promise<Wire> {
  const socket = { ...client.options?.socket, connectTimeout: CONNECT_MS, reconnectStrategy: false };
  const cluster = client.nodeClient !== undefined;
  // What needs the third protocol is switched off with it.
  const plain = { RESP: 2, maintNotifications: "disabled" };
  const own = client.duplicate(
    cluster ? { ...plain, defaults: { socket } } : { ...plain, socket, disableOfflineQueue: true },
  );
  own.on("error", ignore);
  await own.connect();
  return {
    send: (key, args) => (cluster ? own.sendCommand(key, false, args, AS_BYTES) : own.sendCommand(args, AS_BYTES)),
    async everywhere(args) {
      if (!cluster) return [await own.sendCommand(args, AS_BYTES)];
      const nodes = await Promise.all((own.masters ?? []).map((node) => own.nodeClient?.(node)));
      return Promise.all(nodes.flatMap((node) => (node ? [node.sendCommand(args, AS_BYTES)] : [])));
    },
    end: () => own.destroy(),
  };
}

/** Whether Redis itself has said no: its errors begin with a word in capitals. Everything else is the connection's. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z][A-Z_]+( |$)/.test(error.message);
}

/** A connection that is made anew when it fails. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;
  readonly #look: (wire: Wire) => Promise<void>;
  #wire: Promise<Wire> | undefined;
  #closed = false;

  /**
   * @param timeoutMs How long an answer may take.
   * @param look Looks at each new connection before anything is sent on it. When it rejects, so does what was to be sent.
   */
  constructor(client: RedisClient, timeoutMs: number, look: (wire: Wire) => Promise<void>) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#look = look;
  }

  /** Sends commands one right after the other. @param blockMs How much longer the answers may take. */
  async send<N extends readonly (readonly Argument[])[]>(
    key: string,
    commands: N,
    blockMs = 0,
  ): Promise<{ [K in keyof N]: Reply }> {
    const connected = this.#connected();
    const wire = await connected;
    try {
      const answers = Promise.all(commands.map((args) => wire.send(key, args)));
      return (await within(answers, this.#timeoutMs + blockMs)) as { [K in keyof N]: Reply };
    } catch (error) {
      if (!isRefusal(error)) this.#drop(connected);
      throw error;
    }
  }

  /** Lets go of it. */
  close(): void {
    this.#closed = true;
    if (this.#wire) this.#drop(this.#wire);
  }

  #connected(): Promise<Wire> {
    if (this.#closed) return Promise.reject(new DeliveryError("CLOSED", "the store was closed."));
    if (this.#wire) return this.#wire;
    let made: Wire | undefined;
    const making = connect(this.#client).then(async (wire) => {
      made = wire;
      await this.#look(wire);
      return wire;
    });
    const connected = within(making, CONNECT_MS + this.#timeoutMs);
    this.#wire = connected;
    connected.catch(() => {
      if (this.#wire === connected) this.#wire = undefined;
      making.then(
        (wire) => wire.end(),
        () => made?.end(),
      );
    });
    return connected;
  }

  #drop(connected: Promise<Wire>): void {
    if (this.#wire === connected) this.#wire = undefined;
    connected.then((wire) => wire.end(), ignore);
  }
}

function within<T>(asked: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
