/**
 * Servers and emitters that are started before their Redis, or closed before it is there.
 *
 * Rule: what can wait waits, what cannot is told at once, and nobody has to start anything again.
 */
import { createServer, type Server as HttpServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { io as connect } from "../../src/client/index.ts";
import { createEmitter } from "../../src/server/emitter.ts";
import { reliable } from "../../src/server/index.ts";
import { redis } from "../../src/store/redis.ts";
import { type RedisServer, redisAvailable, redisServer } from "../redis.ts";
import { collect, connected, type TestClient, type TestServer, until } from "./world.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;

const BUSY = { code: "STORE_BUSY", message: expect.stringContaining("cannot be reached") };

describe.skipIf(!redisAvailable)("a Redis that cannot be reached yet", () => {
  let server: RedisServer;
  let http: HttpServer;
  const clients: TestClient[] = [];

  const store = () => {
    const example = new Redis(server.port, "127.0.0.1", { lazyConnect: true });
    return redis(example, { timeoutMs: 1_000 });
  };
  const started = async (): Promise<{ io: TestServer; errors: unknown[]; client: () => TestClient }> => {
    http = createServer();
    const io = reliable(new Server(http) as Any, { store: store() }) as TestServer;
    const errors: unknown[] = [];
    io.delivery.on("error", (error) => errors.push(error));
    await new Promise<void>((resolve) => {
      http.listen(0, "127.0.0.1", resolve);
    });
    const { port } = http.address() as { port: number };
    const client = () => {
      const made = connect(`http://127.0.0.1:${port}`, { forceNew: true, reconnectionDelay: 5 } as Any) as TestClient;
      clients.push(made);
      return made;
    };
    return { io, errors, client };
  };

  beforeEach(async () => {
    server = await redisServer();
    await server.kill();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.delivery.close();
    await server.end();
  });

  it("serves clients as plain Socket.IO does, refuses publishes, keeps emits, and is open by itself when it can", async () => {
    const { io, errors, client } = await started();
    const plain = client();
    const got = collect<string>(plain, "n");
    await connected(plain);
    expect(plain.delivery.state).toBe("plain");
    await expect(io.delivery.publish("n", "refused")).rejects.toMatchObject(BUSY);
    await expect(io.delivery.toSession("s").publish("n", "refused")).rejects.toMatchObject(BUSY);
    io.emit("n", "kept");
    await until("it is delivered as ever", () => got.length > 0);
    expect(errors[0]).toMatchObject(BUSY);

    await server.restart();
    await io.delivery.ready;
    const wrapped = client();
    const all = collect<string>(wrapped, "n");
    await connected(wrapped);
    expect(wrapped.delivery.state).toBe("live");
    await io.delivery.publish("n", "published");
    await until("it has it", () => all.length > 0);
    expect([got, all]).toEqual([["kept"], ["published"]]);
    expect(await io.delivery.metrics()).toMatchObject({ entries: 2 });
    await io.close();
    await io.delivery.close();
  });

  it("can be closed before it is there", async () => {
    const { io } = await started();
    const refused = expect(io.delivery.ready).rejects.toMatchObject({ code: "CLOSED" });
    await expect(io.delivery.publish("n")).rejects.toMatchObject(BUSY);
    await io.close();
    await io.delivery.close();
    await refused;
    await expect(io.delivery.publish("n")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("an emitter waits for it, too", async () => {
    const emitter = createEmitter(store());
    const errors: unknown[] = [];
    emitter.on("error", (error) => errors.push(error));
    await expect(emitter.publish("n", 1)).rejects.toMatchObject(BUSY);
    await expect(emitter.toSession("s").publish("n", 1)).rejects.toMatchObject(BUSY);
    expect(errors).toMatchObject([BUSY]);
    await server.restart();
    await emitter.ready;
    expect(await emitter.publish("n", 2)).toMatchObject({ duplicate: false });
    await emitter.close();
  });
});
