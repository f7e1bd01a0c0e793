/**
 * The chat: a page, and the chat server in a process of its own, which the page can kill.
 *
 * Rule: everything is on the loopback address, and what it started is gone when it ends.
 */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servePage } from "./page-server.ts";
import { ServerProcess } from "./server-process.ts";

const { DATA_DIR, PORT } = process.env;
const folder = DATA_DIR || mkdtempSync(join(tmpdir(), "gapless-chat-"));
let server: ServerProcess | undefined;
let ending = false;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());
// Whoever started it is gone.
process.on("disconnect", () => void end());
process.on("exit", () => {
  if (!DATA_DIR) rmSync(folder, { recursive: true, force: true });
});

mkdirSync(folder, { recursive: true });
const port = await freePort(Number(PORT || 8081));
// The next one, so that pages find it again when all of this was started anew: what waits is kept for this address.
const chatPort = await freePort(port + 1);
const url = `http://127.0.0.1:${port}`;
await servePage({ port, chatUrl: `http://127.0.0.1:${chatPort}`, kill: () => server?.kill() });
if (!ending) {
  // The same port each time, so that pages find it again.
  server = new ServerProcess({ ...process.env, DATA_DIR: folder, PORT: `${chatPort}` }, (pid) =>
    process.send?.({ url, folder, pid }),
  );
  console.log(`Open ${url} in several tabs. Ctrl-C ends it all.`);
}

/** A port that nobody listens on: the one that is wanted, or another one. */
async function freePort(wanted = 0): Promise<number> {
  const probe = createServer().listen(wanted, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return freePort();
  }
  const { port: free } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return free;
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await server?.end();
  process.exit();
}
