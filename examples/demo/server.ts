/**
 * The server of the demo, in a process of its own, so that it can be killed.
 *
 * It is an ordinary Socket.IO server. The two ways differ in the lines marked (1) and (2): the first wraps it, the second only
 * measures, by asking for a receipt.
 */
import { createServer } from "node:http";
import { reliable } from "gapless-io/server";
import { sqlite } from "gapless-io/sqlite";
import { Server } from "socket.io";
import type { FromServer, ServerOptions } from "./protocol.ts";

const options: ServerOptions = JSON.parse(process.argv[2] as string);
const http = createServer();
const plain = new Server(http, options.kind === "gapless-io" ? {} : { connectionStateRecovery: {} });
const io = options.kind === "gapless-io" ? reliable(plain, { store: sqlite(options.file) }) : undefined; // (1)

plain.on("connection", (socket) => {
  void socket.join("room");
  // A client's order goes to everybody.
  socket.on("order", async (key: string, answer: (ok: boolean) => void) => {
    plain.to("room").emit("event", key);
    answer(true);
  });
});

let acknowledged: string[] = [];
let published = 0;
let number = options.from;
setInterval(() => {
  const key = `tick ${number++}`;
  published++;
  if (io) {
    io.delivery
      .to("room")
      .publish("event", key)
      .then(
        () => acknowledged.push(key),
        () => {},
      ); // (2)
  } else {
    plain.to("room").emit("event", key);
    acknowledged.push(key);
  }
}, 10);

setInterval(() => {
  if (published === 0) return;
  tell({ published, acknowledged });
  published = 0;
  acknowledged = [];
}, 20);

http.listen(options.port, "127.0.0.1", () => {
  tell({ listening: (http.address() as { port: number }).port });
});

process.on("disconnect", () => process.exit());

function tell(message: FromServer): void {
  process.send?.(message);
}
