/**
 * What Redis does to a log when it is restarted, replaced, emptied, filled or cut off, and what a store makes of it.
 *
 * Rule: a server of its own for each test, a real one; what must be noticed is noticed by the store, without being told.
 */
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { type RedisOptions, redis } from "../../src/store/redis.ts";
import type { Entry, LogState, Store } from "../../src/store/store.ts";
import { faultProxy } from "../../src/testing/fault-proxy.ts";
import { append, codeOf, everything, ids, keepAll, nthId, open, until } from "../../src/testing/store-suite/given.ts";
import { type RedisServer, redisAvailable, redisServer, type RedisOptions as ServerOptions } from "../redis.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(options?: ServerOptions): Promise<RedisServer> {
  const server = await redisServer(options);
  cleanups.push(() => server.end());
  return server;
}

interface Opened {
  readonly store: Store;
  readonly log: LogState;
  /** The lives that began after it was opened. */
  readonly lives: LogState[];
  readonly seen: Entry[];
}

async function opened({ port }: { readonly port: number }, options: RedisOptions = {}): Promise<Opened> {
  const store = redis(new Redis(port, { lazyConnect: true }), { timeoutMs: 500, ...options });
  cleanups.push(() => store.close());
  const lives: LogState[] = [];
  const seen: Entry[] = [];
  const follow = ({ head }: LogState) => store.tail(head, (entries) => seen.push(...entries));
  const log = await store.open((life) => {
    lives.push(life);
    follow(life);
  });
  follow(log);
  return { store, log, lives, seen };
}

const batch = (writer: string, number: number) => ({ writer, number });

/** Asks until Redis answers again, and says what it answered. */
async function again(ask: () => Promise<unknown>): Promise<string> {
  for (;;) {
    const code = await codeOf(ask());
    if (code !== "STORE_FAILED" && code !== "STORE_BUSY") return code;
  }
}

describe.skipIf(!redisAvailable)("redis", () => {
  test("a restart that loses nothing is the same log; a batch that was under way is known", async () => {
    const server = await started({ appendfsync: "always" });
    const { store, log, lives, seen } = await opened(server);
    await store.commit([append(1)], batch("w", 1));
    await server.kill();
    expect(await codeOf(store.commit([append(2)], batch("w", 2)))).toBe("STORE_FAILED");
    await server.restart();
    expect(await again(() => store.commit([append(2)], batch("w", 2)))).toBe("resolved");
    const outcome = (await store.commit([append(2)], batch("w", 2)))[0];
    const repeated = await store.commit([append(2)], batch("w", 2));
    expect(repeated).toEqual([outcome]);
    await until(() => seen.length === 2);
    expect(ids(seen)).toEqual([nthId(1), nthId(2)]);
    expect(lives).toEqual([]);
    expect((await store.read(everything())).entries).toHaveLength(2);
    expect(log.epoch).toMatch(/^00000001[0-9a-f]{16}$/);
  });

  test("an append-only file without its end is noticed by who wrote it, at the next commit", async () => {
    const server = await started({ appendfsync: "always" });
    const { store, log, lives } = await opened(server);
    for (let n = 1; n <= 20; n++) await store.commit([append(n), open(`s${n}`)], batch("w", n));
    await server.kill();
    expect(server.truncateAof(400)).toBe(400);
    await server.restart();
    expect(await again(() => store.commit([append(21)], batch("w", 21)))).toBe("STORE_REPLACED");
    expect(lives).toHaveLength(1);
    expect(lives[0]?.epoch).not.toBe(log.epoch);
    expect(lives[0]?.secret).toEqual(log.secret);
    const { entries } = await store.read(everything());
    expect(entries.length).toBeLessThan(20);
    // What is gone can be appended again, and no offset is given twice.
    const [outcome] = await store.commit([append(20)], batch("w", 22));
    expect(outcome?.duplicate).toBe(false);
    expect(outcome?.offset).toBeGreaterThan(entries.at(-1)?.offset ?? 0);
  });

  test("an append-only file without its end is noticed by who read it, when nobody writes", async () => {
    const server = await started({ appendfsync: "always" });
    const writer = await opened(server);
    const reader = await opened(server);
    for (let n = 1; n <= 20; n++) await writer.store.commit([append(n)]);
    await until(() => reader.seen.length === 20);
    await writer.store.close();
    await server.kill();
    server.truncateAof(400);
    await server.restart();
    await until(() => reader.lives.length === 1);
    expect(reader.lives[0]?.epoch).not.toBe(reader.log.epoch);
  });

  test("an append-only file without its end is noticed by who read it, though others write on", async () => {
    const server = await started({ appendfsync: "always" });
    const reader = await opened(server);
    const [first] = [await opened(server)];
    for (let n = 1; n <= 20; n++) await first.store.commit([append(n)]);
    await until(() => reader.seen.length === 20);
    await server.kill();
    server.truncateAof(400);
    await server.restart();
    // One who knows nothing of it, and is faster.
    const other = await opened(server);
    for (let n = 30; n < 40; n++) await again(() => other.store.commit([append(n)]));
    await until(() => reader.lives.length === 1);
    expect(ids(reader.seen)).not.toContain(nthId(30));
  });

  test("a file that lost the beginning of a life as well does not go back to the life before", async () => {
    const server = await started({ appendfsync: "always" });
    const { store, log, lives } = await opened(server);
    await store.commit([append(1)], batch("w", 1));
    const life = async (rolledBack: () => Promise<unknown>, number: number) => {
      const before = lives.length;
      await rolledBack();
      expect(await codeOf(store.commit([append(number)], batch("w", number)))).toBe("STORE_REPLACED");
      await until(() => lives.length > before);
    };
    await life(() => server.command("DEL", "{gapless}:writers"), 2);
    const [second] = lives;
    // As it was before the life began.
    await life(() => server.command("HSET", "{gapless}:meta", "e", log.epoch), 3);
    expect(new Set([log.epoch, second?.epoch, lives.at(-1)?.epoch]).size).toBe(3);
    const other = await opened(server);
    expect(other.log.epoch).toBe(lives.at(-1)?.epoch);
    await life(() => server.command("FLUSHALL"), 4);
    expect(new Set([log, ...lives].map(({ epoch }) => epoch)).size).toBe(lives.length + 1);
    await until(() => other.lives.at(-1)?.epoch === lives.at(-1)?.epoch);
  });

  test("hands out nothing of a life that others have begun before it was told of it", async () => {
    const server = await started();
    const [a, b] = [await opened(server), await opened(server)];
    await a.store.commit([append(1)], batch("a", 1));
    await until(() => b.seen.length === 1);
    await server.command("HSET", ((await server.command("KEYS", "*:writers")) as string[])[0] ?? "", "a", "0 0 0");
    expect(await codeOf(a.store.commit([append(2)], batch("a", 2)))).toBe("STORE_REPLACED");
    let livesThen = 0;
    const { head } = b.log;
    b.store.tail(head, (entries) => {
      if (entries.some(({ id }) => id === nthId(3))) livesThen = -1;
    });
    await a.store.commit([append(3)], batch("a", 3));
    await until(() => b.lives.length === 1);
    expect(livesThen).toBe(0);
    await a.store.commit([append(4)], batch("a", 4));
    await until(() => b.seen.at(-1)?.id === nthId(4));
    expect(b.lives[0]?.epoch).toBe(a.lives[0]?.epoch);
  });

  test("a stale replica that takes over is noticed; both stores end in one life", async () => {
    const primary = await started();
    const replica = await started({ replicaOf: primary });
    const proxy = await faultProxy(primary.port);
    cleanups.push(() => proxy.close());
    const [a, b] = [await opened(proxy), await opened(proxy)];
    await a.store.commit([append(1)], batch("a", 1));
    await b.store.commit([append(2)], batch("b", 1));
    await replica.follow(primary);
    // Cut off: what the primary takes from now on it will never have.
    await replica.command("REPLICAOF", "127.0.0.1", "1");
    for (let n = 3; n < 30; n++) await a.store.commit([append(n)], batch("a", n));
    await until(() => b.seen.length === 29);
    await primary.kill();
    await replica.promote();
    proxy.retarget(replica.port);
    expect(await again(() => b.store.commit([append(40)], batch("b", 2)))).toMatch(/resolved|STORE_REPLACED/);
    expect(await again(() => a.store.commit([append(50)], batch("a", 50)))).toBe("STORE_REPLACED");
    await until(() => a.lives.length > 0 && b.lives.length > 0);
    await until(() => a.lives.at(-1)?.epoch === b.lives.at(-1)?.epoch);
    await a.store.commit([append(60)], batch("a", 60));
    await until(() => [a, b].every(({ seen }) => seen.at(-1)?.id === nthId(60)));
  });

  test("a log that was emptied is a new one, and both who read and who write are told", async () => {
    const server = await started();
    const { store, log, lives, seen } = await opened(server);
    await store.commit([append(1)], batch("w", 1));
    await until(() => seen.length === 1);
    await server.command("FLUSHALL");
    await until(() => lives.length === 1);
    expect(lives[0]?.epoch).not.toBe(log.epoch);
    expect(lives[0]).toMatchObject({ head: 0, floor: 0 });
    await store.commit([append(2)], batch("w", 2));
    await until(() => seen.length === 2);
    await server.command("FLUSHALL");
    expect(await codeOf(store.commit([append(3)], batch("w", 3)))).toBe("STORE_REPLACED");
    expect(lives).toHaveLength(2);
  });

  test("refuses what does not fit into maxmemory, still trims and reads, and goes on when there is room", async () => {
    const server = await started();
    const { store } = await opened(server);
    for (let n = 1; n <= 20; n++) await store.commit([append(n, ["k"], { data: "x".repeat(1_000) })]);
    await server.command("CONFIG", "SET", "maxmemory", "1mb");
    expect(await codeOf(store.commit([append(21)], batch("w", 1)))).toBe("STORE_FULL");
    expect((await store.read(everything())).entries).toHaveLength(20);
    expect((await store.trim({ ...keepAll, maxEntries: 5 }, 0, 100)).more).toBe(false);
    expect((await store.read(everything())).entries).toHaveLength(5);
    expect((await store.usage()).entries).toBe(5);
    await server.command("CONFIG", "SET", "maxmemory", "0");
    expect(await codeOf(store.commit([append(21)], batch("w", 1)))).toBe("resolved");
  });

  test("refuses to open where keys may be evicted, and says what to do", async () => {
    const server = await started({ config: { "maxmemory-policy": "allkeys-lru" } });
    await expect(opened(server)).rejects.toThrow(/^INVALID: .*maxmemory-policy allkeys-lru.*noeviction/);
  });

  test.each([
    [{ appendonly: false }, "memory"],
    [{ appendfsync: "everysec" }, "os"],
    [{ appendfsync: "always" }, "disk"],
  ] as const)("names what is kept: %j is %s", async (options, level) => {
    const warnings: string[] = [];
    const warned = (warning: Error & { readonly code?: string }) => warnings.push(String(warning.code));
    process.on("warning", warned);
    const { store } = await opened(await started(options));
    expect(store.durability).toBe(level);
    await new Promise(setImmediate);
    process.off("warning", warned);
    expect(warnings).toEqual(level === "memory" ? ["GAPLESS_REDIS_MEMORY"] : []);
  });

  test("with replicas asked for, nothing counts before they have it, also when it is repeated", async () => {
    const primary = await started();
    const replica = await started({ replicaOf: primary });
    await replica.follow(primary);
    const { store } = await opened(primary, { replicas: 1, replicaTimeoutMs: 300 });
    expect(store.durability).toBe("replicated");
    // The primary takes a moment to count a replica that has just come.
    expect(await again(() => store.commit([append(1)], batch("w", 1)))).toBe("resolved");
    replica.stop();
    expect(await codeOf(store.commit([append(2)], batch("w", 2)))).toBe("STORE_FAILED");
    // On a connection that has written nothing, WAIT would be content at once.
    await primary.command("CLIENT", "KILL", "TYPE", "normal");
    for (let tries = 0; tries < 3; tries++) {
      expect(await codeOf(store.commit([append(2)], batch("w", 2)))).toBe("STORE_FAILED");
    }
    replica.cont();
    expect(await again(() => store.commit([append(2)], batch("w", 2)))).toBe("resolved");
    expect((await store.read(everything())).entries).toHaveLength(2);
  });

  test("a network that swallows everything costs a timeout, and the next try goes on another connection", async () => {
    const server = await started();
    const proxy = await faultProxy(server.port);
    cleanups.push(() => proxy.close());
    const { store, seen, lives } = await opened(proxy);
    await store.commit([append(1)], batch("w", 1));
    proxy.halfOpen();
    expect(await codeOf(store.commit([append(2)], batch("w", 2)))).toBe("STORE_FAILED");
    await again(() => store.commit([append(2)], batch("w", 2)));
    await until(() => seen.length === 2);
    expect(lives).toEqual([]);
  });

  test("an older batch that arrives late is not performed", async () => {
    const { store } = await opened(await started());
    await store.commit([append(1)], batch("w", 1));
    await store.commit([append(2)], batch("w", 2));
    expect(await codeOf(store.commit([append(1), append(3)], batch("w", 1)))).toBe("STORE_FAILED");
    expect(ids((await store.read(everything())).entries)).toEqual([nthId(1), nthId(2)]);
  });

  test("refuses a client that is none, and options that cannot be used", () => {
    const client = new Redis({ lazyConnect: true });
    expect(() => redis({} as never)).toThrow(/^INVALID: redis\(\) takes a client/);
    expect(() => redis(undefined as never)).toThrow(/^INVALID/);
    expect(() => redis(client, { prefix: "" })).toThrow(/^INVALID/);
    expect(() => redis(client, { replicas: -1 })).toThrow(/^INVALID: replicas/);
    expect(() => redis(client, { timeoutMs: 0.5 })).toThrow(/^INVALID: timeoutMs/);
  });
});
