/**
 * A cluster under test: nodes, clients, and a proxy before each client and, where it is asked for, between each node and Redis.
 *
 * Rule: chance comes from the seed; how it begins and ends is decided by conditions, each bounded and named when it does not come.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { type FaultProxy, faultProxy } from "../../src/testing/fault-proxy.ts";
import type { Bundles } from "../bundle.ts";
import { type Chance, chance, pick } from "../chance.ts";
import type { RedisServer } from "../redis.ts";
import { sleep } from "../stack/chaos-diary.ts";
import { ClientsPart, NodePart } from "./parts.ts";
import { clientNames, type Driver, EVERYBODY, isFor, LAST, type Mode, type Ping, ROOMS, roomsOf } from "./plan.ts";

/** How a client loses its connection: both sides are told, or the client alone. */
export type CutKind = "clean" | "half-open";

export interface ClusterOptions {
  readonly mode: Mode;
  readonly nodes: number;
  /** Publishes a second, of all nodes together. */
  readonly rate: number;
  readonly seed: number;
  /** Diaries, and a log that is a file. */
  readonly dir: string;
  readonly programs: Bundles;
  /** Left out by the modes that need none. */
  readonly redis?: RedisServer | undefined;
  /** Puts a proxy between each node and Redis. @default no */
  readonly links?: boolean;
  /** @default "redis" */
  readonly driver?: Driver;
  /** @default Socket.IO's own: 25 s and 20 s */
  readonly ping?: Ping;
}

const CLIENTS = 10;
const EMITS_PER_SECOND = 60;

export class Cluster {
  readonly nodes: readonly NodePart[];
  readonly clients: ClientsPart;
  readonly names: readonly string[] = clientNames(CLIENTS);
  readonly random: Chance;
  readonly options: ClusterOptions;
  /** Before each client. */
  readonly proxies: Map<string, FaultProxy> = new Map();
  /** Between each node and Redis. */
  readonly links: FaultProxy[] = [];
  /** The node that each client was sent to. */
  readonly #routes = new Map<string, NodePart>();
  /** How often each client had been connected when it was cut last. */
  readonly #cutAt = new Map<string, number>();
  #busy = false;
  #lasts = 0;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = chance(options.seed);
    const { programs, dir, mode, seed, nodes, rate } = options;
    this.nodes = Array.from(
      { length: nodes },
      (_, i) =>
        new NodePart(programs.path("node"), dir, {
          mode,
          name: `n${i}`,
          seed: seed * 100 + i,
          driver: options.driver ?? "redis",
          file: join(dir, "log.db"),
          publishesPerSecond: rate / nodes,
          ping: options.ping ?? { pingInterval: 25_000, pingTimeout: 20_000 },
        }),
    );
    this.clients = new ClientsPart(programs.path("clients"));
  }

  get acknowledged(): number {
    return this.nodes.reduce((sum, node) => sum + node.acknowledged, 0);
  }

  /** Refused publishes, by code. */
  get refused(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const node of this.nodes) for (const [code, count] of node.refused) all[code] = (all[code] ?? 0) + count;
    return all;
  }

  /** Starts everything. Resolves when all clients are in their rooms and nothing has been published. */
  async start(): Promise<void> {
    const { redis, links, mode, dir } = this.options;
    for (const node of this.nodes) {
      if (redis && links) {
        const link = await faultProxy(redis.port, () => this.random(1_000) / 1_000);
        this.links.push(link);
        node.redisPort = link.port;
      } else node.redisPort = redis?.port ?? 0;
      // One after the other: the first makes the log.
      await this.startNode(node);
    }
    for (const name of this.names) {
      this.proxies.set(name, await faultProxy(this.nodes[0]?.port ?? 0));
      this.route(name);
    }
    this.clients.start({
      mode,
      diary: join(dir, "clients.jsonl"),
      clients: this.names.map((name) => ({ name, port: (this.proxies.get(name) as FaultProxy).port })),
      emitsPerSecond: EMITS_PER_SECOND,
    });
    await this.until("all clients are in their rooms", () =>
      this.names.every((name) => this.clients.news.ready?.[name]),
    );
    // Nothing is published yet, so they are in their rooms from the beginning of the log on.
    for (const [name, session] of Object.entries(this.clients.news.ready ?? {})) {
      for (const room of [EVERYBODY, ...roomsOf(name)]) {
        this.note({ type: "join", session, room, offset: 0 });
      }
    }
  }

  /** Puts a line in the diary of the run. */
  note(line: object): void {
    const { dir } = this.options;
    appendFileSync(join(dir, "run.jsonl"), `${JSON.stringify({ node: "run", ...line })}\n`);
  }

  async startNode(node: NodePart): Promise<void> {
    node.start();
    await this.until(`${node.name} listens`, () => node.up);
    node.serving = true;
    for (const [client, route] of this.#routes) if (route === node) this.proxies.get(client)?.retarget(node.port);
    node.order({ busy: this.#busy });
  }

  /** Nodes publish and clients emit, or neither does. */
  busy(busy: boolean): void {
    this.#busy = busy;
    for (const part of [...this.nodes, this.clients]) part.order({ busy });
  }

  /** A client comes to any node that serves when it next connects. */
  route(client: string): void {
    const serving = this.nodes.filter(({ serving }) => serving);
    const node = pick(this.random, serving.length > 0 ? serving : this.nodes);
    this.proxies.get(client)?.retarget(node.port);
    this.#routes.set(client, node);
  }

  /** A node serves no more for a while: its clients come to others when they next connect. */
  evacuate(node: NodePart): void {
    node.serving = false;
    for (const [client, route] of this.#routes) if (route === node) this.route(client);
  }

  /** Ends a client's connection; it comes back to any node. */
  cut(client: string, kind: CutKind): void {
    this.route(client);
    this.#cutAt.set(client, this.clients.news.connections?.[client] ?? 0);
    const proxy = this.proxies.get(client);
    if (kind === "clean") proxy?.cut();
    else proxy?.halfOpen();
  }

  /** Whether it is connected, and has been again since it was cut. */
  isConnected(client: string): boolean {
    const { connected, connections } = this.clients.news;
    return connected?.includes(client) === true && (connections?.[client] ?? 0) > (this.#cutAt.get(client) ?? 0);
  }

  /** Everything that was begun is over. Answers whether it came to that. */
  async settle(withinMs: number): Promise<boolean> {
    this.clients.order({ busy: false });
    const settled = await this.reached(() => this.clients.news.open === 0, withinMs);
    this.busy(false);
    const idle = () => this.nodes.every(({ news }) => news.open === 0);
    return (await this.reached(idle, withinMs)) && settled;
  }

  /** Messages published on each node, one after the other, to everybody and to each room, reach every client. Answers who has not got which. */
  async lasts(withinMs: number): Promise<string[]> {
    const due: { readonly client: string; readonly id: string }[] = [];
    for (const node of this.nodes) {
      for (const to of [EVERYBODY, ...ROOMS]) {
        const id = await this.#publishOn(node, to, withinMs);
        if (id === undefined) return [`nothing can be published on ${node.name}`];
        for (const client of this.names) if (isFor(client, [to], [])) due.push({ client, id });
      }
    }
    const missing = () => due.filter(({ client, id }) => !this.clients.news.got?.[client]?.includes(id));
    await this.reached(() => missing().length === 0, withinMs);
    return missing().map(({ client, id }) => `${client} has not got ${id}`);
  }

  /** Publishes until it is acknowledged: while things come back it may be refused. Answers the id, if it came to that. */
  async #publishOn(node: NodePart, to: string, withinMs: number): Promise<string | undefined> {
    const giveUpAt = performance.now() + withinMs;
    while (performance.now() < giveUpAt) {
      const id = `${LAST}.${this.#lasts++}.${node.name}.${to}`;
      node.order({ publish: { id, to } });
      if (await this.reached(() => node.news.published?.includes(id) === true, 3_000)) return id;
    }
    return undefined;
  }

  /** Has every node print what it knows of sessions. */
  async dump(): Promise<void> {
    for (const node of this.nodes) node.order({ dump: true });
    await sleep(1_000);
  }

  /** What the clients have to say is in their diary. */
  async flushed(): Promise<void> {
    await this.until("all handlers are through", () => this.clients.news.handling === 0);
    this.clients.order({ flush: true });
    await this.until("the clients' diary is written", () => this.clients.news.flushed === true);
  }

  /** Waits for a condition; fails when it does not come. */
  async until(what: string, condition: () => boolean, withinMs = 30_000): Promise<void> {
    if (!(await this.reached(condition, withinMs))) throw new Error(`it never came to this: ${what}`);
  }

  /** Waits for a condition, but not longer than this. */
  async reached(condition: () => boolean, withinMs: number): Promise<boolean> {
    const giveUpAt = performance.now() + withinMs;
    while (!condition()) {
      for (const part of [...this.nodes, this.clients]) if (part.crashed) throw new Error("a process ended by itself");
      if (performance.now() > giveUpAt) return false;
      await sleep(3);
    }
    return true;
  }

  /** Ends all processes. */
  async end(): Promise<void> {
    for (const part of [...this.nodes, this.clients]) await part.kill();
    for (const proxy of [...this.proxies.values(), ...this.links]) await proxy.close();
  }
}
