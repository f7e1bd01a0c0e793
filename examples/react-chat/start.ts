/**
 * Starts the example: the chat's server, and Vite with the page before it.
 *
 * Rule: everything is on the loopback address. What it starts ends with it; of what it writes only the chat's own database stays.
 *
 * `--built`: builds the page and serves what was built, as in production.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createServer, type InlineConfig, preview } from "vite";
import { serveControls } from "./controls.ts";
import { startChat } from "./server.ts";

const HOST = "127.0.0.1";
const here = fileURLToPath(new URL(".", import.meta.url));
const {
  PORT = "8082",
  /** Where log and sessions are kept: messages outlive a restart. */
  CHAT_DB = join(here, "chat.db"),
  /** Another copy of the page's source, which the test edits. */
  CHAT_ROOT = here,
} = process.env;

const folder = mkdtempSync(join(tmpdir(), "gapless-react-chat-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const chat = await startChat(CHAT_DB);
const page = await servePage(`http://${HOST}:${chat.port}`);

let ending = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());
// Whoever started it is gone.
process.on("disconnect", () => void end());

const controls = serveControls(chat, CHAT_DB);
const url = page.resolvedUrls?.local[0]?.replace(/\/$/, "") ?? "";
console.log(`Open ${url} in two windows. Ctrl-C ends it.`);
process.send?.({ url, folder });

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await Promise.allSettled([page.close(), controls.close()]);
  process.exit(0);
}

function servePage(target: string): ReturnType<typeof preview | typeof createServer> {
  // The page connects to where it came from; so it needs to know no other port, in production neither.
  const serve = { host: HOST, port: Number(PORT), proxy: { "/socket.io": { target, ws: true } } };
  const config: InlineConfig = {
    configFile: join(here, "vite.config.ts"),
    root: CHAT_ROOT,
    logLevel: "warn",
    cacheDir: join(folder, "vite"),
    build: { outDir: join(folder, "built"), emptyOutDir: true },
    server: serve,
    preview: serve,
  };
  return process.argv.includes("--built") ? serveBuilt(config) : serveSource(config);
}

async function serveSource(config: InlineConfig) {
  const server = await createServer(config);
  return server.listen();
}

async function serveBuilt(config: InlineConfig) {
  await build(config);
  return preview(config);
}
