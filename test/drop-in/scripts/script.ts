/** What a script is. */
import type { Client, Env, Io, Peer } from "../harness.ts";

/** A piece of an application: it uses Socket.IO and writes down what it sees. */
export interface Script {
  readonly name: string;
  /** Run on every pair of versions too. */
  readonly core?: boolean;
  /** More than one client takes part, so it is also run with one of them wrapped and the other not. */
  readonly mixed?: boolean;
  /** The wrapped side is expected to report errors, as `delivery.on("error")`. */
  readonly reports?: boolean;
  run(env: Env): Promise<void>;
}

/** Collects scripts. */
export function scripts(): {
  readonly list: Script[];
  script(name: string, options: Omit<Script, "name" | "run">, run: Script["run"]): void;
} {
  const list: Script[] = [];
  return { list, script: (name, options, run) => void list.push({ name, ...options, run }) };
}

/** A server whose connections are set up like this, and its clients A, B, C…, connected in this order. */
export async function start(
  env: Env,
  setup: (peer: Peer, io: Io) => void = () => {},
  clients = 1,
): Promise<[Client, Client, Client]> {
  await env.serve({ setup: (io) => io.on("connection", (peer) => setup(peer, io)) });
  const made: Client[] = [];
  for (const name of ["A", "B", "C"].slice(0, clients)) {
    const client = env.client(name);
    await env.connected(client);
    made.push(client);
  }
  return made as [Client, Client, Client];
}

/** Connects clients A, B, C… to a server that runs, in this order. */
export async function join(env: Env, ...names: string[]): Promise<Client[]> {
  const made: Client[] = [];
  for (const name of names) {
    const client = env.client(name);
    await env.connected(client);
    made.push(client);
  }
  return made;
}
