/**
 * The hooks, with the real client on a real wrapped server: rendered in Node, and living in a real browser.
 *
 * Rule: Strict Mode is on wherever it does something; what a component began is counted, and is gone with it.
 */
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Page as Tab } from "playwright-core";
import { createElement, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { Server } from "socket.io";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { io } from "../../src/client/index.ts";
import { useDeliveryState, useGap, useOutbox } from "../../src/react/index.ts";
import { reliable } from "../../src/server/index.ts";
import { memory } from "../../src/store/memory.ts";
import { type Browser, chromiumAvailable, startChromium } from "../browser/chromium.ts";
import type {} from "./page.ts";

const BROWSER_GLOBALS = ["window", "document", "indexedDB", "sessionStorage", "localStorage", "BroadcastChannel"];

describe("on a server", () => {
  it("touches nothing of a browser when it is imported", async () => {
    // It is here already, from above.
    vi.resetModules();
    const touched: string[] = [];
    const before = BROWSER_GLOBALS.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
    for (const name of BROWSER_GLOBALS) {
      Object.defineProperty(globalThis, name, { configurable: true, get: () => void touched.push(name) });
    }
    try {
      const hooks = await import("../../src/react/index.ts");
      expect(Object.keys(hooks).sort()).toEqual(["useDeliveryState", "useGap", "useOutbox"]);
    } finally {
      for (const [name, had] of before) {
        Reflect.deleteProperty(globalThis, name);
        if (had) Object.defineProperty(globalThis, name, had);
      }
    }
    expect(touched).toEqual([]);
  });

  it("renders what a socket that is not connected says: offline, and nothing in the outbox", () => {
    const socket = io("http://127.0.0.1:1", { autoConnect: false });
    expect(renderToString(createElement(Shown, { socket }))).toBe("offline 0 0 0 0");
    socket.delivery.close();
  });
});

function Shown({ socket }: { readonly socket: ReturnType<typeof io> }): ReactNode {
  const { size, pending, sent, failed } = useOutbox(socket);
  const state = useDeliveryState(socket);
  useGap(socket, () => {});
  return `${state} ${size} ${pending} ${sent} ${failed}`;
}

describe.skipIf(!chromiumAvailable)("in a browser, in Strict Mode", () => {
  let browser: Browser;
  let http: HttpServer;
  let server: ReturnType<typeof reliable>;
  let url: string;
  let tab: Tab;
  const errors: string[] = [];

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
      bundle: true,
      format: "iife",
      target: "es2022",
      define: { "process.env.NODE_ENV": '"development"' },
      write: false,
    });
    const script = outputFiles[0]?.text ?? "";
    http = createServer(({ url: path }, response) => {
      response.setHeader("content-type", path === "/page.js" ? "text/javascript" : "text/html");
      response.end(path === "/page.js" ? script : '<!doctype html><body><script src="/page.js"></script>');
    });
    server = reliable(new Server(http), { store: memory() });
    server.on("connection", (socket) => socket.on("say", () => {}));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.remove();
    await server?.close();
  });

  beforeEach(async () => {
    tab = await browser.context.newPage();
    errors.length = 0;
    tab.on("pageerror", ({ message }) => errors.push(message));
    // React prints what it thinks is wrong, for example a snapshot that is another one each time.
    tab.on("console", (said) => said.type() === "error" && errors.push(said.text()));
    await tab.goto(url);
  });
  afterEach(async () => {
    await tab.close();
    expect(errors).toEqual([]);
  });

  const make = (): Promise<number> => tab.evaluate(() => window.page.make());
  const show = (which: number, label: string): Promise<void> =>
    tab.evaluate(([one, as]) => window.page.show(one, as), [which, label] as const);
  const connect = (which: number): Promise<void> =>
    tab.evaluate((one) => void window.page.sockets[one]?.connect(), which);
  const shown = (text: string): Promise<void> => tab.getByText(text, { exact: true }).waitFor();
  const say = (which: number): Promise<void> =>
    tab.evaluate((one) => void window.page.sockets[one]?.emit("say", "something"), which);
  const listeners = (which: number): Promise<number> => tab.evaluate((one) => window.page.listeners(one), which);
  const gaps = (): Promise<string[]> => tab.evaluate(() => window.page.gaps);

  /** Ends the session of a connected socket: it gets a new one, and is told of a gap. */
  async function loseSession(which: number): Promise<void> {
    const session = await tab.evaluate((one) => window.page.sockets[one]?.delivery.session, which);
    await server.delivery.forget(session as string);
    await tab.waitForFunction(
      ([one, old]) => {
        const { session, state } = window.page.sockets[one]?.delivery ?? {};
        return session !== old && state === "live";
      },
      [which, session] as const,
    );
  }

  it("follows the connection and the outbox", async () => {
    const one = await make();
    await show(one, "one");
    await shown("one: offline, 0 kept, 0 pending, durable");
    await say(one);
    await say(one);
    await shown("one: offline, 2 kept, 2 pending, durable");
    await connect(one);
    await shown("one: live, 0 kept, 0 pending, durable");
    await tab.evaluate((which) => void window.page.sockets[which]?.disconnect(), one);
    await shown("one: offline, 0 kept, 0 pending, durable");
  });

  it("renders again only for a change", async () => {
    const one = await make();
    await show(one, "one");
    await connect(one);
    await shown("one: live, 0 kept, 0 pending, durable");
    const before = await tab.evaluate(() => window.page.renders);
    await say(one);
    await tab.waitForFunction((which) => window.page.sockets[which]?.delivery.outbox.size === 0, one);
    await shown("one: live, 0 kept, 0 pending, durable");
    // Pending, sent and gone, each rendered twice by Strict Mode at most.
    expect((await tab.evaluate(() => window.page.renders)) - before).toBeLessThanOrEqual(6);
  });

  it("hears each gap once, with what it was given last, until it is unmounted", async () => {
    const one = await make();
    await show(one, "first");
    await connect(one);
    await shown("first: live, 0 kept, 0 pending, durable");
    await loseSession(one);
    expect(await gaps()).toEqual(["first: session"]);
    await show(one, "second");
    await shown("second: live, 0 kept, 0 pending, durable");
    await loseSession(one);
    expect(await gaps()).toEqual(["first: session", "second: session"]);
    await tab.evaluate(() => window.page.unmount());
    await loseSession(one);
    expect(await gaps()).toHaveLength(2);
  });

  it("leaves nothing behind: not at the second mount, not at another socket, not at the end", async () => {
    const [one, two] = [await make(), await make()];
    // What a socket itself listens to.
    const [own, others] = [await listeners(one), await listeners(two)];
    await show(one, "one");
    await shown("one: offline, 0 kept, 0 pending, durable");
    const mounted = await listeners(one);
    // One for the state, one for gaps, and two that the outbox keeps for all who look at it.
    expect(mounted).toBe(own + 4);
    await show(one, "again");
    await shown("again: offline, 0 kept, 0 pending, durable");
    expect(await listeners(one)).toBe(mounted);
    await show(two, "two");
    await shown("two: offline, 0 kept, 0 pending, durable");
    expect([await listeners(one), await listeners(two)]).toEqual([own, others + 4]);
    await connect(one);
    await connect(two);
    await shown("two: live, 0 kept, 0 pending, durable");
    await loseSession(one);
    expect(await gaps()).toEqual([]);
    await loseSession(two);
    expect(await gaps()).toEqual(["two: session"]);
    await tab.evaluate(() => window.page.unmount());
    expect([await listeners(one), await listeners(two)]).toEqual([own, others]);
  });
});
