/**
 * The cluster: Redis, three nodes, nginx before them, and a page that shows what arrives while they are killed.
 *
 * Rule: everything that it starts is on the loopback address, in one temporary folder, and gone when it ends.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODES } from "./names.ts";
import { type Controls, servePage } from "./page-server.ts";
import { Part } from "./part.ts";
import { find, nginx, redisServer } from "./services.ts";
import { number, REDIS_URL } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "gapless-cluster-"));
const parts: Part[] = [];
let ending: Promise<void> | undefined;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end(0));
// Whoever started it is gone.
process.on("disconnect", () => void end(0));
process.on("exit", () => {
  for (const part of parts) part.abandon();
  rmSync(folder, { recursive: true, force: true });
});

const controls: Controls = {
  status: () => parts.map(({ name, state, pid, restarts }) => ({ name, state, pid, restarts })),
  kill: (name) => hit(name, (part) => part.kill()),
  stop: (name, forMs) => hit(name, (part) => part.stop(forMs)),
  drain: (name) => hit(name, (part) => part.drain()),
};

try {
  await start();
} catch (error) {
  if (!ending) console.error(error instanceof Error ? error.message : error);
  void end(1);
}

async function start(): Promise<void> {
  const program = { redis: find("redis-server"), nginx: find("nginx") };
  if (!REDIS_URL && !program.redis) {
    throw new Error("redis-server is missing: install it (Debian: apt-get install redis-server) or set REDIS_URL");
  }
  const port = await freePort(number("PORT", 8080));
  const ports = await Promise.all(NODES.map(() => freePort()));

  let redisUrl = REDIS_URL;
  if (!redisUrl) {
    const redisPort = await freePort();
    redisUrl = `redis://127.0.0.1:${redisPort}`;
    await run(redisServer(program.redis as string, folder, redisPort));
  }
  const node = (i: number): Part =>
    new Part(`node-${NODES[i]}`, ports[i] as number, () =>
      fork(fileURLToPath(new URL("node.ts", import.meta.url)), {
        execArgv: ["--import", "tsx"],
        stdio: ["ignore", "inherit", "inherit", "ipc"],
        env: { ...process.env, NODE: NODES[i], PORT: `${ports[i]}`, HOST: "127.0.0.1", REDIS_URL: redisUrl },
      }),
    );
  await Promise.all(NODES.map((_, i) => run(node(i))));

  // Without a load balancer the page goes to the nodes itself, and is served where that would have been.
  const nodes = program.nginx ? {} : { nodes: ports.map((each) => `http://127.0.0.1:${each}`) };
  const page = program.nginx ? await freePort() : port;
  const server = await servePage({ host: "127.0.0.1", port: page, redisUrl, controls, ...nodes });
  server.unref();
  if (program.nginx) await run(nginx(program.nginx, folder, { listen: port, page, nodes: ports }));
  else {
    console.log(
      "nginx is missing (Debian: apt-get install nginx-light): clients go to the nodes directly, over WebSocket, and wait for their own node.",
    );
  }
  const url = `http://127.0.0.1:${port}`;
  console.log(`Open ${url} and kill something. Ctrl-C ends it all.`);
  process.send?.({ url, folder });
}

async function run(part: Part): Promise<void> {
  if (ending) throw new Error("it is over");
  parts.push(part);
  await part.start();
}

/** nginx is spared: the page is behind it. */
function hit(name: string, how: (part: Part) => void): boolean {
  const part = parts.find((one) => one.name === name && name !== "nginx");
  if (part) how(part);
  return part !== undefined;
}

/** A port that nobody listens on: the one that is wanted, or another one. */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return freePort();
  }
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** The order of their start, backwards. */
function end(code: number): Promise<void> {
  ending ??= (async () => {
    for (const part of parts.toReversed()) await part.end();
    process.exit(code);
  })();
  return ending;
}
