/**
 * A redis-server of the test's own: started on a free port in a temporary folder, killed, stopped, damaged, replicated, ended.
 *
 * Rule: it is a real server, spoken to over its port and hit by its pid; it is bound to the loopback address and gone when the
 * process that started it is.
 *
 * Where redis-server is missing, suites are skipped and say how to enable them; with `CI=true` that is a failure:
 *
 *     describe.skipIf(!redisAvailable)("...", () => {
 *       const server = await redisServer({ appendfsync: "always" });
 *       ...
 *       await server.end();
 *     });
 *
 * A test that needs any server and none of its own takes `anyRedis()`, which is the one that `REDIS_URL` names, where it does;
 * its suite is skipped by `!anyRedisAvailable`, and it gives each store a `freshPrefix()`.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";

const MISSING = "redis-server is missing: install it (Debian: apt-get install redis-server) or set REDIS_URL";
/** A server that has a large file to load takes its time; none of a test's is. */
const START_MS = 20_000;
const COMMAND_MS = 5_000;

/** Whether a server of one's own can be started. */
export const redisAvailable: boolean = spawnSync("redis-server", ["--version"]).status === 0;
/** Whether {@link anyRedis} has one. */
export const anyRedisAvailable: boolean = redisAvailable || Boolean(process.env.REDIS_URL);

if (!redisAvailable) {
  if (process.env.CI === "true") throw new Error(MISSING);
  console.warn(MISSING);
}

export interface RedisOptions {
  /** @default true */
  readonly appendonly?: boolean;
  /** @default "everysec", as Redis's own */
  readonly appendfsync?: "always" | "everysec" | "no";
  /** More of redis.conf, for example `{ maxmemory: "10mb" }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Follows that server from the start. */
  readonly replicaOf?: { readonly port: number };
}

/** A running redis-server. */
export interface RedisServer {
  /** The same over restarts. */
  readonly port: number;
  /** `redis://127.0.0.1:<port>`. */
  readonly url: string;
  readonly dir: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** One command on a connection of its own. */
  command(...words: readonly string[]): Promise<unknown>;
  /** A field of INFO. */
  info(field: string): Promise<string>;
  /** Resolves when the process is gone; SIGTERM ends it as an operator would. @default "SIGKILL" */
  kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again after a kill, on the same port and folder. Resolves when it answers. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay, nothing is answered. */
  stop(): void;
  /** SIGCONT. */
  cont(): void;
  /** Cuts so many bytes off the append-only file of a killed server. Answers how many were there to cut. */
  truncateAof(bytes: number): number;
  /** Follows another server. Resolves when it has all that the other one has. */
  follow(master: { readonly port: number }): Promise<void>;
  /** Follows nobody any more. */
  promote(): Promise<void>;
  /** Ends it and removes its folder. */
  end(): Promise<void>;
}

/** Starts a redis-server. */
export async function redisServer(options: RedisOptions = {}): Promise<RedisServer> {
  const { appendonly = true, appendfsync = "everysec", config = {}, replicaOf } = options;
  const dir = mkdtempSync(join(tmpdir(), "gapless-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const settings = {
    port: `${port}`,
    bind: "127.0.0.1",
    dir,
    save: "",
    appendonly: appendonly ? "yes" : "no",
    appendfsync,
    logfile: join(dir, "redis.log"),
    "repl-diskless-sync-delay": "0",
    // A replica says at once, and not within a second, how far it is.
    "repl-ping-replica-period": "1",
    ...config,
    ...(replicaOf ? { replicaof: `127.0.0.1 ${replicaOf.port}` } : {}),
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === "" ? [""] : value.split(" ")),
  ]);
  let child!: ChildProcess;
  const alive = () => child.exitCode === null && child.signalCode === null;
  const killed = () => void child.kill("SIGKILL");

  const start = async (): Promise<void> => {
    child = spawn("redis-server", words, { stdio: "ignore" });
    child.on("error", () => {});
    const giveUpAt = Date.now() + START_MS;
    // While it loads its file it answers, and says LOADING.
    while ((await ping(url)) !== "PONG") {
      if (alive() && Date.now() < giveUpAt) continue;
      killed();
      throw new Error(`redis-server did not start on port ${port}:\n${log(dir)}`);
    }
  };
  const kill = async (signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> => {
    if (!alive()) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  };
  const command = (...sent: readonly string[]) => ask(url, sent);
  const info = async (field: string): Promise<string> => {
    const line = new RegExp(`^${field}:(.*)$`, "m").exec(String(await command("INFO", "everything")));
    return line?.[1]?.trim() ?? "";
  };

  process.on("exit", killed);
  await start();
  const server: RedisServer = {
    port,
    url,
    dir,
    get pid() {
      return child.pid as number;
    },
    command,
    info,
    kill,
    restart: start,
    stop: () => void child.kill("SIGSTOP"),
    cont: () => void child.kill("SIGCONT"),
    truncateAof(bytes) {
      if (alive()) throw new Error("its file is cut when it is dead");
      const folder = join(dir, "appendonlydir");
      const file = readdirSync(folder)
        .filter((name) => name.endsWith(".incr.aof"))
        .sort((a, b) => number(a) - number(b))
        .at(-1);
      if (file === undefined) throw new Error(`no append-only file in ${folder}`);
      const path = join(folder, file);
      const { size } = statSync(path);
      const cut = Math.min(bytes, size);
      truncateSync(path, size - cut);
      return cut;
    },
    async follow(master) {
      await command("REPLICAOF", "127.0.0.1", `${master.port}`);
      await inStep(master, server);
    },
    async promote() {
      await command("REPLICAOF", "NO", "ONE");
    },
    async end() {
      process.off("exit", killed);
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  if (replicaOf) await inStep(replicaOf, server);
  return server;
}

/** A server for tests that need none of their own: that of `REDIS_URL`, or one that is started. */
export async function anyRedis(): Promise<{ readonly url: string; end(): Promise<void> }> {
  const url = process.env.REDIS_URL;
  return url ? { url, end: async () => {} } : await redisServer();
}

/** A key prefix that nobody else uses. */
export function freshPrefix(): string {
  return `test:${randomUUID()}:`;
}

/** Resolves when a replica has all that its master had written when this was called. */
async function inStep(master: { readonly port: number }, replica: RedisServer): Promise<void> {
  const goal = await field(`redis://127.0.0.1:${master.port}`, "master_repl_offset");
  const giveUpAt = Date.now() + START_MS;
  for (;;) {
    const up = await replica.info("master_link_status");
    if (up === "up" && Number(await replica.info("slave_repl_offset")) >= Number(goal)) return;
    if (Date.now() > giveUpAt) throw new Error("the replica does not follow its master");
  }
}

async function field(url: string, name: string): Promise<string> {
  const line = new RegExp(`^${name}:(.*)$`, "m").exec(String(await ask(url, ["INFO", "replication"])));
  return line?.[1]?.trim() ?? "";
}

/** One command, on a connection that is not tried again. */
async function ask(url: string, words: readonly string[]): Promise<unknown> {
  const client = createClient({
    url,
    socket: { reconnectStrategy: false, connectTimeout: COMMAND_MS, socketTimeout: COMMAND_MS },
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return await client.sendCommand([...words]);
  } finally {
    if (client.isOpen) client.destroy();
  }
}

async function ping(url: string): Promise<unknown> {
  try {
    return await ask(url, ["PING"]);
  } catch {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** The number in `appendonly.aof.12.incr.aof`. */
function number(name: string): number {
  return Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);
}

function log(dir: string): string {
  try {
    return readFileSync(join(dir, "redis.log"), "utf8").split("\n").slice(-10).join("\n");
  } catch {
    return "(it wrote no log)";
  }
}
