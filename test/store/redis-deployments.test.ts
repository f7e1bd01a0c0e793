/**
 * Redis as it is deployed: a cluster, a user with few rights, a client with settings of its own.
 *
 * Rule: the contract's own cases, on real servers.
 */
import { Cluster, Redis } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RedisClient, redis } from "../../src/store/redis.ts";
import { append, codeOf, everything, open, until } from "../../src/testing/store-suite/given.ts";
import { type StoreHarness, storeSuite } from "../../src/testing/store-suite.ts";
import { freshPrefix, type RedisServer, redisAvailable, redisServer } from "../redis.ts";

async function harness(client: RedisClient, end: () => unknown, prefix = freshPrefix()): Promise<StoreHarness> {
  let store = redis(client, { prefix });
  return {
    store,
    async reopen() {
      await store.close();
      store = redis(client, { prefix });
      return store;
    },
    async cleanup() {
      await store.close();
      await end();
    },
  };
}

describe.skipIf(!redisAvailable)("redis", () => {
  describe("as a cluster of two", () => {
    let servers: RedisServer[] = [];
    beforeAll(async () => {
      servers = [0, 1].map(() => undefined as never);
      for (const i of [0, 1]) servers[i] = await redisServer({ config: { "cluster-enabled": "yes" } });
      const [a, b] = servers as [RedisServer, RedisServer];
      await a.command("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
      await b.command("CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
      await b.command("CLUSTER", "SET-CONFIG-EPOCH", "2");
      await a.command("CLUSTER", "MEET", "127.0.0.1", `${b.port}`);
      const joined = async ({ command }: RedisServer) =>
        /cluster_state:ok/.test(String(await command("CLUSTER", "INFO")));
      await until(async () => (await Promise.all(servers.map(joined))).every(Boolean));
    });
    afterAll(() => Promise.all(servers.map((server) => server.end())));

    const makers = {
      ioredis: () => {
        const client = new Cluster([{ host: "127.0.0.1", port: servers[0]?.port ?? 0 }], { lazyConnect: true });
        return harness(client, () => client.disconnect());
      },
      "node-redis": () => harness(createCluster({ rootNodes: [{ url: servers[1]?.url ?? "" }] }) as never, () => {}),
    };
    describe.each(Object.keys(makers) as (keyof typeof makers)[])("with %s", (kind) => {
      for (const { name, run } of storeSuite(makers[kind], { runs: 5 })) test(name, run, 60_000);
    });

    test("logs lie on both servers, each whole on one", async () => {
      const client = new Cluster([{ host: "127.0.0.1", port: servers[0]?.port ?? 0 }], { lazyConnect: true });
      const stores = Array.from({ length: 8 }, (_, n) => redis(client, { prefix: `shop ${n}` }));
      for (const store of stores) {
        await store.open();
        await store.commit([append(1), open("s", { principal: "ann", keys: ["k"] })]);
        await store.close();
      }
      const places = await Promise.all(servers.map(async ({ command }) => (await command("KEYS", "*")) as string[]));
      const logs = places.map((keys) => new Set(keys.flatMap((key) => /\{(shop \d)\}/.exec(key)?.[1] ?? [])));
      expect(logs.map((log) => log.size > 0)).toEqual([true, true]);
      expect((logs[0]?.size ?? 0) + (logs[1]?.size ?? 0)).toBe(8);
    });
  });

  test("as a user with no more rights than docs/stores.md names", async () => {
    const server = await redisServer();
    const rights = "~{gapless}:* +@hash +@sortedset +@stream +eval +evalsha +info +config|get +wait +time +del +exists";
    await server.command("ACL", "SETUSER", "app", "on", ">secret", ...rights.split(" "));
    const client = new Redis({ port: server.port, username: "app", password: "secret", lazyConnect: true });
    const { store, cleanup } = await harness(client, () => server.end(), "gapless");
    const seen: unknown[] = [];
    try {
      store.tail((await store.open()).head, (entries) => seen.push(...entries));
      await store.commit([append(1), open("s", { keys: ["k"], principal: "ann" })], { writer: "w", number: 1 });
      await store.commit([{ kind: "forget", session: "s" }]);
      await until(() => seen.length === 1);
      expect((await store.trim({ maxAgeMs: 1, maxEntries: 0, maxBytes: 1 }, Date.now(), 10)).more).toBe(false);
      const other = redis(client, { prefix: "other" });
      expect(await codeOf(other.open())).toBe("STORE_READONLY");
      await other.close();
    } finally {
      await cleanup();
    }
  });

  test("with a client that puts a prefix of its own before keys", async () => {
    const server = await redisServer();
    const client = new Redis({ port: server.port, keyPrefix: "mine:", lazyConnect: true });
    const { store, cleanup } = await harness(client, () => server.end(), "gapless");
    try {
      await store.open();
      await store.commit([append(1)]);
      expect((await store.read(everything())).entries).toHaveLength(1);
      const keys = (await server.command("KEYS", "*")) as string[];
      expect(keys.every((key) => key.startsWith("{gapless}:"))).toBe(true);
    } finally {
      await cleanup();
    }
  });
});
