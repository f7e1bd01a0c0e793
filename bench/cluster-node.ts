/**
 * A node of the cluster benchmark, in a process of its own: the same program on either way through Redis.
 *
 * Rule: it emits as an application does, and nothing in it knows which way it is.
 */
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { reliable } from "../src/server/index.ts";
import { redis } from "../src/store/redis.ts";

const [way, url] = process.argv.slice(2) as ["gapless" | "official", string];
const http = createServer();
const client = new Redis(url);
const official = { adapter: createAdapter(client, {}), connectionStateRecovery: {} };
const io = new Server(http, way === "official" ? official : {});
if (way === "gapless") {
  const { delivery } = reliable(io, { store: redis(client) });
  await delivery.ready;
  delivery.on("error", console.error);
}
io.on("connection", (socket) => void socket.join("all"));
const text = "x".repeat(200);
let number = 0;
let cpu = process.cpuUsage();
process.on("message", ({ burst, turns, usage }: { burst?: number; turns?: number; usage?: true }) => {
  if (usage) {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000 });
  }
  const turn = (left: number): void => {
    for (let i = 0; i < (burst ?? 0); i++) io.to("all").emit("m", number++, text);
    if (left > 1) setImmediate(() => turn(left - 1));
  };
  if (burst) turn(turns ?? 1);
});
process.on("disconnect", () => process.exit());
http.listen(0, "127.0.0.1", () => process.send?.({ port: (http.address() as { port: number }).port }));
