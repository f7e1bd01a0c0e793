/**
 * Serves the page, what it counts by, and its buttons.
 *
 * Rule: a button works only for the page itself. A request that another site's page makes here has no header of ours; and one whose name
 * was made to lead here (DNS rebinding) has its name.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Acknowledged, connectTo, follower } from "./acknowledged.ts";
import type { State } from "./part.ts";

/** A process, as the page shows it. */
export interface PartStatus {
  readonly name: string;
  readonly state: State;
  readonly pid: number | undefined;
  readonly restarts: number;
}

/** What the buttons do. Not there in containers: these are killed from outside. */
export interface Controls {
  status(): readonly PartStatus[];
  /** Each answers whether there is such a part. */
  kill(part: string): boolean;
  stop(part: string, forMs: number): boolean;
  /** Asks it to end, as a rolling restart does. */
  drain(part: string): boolean;
}

/** What the page asks for, several times a second. */
export interface Feed {
  readonly next: number;
  readonly acknowledged: readonly Acknowledged[];
  /** Absent where there are no buttons. */
  readonly parts?: readonly PartStatus[];
}

export interface PageOptions {
  readonly host: string;
  readonly port: number;
  readonly redisUrl: string;
  /** Where the nodes are, when nothing stands before them. @default where the page is */
  readonly nodes?: readonly string[];
  readonly controls?: Controls;
}

const CONTROL_HEADER = "x-cluster-control";
const OUR_NAMES: readonly string[] = ["127.0.0.1", "localhost"];
const MAX_STOP_MS = 60_000;

/** Resolves when it listens. */
export async function servePage(options: PageOptions): Promise<Server> {
  const client = connectTo(options.redisUrl);
  const list = follower(client);
  const path = (name: string) => fileURLToPath(new URL(`page/${name}`, import.meta.url));
  const [html, { outputFiles }] = await Promise.all([
    readFile(path("index.html"), "utf8"),
    build({ entryPoints: [path("page.js")], bundle: true, format: "esm", target: "es2022", write: false }),
  ]);
  const script = outputFiles[0]?.text ?? "";
  const page = html.replace("{{nodes}}", JSON.stringify(options.nodes ?? []));

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://page");
    const [, first, part = "", action] = url.pathname.split("/");
    const send = (type: string, body: string) => {
      response.setHeader("content-type", type);
      response.setHeader("cache-control", "no-store");
      response.end(body);
    };
    if (url.pathname === "/") send("text/html; charset=utf-8", page);
    else if (url.pathname === "/page.js") send("text/javascript; charset=utf-8", script);
    else if (url.pathname === "/feed") {
      const place = url.searchParams.get("after");
      const parts = options.controls?.status();
      const feed: Feed = { ...list.after(place === null ? undefined : Number(place)), ...(parts ? { parts } : {}) };
      send("application/json", JSON.stringify(feed));
    } else if (first === "control" && isOurs(request)) {
      const forMs = Math.min(Number(url.searchParams.get("ms")) || 0, MAX_STOP_MS);
      const { controls } = options;
      const done =
        (action === "kill" && controls?.kill(part)) ||
        (action === "stop" && controls?.stop(part, forMs)) ||
        (action === "drain" && controls?.drain(part));
      response.writeHead(done ? 204 : 404).end();
    } else response.writeHead(404).end();
  };

  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  server.once("close", () => client.disconnect());
  return server;
}

/** Whether the page made it. */
function isOurs({ method, headers }: IncomingMessage): boolean {
  const name = headers.host?.replace(/:\d+$/, "") ?? "";
  return method === "POST" && headers[CONTROL_HEADER] !== undefined && OUR_NAMES.includes(name);
}
