/**
 * Serves the page, its scripts, and the button that kills.
 *
 * Rule: the button works only for the page itself. A request that another site's page makes here has no header of ours; and one whose name
 * was made to lead here (DNS rebinding) has its name.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ROOMS } from "./rooms.ts";

export interface PageOptions {
  readonly port: number;
  /** Where the chat server is. */
  readonly chatUrl: string;
  readonly kill: () => void;
}

const CONTROL_HEADER = "x-chat-control";
const OUR_NAMES: readonly string[] = ["127.0.0.1", "localhost"];
const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What `npm run build` writes to dist/gapless.min.js. */
async function gaplessMinJs(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [here("../../src/client/index.ts")],
    bundle: true,
    minify: true,
    target: "es2022",
    format: "iife",
    globalName: "gapless",
    alias: { "socket.io-client": here("../../src/client/global-io.ts") },
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** Resolves when it listens. */
export async function servePage({ port, chatUrl, kill }: PageOptions): Promise<Server> {
  const file = (path: string) => readFile(here(path), "utf8");
  const html = await file("page/index.html");
  const page = html.replace("{{chat}}", chatUrl).replace("{{rooms}}", ROOMS.join(" "));
  const files = new Map<string, readonly [type: string, body: string]>([
    ["/", [HTML, page]],
    ["/socket.io/socket.io.min.js", [SCRIPT, await file("../../node_modules/socket.io/client-dist/socket.io.min.js")]],
    ["/gapless.min.js", [SCRIPT, await gaplessMinJs()]],
  ]);
  const scripts = ["network.js", "chat.js", "person.js", "room.js"];
  for (const name of scripts) files.set(`/${name}`, [SCRIPT, await file(`page/${name}`)]);

  const server = createServer((request, response) => {
    const [type, body] = files.get(request.url ?? "") ?? [];
    if (type) response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
    else if (request.url === "/kill" && isOurs(request)) {
      kill();
      response.writeHead(204).end();
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

/** Whether the page made it. */
function isOurs({ method, headers }: IncomingMessage): boolean {
  const name = headers.host?.replace(/:\d+$/, "") ?? "";
  return method === "POST" && headers[CONTROL_HEADER] !== undefined && OUR_NAMES.includes(name);
}
