/**
 * The server's process of one run.
 *
 * Rule: it holds the server and the publisher, and nothing of the clients.
 */
import { answerLine, type Said } from "./line.ts";
import { peers } from "./peers/index.ts";
import { type FromServer, named, runOptions } from "./protocol.ts";
import { workloads } from "./workloads/index.ts";

process.on("disconnect", () => process.exit());

const options = runOptions();
const workload = named(workloads, options.workload);
const service = await named(peers, options.peer).serve(options.dir);
const { port, line: called } = await answerLine();
tell({ listening: { service: service.port, line: port } });

const line = await called;
await new Promise<void>((resolve) => {
  line.listen((said: Said) => {
    if (said.kind === "ready") resolve();
  });
});
tell({ server: await workload.serve(service, line, options.plan) });

function tell(message: FromServer): void {
  process.send?.(message);
}
