/**
 * The fault proxy does what it says, between real sockets.
 *
 * Rule: nothing is measured but what arrived at the other end, and in what way the connection ended.
 */
import { createServer, connect as dial, type Server as NetServer, type Socket } from "node:net";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { afterEach, describe, expect, it } from "vitest";
import { type FaultProxy, faultProxy, type UpgradeFault } from "../../src/testing/fault-proxy.ts";

/** One end of a connection, and all that came of it. */
interface End {
  readonly socket: Socket;
  text: string;
  /** "end" for a FIN, the code for an error, "" while it is open. */
  over: string;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function watch(socket: Socket): End {
  const end: End = { socket, text: "", over: "" };
  socket.on("data", (chunk) => {
    end.text += chunk.toString("latin1");
  });
  socket.on("end", () => {
    end.over ||= "end";
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    end.over ||= error.code ?? "error";
  });
  socket.on("close", () => {
    end.over ||= "closed";
  });
  closing.push(() => socket.destroy());
  return end;
}

async function until(what: string, condition: () => unknown): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server, a proxy before it, and a way to make connections through it. */
async function setUp() {
  const accepted: End[] = [];
  const server: NetServer = createServer((socket) => accepted.push(watch(socket)));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(() => server.close());
  const proxy: FaultProxy = await faultProxy((server.address() as { port: number }).port);
  closing.push(() => proxy.close());
  const connect = async (): Promise<{ client: End; server: End }> => {
    const count = accepted.length;
    const client = watch(dial(proxy.port, "127.0.0.1"));
    await until("the connection is made", () => accepted.length > count);
    return { client, server: accepted[count] as End };
  };
  return { proxy, connect, accepted };
}

describe("the fault proxy", () => {
  it("passes everything on, both ways, also more than fits in a buffer, and passes on its end", async () => {
    const { proxy, connect } = await setUp();
    const { client, server } = await connect();
    const text = "0123456789".repeat(300_000);
    client.socket.write(text);
    server.socket.write("answer");
    await until("both have it", () => server.text.length === text.length && client.text === "answer");
    expect(server.text).toBe(text);
    expect(proxy.open).toBe(1);
    client.socket.end();
    await until("both ends know", () => server.over && client.over);
    expect([server.over, client.over]).toEqual(["end", "end"]);
    await until("it is gone", () => proxy.open === 0);
  });

  it("cuts", async () => {
    const { proxy, connect } = await setUp();
    const { client, server } = await connect();
    proxy.cut();
    await until("both ends know", () => server.over && client.over);
    expect([server.over, client.over]).toEqual(["end", "end"]);
    expect(proxy.open).toBe(0);
  });

  it("resets", async () => {
    const { proxy, connect } = await setUp();
    const { client, server } = await connect();
    proxy.reset();
    await until("both ends know", () => server.over && client.over);
    expect([server.over, client.over]).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(proxy.open).toBe(0);
  });

  it("leaves the server's side open when half-open", async () => {
    const { proxy, connect } = await setUp();
    const { client, server } = await connect();
    proxy.halfOpen();
    await until("the client knows", () => client.over);
    const other = await connect();
    server.socket.write("into the void");
    other.client.socket.write("x");
    await until("another connection works", () => other.server.text === "x");
    expect([server.over, proxy.open]).toEqual(["", 1]);
  });

  for (const direction of ["toServer", "toClient"] as const) {
    it(`holds what goes ${direction} and lets the rest pass, then passes what it held`, async () => {
      const { proxy, connect } = await setUp();
      const { client, server } = await connect();
      proxy.stall(direction);
      const later = await connect();
      for (const pair of [{ client, server }, later]) {
        const [held, free] = direction === "toServer" ? [pair.client, pair.server] : [pair.server, pair.client];
        held.socket.write("held");
        free.socket.write("free");
        await until("the free direction passes", () => held.text === "free");
        expect(free.text).toBe("");
      }
      proxy.resume();
      for (const pair of [{ client, server }, later]) {
        const free = direction === "toServer" ? pair.server : pair.client;
        await until("what was held has come", () => free.text === "held");
      }
      expect([client.over, server.over]).toEqual(["", ""]);
    });

    it(`ends after so many bytes ${direction}, which arrive`, async () => {
      const { proxy, connect } = await setUp();
      const { client, server } = await connect();
      const [from, to] = direction === "toServer" ? [client, server] : [server, client];
      from.socket.write("12345");
      await until("the first have come", () => to.text === "12345");
      proxy.cutAfter(7, direction);
      from.socket.write("abcdef");
      from.socket.write("ghijkl");
      await until("both ends know", () => server.over && client.over);
      expect(to.text).toBe("12345abcdefg");
      const spared = await connect();
      const next = spared[direction === "toServer" ? "client" : "server"];
      next.socket.write("0123456789");
      await until("a later connection is spared", () => spared.client.text + spared.server.text === "0123456789");
    });
  }

  it("ends the next connection after so many bytes, and only that one", async () => {
    const { proxy, connect } = await setUp();
    const before = await connect();
    proxy.cutNextAfter(3, "toServer");
    const next = await connect();
    const after = await connect();
    for (const { client } of [before, next, after]) client.socket.write("12345");
    await until("the others pass", () => before.server.text === "12345" && after.server.text === "12345");
    await until("it ended", () => next.client.over && next.server.over);
    expect([next.server.text, before.client.over, after.client.over]).toEqual(["123", "", ""]);
  });

  it("delays and keeps the order", async () => {
    const { proxy, connect } = await setUp();
    const { client, server } = await connect();
    proxy.delay({ latencyMs: 40, jitterMs: 20 });
    const began = performance.now();
    for (let i = 0; i < 10; i++) {
      client.socket.write(String(i));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("all have come", () => server.text.length === 10);
    expect(server.text).toBe("0123456789");
    expect(performance.now() - began).toBeGreaterThan(38);
    proxy.delay(undefined);
    server.socket.write("answer");
    await until("the answer has come", () => client.text === "answer");
  });

  it("refuses", async () => {
    const { proxy } = await setUp();
    proxy.refuse(true);
    const refused = watch(dial(proxy.port, "127.0.0.1"));
    await until("it is refused", () => refused.over);
    expect(proxy.open).toBe(0);
  });

  it("goes to another server", async () => {
    const [one, two] = [await setUp(), await setUp()];
    await one.connect();
    one.proxy.retarget((two.proxy as FaultProxy).port);
    watch(dial(one.proxy.port, "127.0.0.1"));
    await until("the other has it", () => two.accepted.length === 1);
  });
});

describe("faults of an upgrade from polling to WebSocket", () => {
  const HEAD = "GET /socket.io/?EIO=4&sid=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

  it("are decided by the request's head, which may come in pieces", async () => {
    const { proxy, connect } = await setUp();
    const heads: string[] = [];
    proxy.onUpgrade((head) => {
      heads.push(head.split("\r\n")[0] as string);
      return undefined;
    });
    const polling = await connect();
    polling.client.socket.write("GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\n\r\n");
    const { client, server } = await connect();
    for (const part of [HEAD.slice(0, 50), `${HEAD.slice(50)}probe`]) {
      client.socket.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("it arrives", () => server.text === `${HEAD}probe`);
    expect(heads).toEqual(["GET /socket.io/?EIO=4&sid=x HTTP/1.1"]);
    expect(proxy.upgrades).toBe(1);
  });

  for (const kind of ["cut", "reset"] as const) {
    for (const afterBytes of [undefined, 0, 3]) {
      it(`${kind} ${afterBytes === undefined ? "before the request" : `${afterBytes} bytes after it`}`, async () => {
        const { proxy, connect } = await setUp();
        proxy.onUpgrade(() => ({ kind, ...(afterBytes === undefined ? {} : { afterBytes }) }) satisfies UpgradeFault);
        const { client, server } = await connect();
        client.socket.write(`${HEAD}probe`);
        await until("both ends know", () => server.over && client.over);
        // What a reset overtakes is lost.
        if (kind === "cut" || afterBytes === undefined) {
          expect(server.text).toBe(afterBytes === undefined ? "" : `${HEAD}${"probe".slice(0, afterBytes)}`);
        }
        // libuv takes a reset that comes together with data for an end.
        expect(kind === "cut" || afterBytes !== undefined ? ["end", "ECONNRESET"] : ["ECONNRESET"]).toContain(
          server.over,
        );
      });
    }
  }

  it("hold until resumed", async () => {
    const { proxy, connect } = await setUp();
    proxy.onUpgrade(() => ({ kind: "hold", afterBytes: 2 }));
    const { client, server } = await connect();
    client.socket.write(`${HEAD}probe`);
    await until("the beginning is there", () => server.text.length >= HEAD.length + 2);
    server.socket.write("answer");
    const other = await connect();
    other.client.socket.write("x");
    await until("others pass", () => other.server.text === "x");
    expect([server.text, client.text]).toEqual([`${HEAD}pr`, ""]);
    proxy.resume();
    await until("the rest is there", () => server.text === `${HEAD}probe` && client.text === "answer");
  });

  it("hit a real Socket.IO upgrade at the probe and at the upgrade packet, and the client stays connected by polling", async () => {
    const server = new Server(0, { transports: ["polling", "websocket"] });
    closing.push(() => server.close());
    server.on("connection", (socket) => socket.on("x", (answer) => answer("answer")));
    const { port } = (server as unknown as { httpServer: NetServer }).httpServer.address() as { port: number };
    const proxy = await faultProxy(port);
    closing.push(() => proxy.close());
    for (const afterBytes of [undefined, 0, 6]) {
      proxy.onUpgrade(() => ({ kind: "cut", ...(afterBytes === undefined ? {} : { afterBytes }) }) as UpgradeFault);
      const before = proxy.upgrades;
      const client = io(`http://127.0.0.1:${proxy.port}`, { transports: ["polling", "websocket"], forceNew: true });
      closing.push(() => client.close());
      let failed = 0;
      client.io.engine.on("upgradeError", () => failed++);
      await until("it is connected", () => client.connected);
      await until("the upgrade failed", () => failed === 1 && proxy.upgrades > before);
      expect(await client.emitWithAck("x")).toBe("answer");
      client.close();
    }
  });
});
