/**
 * Two servers in one process, on one SQLite file, each with a store of its own, and an adapter of Socket.IO's between them where a
 * test asks for one.
 *
 * Rule: what one server tells the other over the adapter is a copy, and comes in a later turn of the event loop, in order.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { ClusterAdapter, type ClusterMessage, type ClusterResponse } from "socket.io-adapter";
import { type TestClient, until, World, type WorldOptions } from "./world.ts";

// biome-ignore lint/suspicious/noExplicitAny: Socket.IO's adapters take a namespace of a type that they do not export.
type Any = any;

/** Connects the namespaces of the servers that are given what it answers, as an adapter for Redis would. */
export function adapter(): new (namespace: Any) => ClusterAdapter {
  const all = new Set<InProcess>();
  class InProcess extends ClusterAdapter {
    constructor(namespace: Any) {
      super(namespace);
      all.add(this);
    }

    override close(): void {
      all.delete(this);
    }

    override serverCount(): Promise<number> {
      return Promise.resolve([...all].filter(({ nsp }) => nsp.name === this.nsp.name).length);
    }

    protected override doPublish(message: ClusterMessage): Promise<string> {
      const copy = serialize(message);
      setImmediate(() => {
        for (const one of all) if (one !== this) one.onMessage(deserialize(copy));
      });
      return new Promise((resolve) => setImmediate(resolve, ""));
    }

    protected override doPublishResponse(to: string, response: ClusterResponse): Promise<void> {
      const copy = serialize(response);
      setImmediate(() => {
        for (const one of all) if (one.uid === to) one.onResponse(deserialize(copy));
      });
      return Promise.resolve();
    }
  }
  return InProcess;
}

/** Runs a test with two servers, and clears up. */
export async function inCluster(options: WorldOptions, run: (a: World, b: World) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "gapless-"));
  const worlds = [new World(dir, options), new World(dir, options)] as const;
  for (const world of worlds) await world.start();
  try {
    await run(...worlds);
  } finally {
    for (const world of worlds) await world.end();
  }
}

/** Has the clients of one server come back to the other. */
export function move(from: World, to: World): void {
  const { port } = (to.io as Any).httpServer.address();
  from.proxy.retarget(port);
}

/** Resolves when a client that was connected is connected again. */
export async function backFrom(client: TestClient, id: string | undefined): Promise<void> {
  await until("the client is back", () => client.connected && client.id !== id);
}
