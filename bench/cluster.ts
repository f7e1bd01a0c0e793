/**
 * Fan-out through two nodes on one Redis: gapless-io's store beside the official Redis Streams adapter, in turns.
 *
 *     npx tsx bench/cluster.ts [--rounds 3] [--clients 20,100] [--bursts 100]
 *
 * One node emits bursts to a room of which half the clients are on the other node; the next burst goes out when a client on each node has
 * the last one. Rule: everything is equal but the way; what is compared is a ratio within a round.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { io as plain } from "socket.io-client";
import { io as wrapped } from "../src/client/index.ts";
import { redisServer } from "./peers/broker.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    clients: { type: "string", default: "20,100" },
    bursts: { type: "string", default: "100" },
  },
});
/** Messages of a burst: so many in one turn of the event loop, so many turns. */
const SHAPES = [
  { burst: 50, turns: 1 },
  { burst: 1, turns: 50 },
] as const;
type Way = "gapless" | "official";

interface Figures {
  readonly deliveriesPerSecond: number;
  readonly nodesMsPerThousand: number;
  readonly readsPerMessage: number;
}

async function measure(
  way: Way,
  clients: number,
  bursts: number,
  { burst, turns }: (typeof SHAPES)[number],
): Promise<Figures> {
  const dir = mkdtempSync(join(tmpdir(), "gapless-bench-"));
  const server = await redisServer(dir);
  const redis = new Redis(server.port);
  const nodes = await Promise.all([0, 1].map(() => start(way, `redis://127.0.0.1:${server.port}`)));
  const received = new Array<number>(clients).fill(0);
  let waiting = () => {};
  const sockets = await Promise.all(
    received.map(async (_, i) => {
      const url = `http://127.0.0.1:${nodes[i % 2]?.port}`;
      const options = { transports: ["websocket"], forceNew: true };
      const socket = way === "gapless" ? wrapped(url, options) : plain(url, options);
      socket.on("m", () => {
        received[i] = (received[i] ?? 0) + 1;
        if (i < 2) waiting();
      });
      if (!socket.connected) await once(socket as never, "connect");
      return socket;
    }),
  );
  const run = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const goal = [0, 1].map((client) => (received[client] ?? 0) + burst * turns);
      nodes[0]?.child.send({ burst, turns });
      await new Promise<void>((resolve) => {
        waiting = () => {
          if (goal.every((count, client) => (received[client] ?? 0) >= count)) resolve();
        };
      });
    }
  };
  await run(Math.ceil(bursts / 10));
  await Promise.all(nodes.map((node) => node.cpuMs()));
  const readsBefore = await reads(redis);
  const before = received.reduce((sum, count) => sum + count, 0);
  const began = performance.now();
  await run(bursts);
  const seconds = (performance.now() - began) / 1_000;
  const messages = bursts * burst * turns;
  const delivered = received.reduce((sum, count) => sum + count, 0) - before;
  const cpuMs = (await Promise.all(nodes.map((node) => node.cpuMs()))).reduce((sum, ms) => sum + ms, 0);
  const readsPerMessage = ((await reads(redis)) - readsBefore) / messages;
  for (const socket of sockets) socket.disconnect();
  for (const { child } of nodes) child.kill("SIGKILL");
  redis.disconnect();
  await server.end();
  rmSync(dir, { recursive: true, force: true });
  return { deliveriesPerSecond: delivered / seconds, nodesMsPerThousand: (cpuMs / delivered) * 1_000, readsPerMessage };
}

interface Node {
  readonly child: ChildProcess;
  readonly port: number;
  /** CPU since it was last asked, milliseconds. */
  cpuMs(): Promise<number>;
}

async function start(way: Way, url: string): Promise<Node> {
  const child = fork(fileURLToPath(new URL("cluster-node.ts", import.meta.url)), [way, url], {
    execArgv: ["--import", "tsx"],
  });
  const answer = async () => ((await once(child, "message")) as [{ port: number; cpuMs: number }])[0];
  const { port } = await answer();
  return {
    child,
    port,
    async cpuMs() {
      const answered = answer();
      child.send({ usage: true });
      return (await answered).cpuMs;
    },
  };
}

/** How often the log was read. */
async function reads(redis: Redis): Promise<number> {
  const stats = await redis.info("commandstats");
  return Number(/cmdstat_xread:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

const rows: Record<string, unknown>[] = [];
for (const clients of values.clients.split(",").map(Number)) {
  for (const shape of SHAPES) {
    const results: Record<Way, Figures[]> = { gapless: [], official: [] };
    for (let round = 0; round < Number(values.rounds); round++) {
      const order: readonly Way[] = round % 2 === 0 ? ["gapless", "official"] : ["official", "gapless"];
      for (const way of order) results[way].push(await measure(way, clients, Number(values.bursts), shape));
    }
    const of = (way: Way, figure: keyof Figures) => median(results[way].map((figures) => figures[figure]));
    const ratio = (figure: keyof Figures) =>
      median(results.gapless.map((figures, i) => figures[figure] / (results.official[i]?.[figure] ?? 0)));
    rows.push({
      clients,
      "a turn": shape.burst,
      "deliveries/s": Math.round(of("gapless", "deliveriesPerSecond")),
      official: Math.round(of("official", "deliveriesPerSecond")),
      ratio: ratio("deliveriesPerSecond").toFixed(2),
      "CPU ratio": ratio("nodesMsPerThousand").toFixed(2),
      "reads/message": of("gapless", "readsPerMessage").toFixed(3),
      "official reads": of("official", "readsPerMessage").toFixed(3),
    });
    console.table(rows.slice(-1));
  }
}
console.table(rows);
process.exit();
