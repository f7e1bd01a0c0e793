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

/** Answers a function that puts scripts into a list. */
export function collect(
  list: Script[],
): (name: string, options: Omit<Script, "name" | "run">, run: Script["run"]) => void {
  return (name, options, run) => void list.push({ name, ...options, run });
}

/**
 * A server whose connections are set up like this, and its clients A, B, C…, connected in this order.
 *
 * @param wire Given each client before it is connected.
 */
export async function start(
  env: Env,
  setup: (peer: Peer, io: Io) => void = () => {},
  clients = 1,
  wire: (client: Client, side: string) => void = () => {},
): Promise<[Client, Client, Client]> {
  await env.serve({ setup: (io) => io.on("connection", (peer) => setup(peer, io)) });
  const made: Client[] = [];
  for (const name of ["A", "B", "C"].slice(0, clients)) {
    const client = env.client(name);
    wire(client, `client ${name}`);
    await env.connected(client);
    made.push(client);
  }
  return made as [Client, Client, Client];
}
