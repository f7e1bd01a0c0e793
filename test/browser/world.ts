/**
 * A page's whole world: the server that it talks to, the place that it came from, and what both have seen.
 *
 * Rule: what happened is known from outside of the page, which may be gone.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { afterAll, expect } from "vitest";
import { type Bundles, bundles } from "../bundle.ts";
import { BROWSER } from "../mutants/browser.ts";
import { seed } from "../mutants/mutant.ts";
import type { App } from "./page.ts";
import type { Request, ServerPlan } from "./server.ts";

declare global {
  interface Window {
    readonly app: App;
  }
}

/** For one thing to happen, on a machine that has much else to do. */
export const HAPPEN_MS = 30_000;

export interface World {
  /** The page's address. @param settings What it is told. @param host Another name of this machine. @param build What the page is made of. */
  url(settings?: Readonly<Record<string, string>>, host?: string, build?: Build): string;
  readonly server: string;
  /** What pages have told, by kind. */
  readonly told: Record<"news" | "stored", string[]>;
  /** The news that a tab has dealt with. */
  newsOf(tab: string): Set<number>;
  /** Orders that were handled, in this order: session and name. */
  handled(): { readonly session: string; readonly order: string }[];
  /** Their names. */
  names(): string[];
  /** Publishes news. Resolves when they are stored. */
  publish(from: number, to: number): Promise<void>;
  /** Sessions of the sockets that are connected. */
  connections(): Promise<string[]>;
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** What all worlds have in common. */
let made: Promise<[Bundles, Readonly<Record<string, string>>]> | undefined;
afterAll(async () => (await made)?.[0].remove());

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Makes one. */
export async function makeWorld({ pingMs = 2_000 }: Partial<Pick<ServerPlan, "pingMs">> = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "gapless-browser-"));
  made ??= Promise.all([bundles(import.meta.url, ["server"]), siteFiles()]);
  const [programs, files] = await made;
  const told: World["told"] = { news: [], stored: [] };
  const site = createServer((request, response) => {
    const kind = (request.url ?? "/").slice(1).split("?")[0] as string;
    if (request.method === "POST") {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        for (const [what, lines] of Object.entries(JSON.parse(body))) told[what as "news"].push(...(lines as string[]));
        response.end();
      });
    } else {
      const file = files[kind];
      response.setHeader("content-type", kind.endsWith(".js") ? "text/javascript" : "text/html");
      if (file === undefined) response.writeHead(404);
      response.end(file);
    }
  }).listen(0, "0.0.0.0");
  await once(site, "listening");
  const { port } = site.address() as AddressInfo;

  let child: ChildProcess | undefined;
  let plan: ServerPlan = {
    port: 0,
    file: join(dir, "log.db"),
    handled: join(dir, "handled"),
    pingMs,
  };
  const killed = () => void child?.kill("SIGKILL");
  process.on("exit", killed);

  const start = async (): Promise<void> => {
    child = fork(programs.path("server"), [JSON.stringify(plan)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const [first] = await Promise.race([once(child, "message"), once(child, "exit")]);
    expect(first, "the server did not start").toHaveProperty("port");
    plan = { ...plan, port: (first as { port: number }).port };
  };
  const kill = async (): Promise<void> => {
    if (!child) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    child = undefined;
  };
  const ask = async (request: Request): Promise<unknown> => {
    const answer = once(child as ChildProcess, "message");
    child?.send(request);
    return (await answer)[0];
  };
  const handled: World["handled"] = () => {
    const lines = existsSync(plan.handled) ? readFileSync(plan.handled, "utf8").trim().split("\n") : [];
    return lines.filter(Boolean).map((line) => {
      const [session = "", order = ""] = line.split(" ");
      return { session, order };
    });
  };
  await start();

  return {
    told,
    get server() {
      return `http://127.0.0.1:${plan.port}`;
    },
    url: (settings = {}, host = "127.0.0.1", build = "") =>
      `http://${host}:${port}/${build}?${new URLSearchParams({ server: `http://127.0.0.1:${plan.port}`, ...settings })}`,
    newsOf: (tab) =>
      new Set(told.news.filter((line) => line.startsWith(`${tab} `)).map((line) => Number(line.slice(tab.length)))),
    handled,
    names: () => handled().map(({ order }) => order),
    publish: async (from, to) => void (await ask({ kind: "publish", from, to })),
    connections: async () => ((await ask({ kind: "connections" })) as { connections: string[] }).connections,
    kill,
    start,
    async remove() {
      process.off("exit", killed);
      await kill();
      site.closeAllConnections();
      site.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** How the page gets the client: bundled from its source, as scripts, or as modules; the latter two are the files that are published. */
type Build = "" | "script" | "module";

/** A bug to be caught, see test/mutants. */
const mutant = BROWSER.find(({ name }) => name === process.env.MUTANT);

/** What the site serves. */
async function siteFiles(): Promise<Readonly<Record<string, string>>> {
  const page = async (format: "iife" | "esm", stub?: string): Promise<string> => {
    const { outputFiles } = await build({
      entryPoints: [here("page.ts")],
      bundle: true,
      format,
      target: "es2022",
      write: false,
      external: ["gapless-io/client"],
      plugins: stub
        ? [
            {
              name: "published",
              setup({ onResolve, onLoad }) {
                onResolve({ filter: /src\/client\/index/ }, () => ({ path: "client", namespace: "published" }));
                onLoad({ filter: /.*/, namespace: "published" }, () => ({ contents: stub }));
              },
            },
          ]
        : mutant
          ? [seed(mutant)]
          : [],
    });
    return outputFiles[0]?.text ?? "";
  };
  const published = (path: string) => readFileSync(here(`../../${path}`), "utf8");
  const html = (head: string) => `<!doctype html><title>test</title><button>here</button>${head}`;
  const imports = { "socket.io-client": "./socket.io.esm.min.js", "gapless-io/client": "./gapless.esm.min.js" };
  return {
    "": html('<script src="page.js"></script>'),
    blank: html(""),
    script: html(
      '<script src="socket.io.min.js"></script><script src="gapless.min.js"></script><script src="page-of-script.js"></script>',
    ),
    module: html(
      `<script type="importmap">${JSON.stringify({ imports })}</script><script type="module" src="page-of-module.js"></script>`,
    ),
    "page.js": await page("iife"),
    "page-of-script.js": await page("iife", "export const { io, indexedDb } = gapless"),
    "page-of-module.js": await page("esm", 'export { io, indexedDb } from "gapless-io/client"'),
    "gapless.min.js": published("dist/gapless.min.js"),
    "gapless.esm.min.js": published("dist/gapless.esm.min.js"),
    "socket.io.min.js": published("node_modules/socket.io/client-dist/socket.io.min.js"),
    "socket.io.esm.min.js": published("node_modules/socket.io/client-dist/socket.io.esm.min.js"),
  };
}

/** Names of orders. */
export const orders = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${name}:${from + i}`);

/** Resolves when a page is connected. */
export const live = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.app?.socket.delivery.state === "live", undefined, { timeout: HAPPEN_MS });

/** Resolves when a page knows what its storage has. What is emitted before is not kept anywhere. */
export const loaded = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.app?.socket.delivery.outbox.durable, undefined, { timeout: HAPPEN_MS });

/** Resolves when a page has nothing left to send. */
export const empty = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.app?.socket.delivery.outbox.size === 0, undefined, { timeout: HAPPEN_MS });

/** Numbers from one to before another. */
export const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
