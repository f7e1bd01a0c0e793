/**
 * The clients' process of one run.
 *
 * Rule: all clients are connected before the workload begins.
 */
import { callLine } from "./line.ts";
import { peers } from "./peers/index.ts";
import { type FromClients, named, type Ports, runOptions } from "./protocol.ts";
import { workloads } from "./workloads/index.ts";

process.on("disconnect", () => process.exit());

const options = runOptions();
const workload = named(workloads, options.workload);
const peer = named(peers, options.peer);
const ports = await new Promise<Ports>((resolve) => {
  process.once("message", resolve);
});
const clients = await Promise.all(Array.from({ length: workload.clients }, () => peer.connect(ports.service)));
const message: FromClients = { clients: await workload.drive(clients, callLine(ports.line), options.plan) };
process.send?.(message);
