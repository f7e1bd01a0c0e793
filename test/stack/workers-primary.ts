/**
 * Several workers behind one port, as Node's `cluster` and @socket.io/sticky make them: polling requests of one connection go to one
 * worker. Workers that die are replaced.
 *
 * Rule: it knows nothing of what the workers do; it passes on what they are told, and says who they are.
 */
import cluster from "node:cluster";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { setupMaster } from "@socket.io/sticky";
import type { PrimaryNews, WorkersPlan } from "./workers-plan.ts";

const plan: WorkersPlan = JSON.parse(process.argv[2] as string);
const tell = (news: PrimaryNews) => process.send?.(news, () => {});

const http = createServer();
setupMaster(http, { loadBalancingMethod: "round-robin" });
// Sticky 1.0.4 throws, and so ends the primary, when the rest of a request comes for a worker that is gone (its issue 12): such connections end
// with the worker, as those do that it was handed whole.
const held = new Set<Socket>();
http.on("connection", (socket: Socket) => {
  held.add(socket);
  socket.on("close", () => held.delete(socket));
});
const hangUp = () => {
  for (const socket of held) socket.destroy();
};
cluster.on("disconnect", hangUp);
cluster.on("exit", hangUp);
cluster.setupPrimary({ exec: plan.workerScript, args: [JSON.stringify(plan)] });
cluster.on("exit", (worker, code, signal) => {
  tell({ pid: worker.process.pid as number, ended: signal ?? String(code) });
  cluster.fork();
});
cluster.on("message", (worker, news: object) => {
  // Sticky's own messages have a type.
  if (!("type" in news)) tell({ pid: worker.process.pid as number, ...news });
});
process.on("message", ({ pid, ...order }: { readonly pid?: number }) => {
  for (const worker of Object.values(cluster.workers ?? {})) {
    if (worker && (pid === undefined || worker.process.pid === pid)) worker.send(order, () => {});
  }
});
process.on("disconnect", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  process.exit();
});
for (let i = 0; i < plan.workers; i++) cluster.fork();
http.listen(0, "127.0.0.1", () => tell({ port: (http.address() as { port: number }).port }));
