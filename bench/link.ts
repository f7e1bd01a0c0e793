/**
 * A link of some length: a process between the clients and the server that delays what goes either way.
 *
 * Rule: bytes leave in the order in which they came, each after the same time; there is no other limit.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Linked, Ports } from "./protocol.ts";

process.on("disconnect", () => process.exit());

const oneWayMs = Number(process.argv[2]) / 2;
const { service } = await new Promise<Ports>((resolve) => {
  process.once("message", resolve);
});
const server = createServer((near) => {
  const far = connect(service, "127.0.0.1");
  forward(near, far);
  forward(far, near);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const linked: Linked = { linked: typeof address === "object" && address ? address.port : 0 };
  process.send?.(linked);
});

function forward(from: Socket, to: Socket): void {
  const queue: { readonly dueAt: number; readonly bytes: Buffer }[] = [];
  let waiting = false;
  const wait = (ms: number) => {
    waiting = true;
    setTimeout(flush, ms);
  };
  const flush = () => {
    waiting = false;
    const now = performance.now();
    for (let next = queue[0]; next; next = queue[0]) {
      // Timers count in whole milliseconds: half of one early is nearer than half of one late.
      if (next.dueAt > now + 0.5) {
        wait(next.dueAt - now);
        return;
      }
      to.write(next.bytes);
      queue.shift();
    }
  };
  from.setNoDelay(true);
  from.on("data", (bytes) => {
    queue.push({ dueAt: performance.now() + oneWayMs, bytes });
    if (!waiting) wait(oneWayMs);
  });
  from.on("close", () => setTimeout(() => to.destroy(), oneWayMs));
  from.on("error", () => {});
}
