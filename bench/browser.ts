/**
 * What it costs a page to keep what it emits: committed answers one after another, and 2,000 at once, in Chromium.
 *
 *     npx tsx bench/browser.ts [--rounds 5]
 *
 * Rule: one page, one server on SQLite at `disk`, the variants one after another within a round; plain Socket.IO has a server of its own in the same process. It measures the
 * build for pages (`npm run build`).
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import { reliable } from "../src/server/index.ts";
import { sqlite } from "../src/store/sqlite.ts";
import { startChromium } from "../test/browser/chromium.ts";
import { median } from "./statistics.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const ONE_BY_ONE = 200;
const AT_ONCE = 2_000;

const dir = mkdtempSync(join(tmpdir(), "gapless-bench-"));
const file = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const scripts: Record<string, string> = {
  "/socket.io.min.js": file("node_modules/socket.io/client-dist/socket.io.min.js"),
  "/gapless.min.js": file("dist/gapless.min.js"),
};
const site = createServer(({ url = "" }, response) => {
  response.setHeader("content-type", scripts[url] ? "text/javascript" : "text/html");
  response.end(scripts[url] ?? '<script src="socket.io.min.js"></script><script src="gapless.min.js"></script>');
});
const [plain, wrapped] = [createServer(), createServer()];
const cors = { cors: { origin: "*" } };
const servers = [new Server(plain, cors), reliable(new Server(wrapped, cors), { store: sqlite(join(dir, "log.db")) })];
for (const io of servers) {
  io.on("connection", (socket) => socket.on("order", (n: number, answer: (n: number) => void) => answer(n)));
}
const listening = async (server: HttpServer): Promise<string> => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const [page, plainUrl, wrappedUrl] = await Promise.all([site, plain, wrapped].map(listening));
const browser = await startChromium();
const tab = await browser.context.newPage();
// What tsx puts around named functions.
await tab.addInitScript("globalThis.__name = (given) => given");
await tab.goto(page as string);

interface Figures {
  readonly name: string;
  readonly p50Ms: number;
  readonly perSecond: number;
}

/** One round, in the page. */
const round = (urls: { plain: string; wrapped: string; oneByOne: number; atOnce: number }): Promise<Figures[]> =>
  tab.evaluate(async ({ plain, wrapped, oneByOne, atOnce }) => {
    // biome-ignore lint/suspicious/noExplicitAny: the globals of two scripts.
    const { io, gapless } = window as any;
    const base = { transports: ["websocket"], forceNew: true };
    const keeping = (storage: unknown) => gapless.io(wrapped, { ...base, reliable: { storage } });
    const variants: Record<string, () => ReturnType<typeof keeping>> = {
      "plain Socket.IO": () => io(plain, base),
      "memoryStorage()": () => keeping(gapless.memoryStorage()),
      'indexedDb({ durability: "relaxed" })': () =>
        keeping(gapless.indexedDb({ name: "relaxed", durability: "relaxed" })),
      "indexedDb()": () => keeping(gapless.indexedDb({ name: "strict" })),
    };
    const figures: Figures[] = [];
    for (const [name, make] of Object.entries(variants)) {
      const socket = make();
      for (let i = 0; i < 20; i++) await socket.emitWithAck("order", i);
      const times: number[] = [];
      for (let i = 0; i < oneByOne; i++) {
        const began = performance.now();
        await socket.emitWithAck("order", i);
        times.push(performance.now() - began);
      }
      const began = performance.now();
      await Promise.all(Array.from({ length: atOnce }, (_, i) => socket.emitWithAck("order", i)));
      const perSecond = (atOnce / (performance.now() - began)) * 1_000;
      socket.disconnect();
      figures.push({ name, p50Ms: times.sort((a, b) => a - b)[oneByOne / 2] as number, perSecond });
    }
    return figures;
  }, urls);

const rounds: Figures[][] = [];
const urls = { plain: plainUrl as string, wrapped: wrappedUrl as string, oneByOne: ONE_BY_ONE, atOnce: AT_ONCE };
for (let i = 0; i < Number(values.rounds); i++) rounds.push(await round(urls));
const of = (name: string, pick: (figures: Figures) => number): number =>
  median(rounds.map((figures) => pick(figures.find((each) => each.name === name) as Figures)));
console.table(
  (rounds[0] as Figures[]).map(({ name }) => ({
    name,
    "one by one, p50 ms": of(name, ({ p50Ms }) => p50Ms).toFixed(1),
    "2,000 at once, per second": Math.round(of(name, ({ perSecond }) => perSecond)),
  })),
);
await browser.remove();
for (const io of servers) await io.close();
site.close();
rmSync(dir, { recursive: true, force: true });
