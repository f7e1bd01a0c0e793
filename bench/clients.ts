/**
 * The clients' process of one run.
 *
 * Rule: clients connect a hundred at a time, so that connecting is not what fails.
 */
import { callLine } from "./line.ts";
import { peers } from "./peers/index.ts";
import type { Client } from "./peers/peer.ts";
import { named, type Ports, runOptions, tellEnd } from "./protocol.ts";
import { workloads } from "./workloads/index.ts";

const AT_ONCE = 100;

process.on("disconnect", () => process.exit());

const { plan, ...names } = runOptions();
const workload = named(workloads, names.workload);
const peer = named(peers, names.peer);
const ports = await new Promise<Ports>((resolve) => {
  process.once("message", resolve);
});
await tellEnd(workload.drive({ peer, connect, line: callLine(ports.line), plan }));

async function connect(count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    const next = Array.from({ length: Math.min(AT_ONCE, count - clients.length) }, (_, i) => clients.length + i);
    clients.push(...(await Promise.all(next.map((id) => peer.connect(ports.service, id, workload.demands)))));
  }
  return clients;
}
