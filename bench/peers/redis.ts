/**
 * Socket.IO with the Redis Streams adapter and connection state recovery.
 *
 * Rule: defaults, but for a longer stream where a workload demands it, and a Redis of its own that flushes its file once a second; its CPU and memory count.
 */
import { io } from "socket.io-client";
import { loaded, missing, redisServer } from "./broker.ts";
import type { Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, type Differences, serve, urlOf } from "./socket-io.ts";

/** What is used of the packages. */
interface Redis {
  createClient(options: { readonly url: string }): {
    connect(): Promise<unknown>;
    on(event: "error", listener: (error: Error) => void): void;
  };
}
interface Adapter {
  createAdapter(
    client: unknown,
    options: { readonly maxLen: number },
  ): NonNullable<NonNullable<Differences["options"]>["adapter"]>;
}

const REDIS = "redis";
const ADAPTER = "@socket.io/redis-streams-adapter";

/** Recovery in Redis. */
export const redisStreams: Peer = {
  key: "redis",
  name: "Socket.IO, Redis Streams adapter",
  kept: "handled",
  can: ["rooms", "replays"],
  missing: () => missing("redis-server", "redis-server", [REDIS, ADAPTER]),

  async serve(dir, { recent = 10_000 }) {
    const server = await redisServer(dir);
    const client = (await loaded<Redis>(REDIS)).createClient({ url: `redis://127.0.0.1:${server.port}` });
    let ending = false;
    client.on("error", (error) => ending || console.error("Redis:", error));
    await client.connect();
    const { createAdapter } = await loaded<Adapter>(ADAPTER);
    const service = await serve({
      options: { adapter: createAdapter(client, { maxLen: recent }), connectionStateRecovery: {} },
    });
    return {
      ...service,
      pid: server.pid,
      end() {
        ending = true;
        return server.end();
      },
    };
  },

  connect: (port) => connected(io(urlOf(port), CLIENT_SETTINGS)),
};
