/**
 * Brokers that are compared when they are installed.
 *
 * Rule: nothing here is a dependency of the project: a program or a package that is not there is a reason to leave the peer out.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { until } from "../time.ts";

/** A running broker. */
export interface Broker {
  readonly port: number;
  readonly pid: number;
  end(): Promise<void>;
}

const START_MS = 5_000;

/** What has to be installed, in a line; `undefined` when all is there. @param aptName Of the program's package. */
export async function missing(
  program: string,
  aptName: string,
  packages: readonly string[],
): Promise<string | undefined> {
  const absent: string[] = [];
  for (const one of packages) if (!(await load(one))) absent.push(one);
  const steps = [
    ...(spawnSync(program, ["--help"]).error ? [`apt-get install ${aptName}`] : []),
    ...(absent.length > 0 ? [`npm install --no-save ${absent.join(" ")}`] : []),
  ];
  return steps.length > 0 ? steps.join(" && ") : undefined;
}

/** A package that may not be there; told by its name at run time, because the project does not depend on it. */
export async function load<T>(name: string): Promise<T | undefined> {
  try {
    return (await import(name)) as T;
  } catch {
    return undefined;
  }
}

/** The same, for a peer that has been found complete. */
export async function loaded<T>(name: string): Promise<T> {
  const module = await load<T>(name);
  if (!module) throw new Error(`${name} is not installed`);
  return module;
}

/** Starts a broker, which ends with this process. @param argumentsFor A port of 127.0.0.1 that is free. */
export async function broker(program: string, argumentsFor: (port: number) => readonly string[]): Promise<Broker> {
  const port = await freePort();
  const child = spawn(program, argumentsFor(port), { stdio: "ignore" });
  const gone = once(child, "exit");
  process.on("exit", () => child.kill("SIGKILL"));
  let open = false;
  const started = await until(START_MS, () => {
    const socket = connect(port, "127.0.0.1", () => {
      open = true;
      socket.destroy();
    });
    socket.on("error", () => {});
    return open;
  });
  if (!started || child.pid === undefined) throw new Error(`${program} did not start`);
  return {
    port,
    pid: child.pid,
    async end() {
      child.kill();
      await gone;
    },
  };
}

/** A Redis that keeps what it is told in this folder. */
export function redisServer(dir: string): Promise<Broker> {
  const kept = ["--dir", dir, "--save", "", "--appendonly", "yes"];
  return broker("redis-server", (port) => ["--port", `${port}`, "--bind", "127.0.0.1", ...kept]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}
