/**
 * The server's process of one run.
 *
 * Rule: it holds the server and the publisher, and nothing of the clients.
 */
import { answerLine } from "./line.ts";
import { peers } from "./peers/index.ts";
import { type Listening, named, runOptions, tellEnd } from "./protocol.ts";
import { workloads } from "./workloads/index.ts";

const { dir, plan, ...names } = runOptions();
const workload = named(workloads, names.workload);
const peer = named(peers, names.peer);
const service = await peer.serve(dir, workload.demands);
process.on("disconnect", async () => {
  await service.end?.();
  process.exit();
});

const { port, line } = await answerLine();
const listening: Listening = { listening: { service: service.port, line: port } };
process.send?.(listening);
await tellEnd(line.then((called) => workload.serve({ peer, service, line: called, plan })));
