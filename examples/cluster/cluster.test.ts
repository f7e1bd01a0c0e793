/**
 * The cluster as the command starts it: its nodes are killed, stopped and drained one after another and Redis is killed, by the page's own
 * buttons, while clients of both transports listen through nginx. The page's own ledger counts.
 *
 * Rule: it waits for what must happen, each time with a limit, and never for time to pass; what was started is gone at the end.
 *
 * REPORT=1 prints what was counted.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { io as plainIo } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { io as reliableIo } from "../../src/client/index.ts";
import { redisAvailable } from "../../test/redis.ts";
import { Ledger, type Tally } from "./ledger.ts";
import { NODES, PLAIN_TICK, TICK } from "./names.ts";
import type { Feed, PartStatus } from "./page-server.ts";
import { find } from "./services.ts";

const NGINX_MISSING = "nginx is missing: install it (Debian: apt-get install nginx-light)";
const nginxAvailable = find("nginx") !== undefined;
if (!nginxAvailable) {
  if (process.env.CI === "true") throw new Error(NGINX_MISSING);
  console.warn(NGINX_MISSING);
}

const RATE = 200;
/** Two seconds of messages: more than the ledger waits before it says that one is missing. */
const SOME = 2 * RATE;
const AT_LEAST = 1_000;
/** Longer than a node that stands still is waited for. */
const STOP_MS = 4_000;
const LOOK_MS = 25;
/** For one thing to happen, on a machine that has much else to do. */
const HAPPEN_MS = 30_000;
const START_MS = 40_000;
const LIMIT_MS = 90_000;
const HEADER = { "x-cluster-control": "1" };

interface Client {
  readonly transport: "polling" | "websocket";
  readonly tally: Tally;
  readonly connected: () => boolean;
  readonly close: () => void;
  /** The nodes that it was connected to, in this order. */
  readonly nodes: string[];
  gaps: number;
}

describe.skipIf(!redisAvailable || !nginxAvailable)("three nodes behind nginx on one Redis", () => {
  let cluster: ChildProcess;
  let said = "";
  let url: string;
  let folder: string;
  let place: number | undefined;
  let parts: readonly PartStatus[] = [];
  const pids = new Set<number>();
  const ledger = new Ledger();
  const wrapped: Client[] = [];
  const plain: Client[] = [];

  beforeAll(async () => {
    const { REDIS_URL: _, ...env } = process.env;
    cluster = fork(fileURLToPath(new URL("cluster.ts", import.meta.url)), {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { ...env, PORT: "0", RATE: `${RATE}` },
    });
    cluster.stderr?.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const started = await Promise.race([once(cluster, "message"), once(cluster, "exit")]);
    [{ url, folder }] = started as [{ url: string; folder: string }];
    expect(url, said).toBeDefined();
    await look();
  }, START_MS);

  afterAll(async () => {
    for (const { close } of [...wrapped, ...plain]) close();
    await ended();
  });

  /** What the page asks for. */
  async function look(): Promise<void> {
    const feed = (await (await fetch(`${url}/feed${place === undefined ? "" : `?after=${place}`}`)).json()) as Feed;
    place = feed.next;
    parts = feed.parts ?? [];
    for (const { pid } of parts) if (pid !== undefined) pids.add(pid);
    ledger.acknowledged(feed.acknowledged, performance.now());
  }

  async function until(what: string, happened: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + HAPPEN_MS;
    for (;;) {
      await look();
      if (happened()) return;
      const seen = JSON.stringify({ parts, wrapped: counted(wrapped), published: ledger.published });
      if (performance.now() > giveUpAt) throw new Error(`it did not happen: ${what}; ${seen}\n${said}`);
      await sleep(LOOK_MS);
    }
  }

  function part(name: string): PartStatus {
    const found = parts.find((one) => one.name === name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  }

  async function press(button: string): Promise<number> {
    return (await fetch(`${url}/control/${button}`, { method: "POST", headers: HEADER })).status;
  }

  const everybody = () => [...wrapped, ...plain].every(({ connected }) => connected());
  /** Each wrapped client has as many as were acknowledged by then, and some more. */
  async function healed(): Promise<void> {
    const enough = ledger.published + SOME;
    await until("all are there and have what was acknowledged", () => {
      return everybody() && wrapped.every(({ tally }) => tally.received >= enough);
    });
  }

  async function ended(): Promise<void> {
    if (!cluster || cluster.exitCode !== null || cluster.signalCode !== null) return;
    const gone = once(cluster, "exit");
    cluster.kill("SIGTERM");
    await gone;
  }

  it("has buttons for its own page only", async () => {
    const { pid, restarts } = part("node-1");
    const kill = `${url}/control/node-1/kill`;
    expect((await fetch(kill, { method: "POST" })).status).toBe(404);
    expect((await fetch(kill, { headers: HEADER })).status).toBe(404);
    expect(await post(kill, { ...HEADER, host: "attacker.example" })).toBe(404);
    expect(await press("nginx/kill")).toBe(404);
    expect(await press("node-1/other")).toBe(404);
    await look();
    expect(part("node-1")).toMatchObject({ pid, restarts, state: "up" });
  });

  it(
    "loses, doubles and reorders nothing for wrapped clients while nodes and Redis are killed",
    async () => {
      for (const transport of ["polling", "websocket"] as const) {
        for (const _ of NODES) wrapped.push(listen(transport, true));
        plain.push(listen(transport, false));
      }
      await until("all are there", everybody);
      ledger.begin();
      await healed();

      for (const name of NODES) {
        const { restarts } = part(`node-${name}`);
        expect(await press(`node-${name}/kill`)).toBe(204);
        await until(`node ${name} is back`, () => up(`node-${name}`, restarts + 1) && everybody());
      }
      expect(await press("redis/kill")).toBe(204);
      await until("Redis is back", () => up("redis", 1));
      await healed();

      expect(await press(`node-1/stop?ms=${STOP_MS}`)).toBe(204);
      await until("node 1 stands still", () => part("node-1").state === "stopped");
      await until("nobody waits for node 1, and it goes on", () => part("node-1").state === "up" && everybody());
      const { restarts } = part("node-2");
      expect(await press("node-2/drain")).toBe(204);
      await until("node 2 was drained and is back", () => up("node-2", restarts + 1) && everybody());
      await healed();

      if (process.env.REPORT) {
        console.log(JSON.stringify({ published: ledger.published, wrapped: counted(wrapped), plain: counted(plain) }));
      }
      for (const { tally, transport, nodes, gaps } of wrapped) {
        const { received, missing, doubled, inverted } = tally;
        expect({ missing, doubled, inverted, gaps }, transport).toEqual({
          missing: 0,
          doubled: 0,
          inverted: 0,
          gaps: 0,
        });
        expect(received).toBeGreaterThan(AT_LEAST);
        // Each node was killed, so each client was on one that was.
        expect(nodes.length).toBeGreaterThan(1);
      }
      // They show that the same counting sees what is missing.
      for (const { tally } of plain) expect(tally.received).toBeGreaterThan(AT_LEAST / 2);
      expect(plain.reduce((sum, { tally }) => sum + tally.missing, 0)).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  it("is gone when it is ended", async () => {
    await look();
    await ended();
    expect(pids.size).toBeGreaterThan(parts.length);
    expect([...pids].filter(alive)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  }, 20_000);

  function up(name: string, restarts: number): boolean {
    const { state, restarts: seen } = part(name);
    return state === "up" && seen >= restarts;
  }

  function listen(transport: Client["transport"], reliable: boolean): Client {
    const options = {
      transports: [transport],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 250,
      timeout: 5_000,
    };
    const tally = ledger.add(reliable);
    const nodes: string[] = [];
    const wrappedSocket = reliable ? reliableIo(url, options) : undefined;
    const socket = wrappedSocket ?? plainIo(url, options);
    const client: Client = {
      transport,
      tally,
      nodes,
      gaps: 0,
      connected: () => socket.connected,
      close: () => void socket.disconnect(),
    };
    wrappedSocket?.on(TICK, (id: string) => tally.receive(id, wrappedSocket.delivery.current?.offset));
    wrappedSocket?.delivery.on("gap", () => {
      client.gaps++;
    });
    if (!wrappedSocket) socket.on(PLAIN_TICK, (id: string) => tally.receive(id));
    socket.on("connect", () => nodes.push(socket.io.engine.id.split("-")[0] ?? ""));
    return client;
  }
});

function counted(clients: readonly Client[]): object[] {
  return clients.map(({ transport, nodes, gaps, tally, connected }) => {
    const { received, onTheWay, missing, doubled, inverted } = tally;
    const way = nodes.join(">");
    return { transport, way, connected: connected(), received, onTheWay, missing, doubled, inverted, gaps };
  });
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** With any header, which `fetch` does not send. */
async function post(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const sent = request(url, { method: "POST", headers }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}
