/** A server in a process of its own, to be killed: publishes numbers as fast as it is told to, and says which are durable. */
import { createServer } from "node:http";
import { Server } from "socket.io";
import { reliable } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";

const [file = "", port = "0", from = "0", perSecond = "1000"] = process.argv.slice(2);
const http = createServer();
const io = reliable(new Server(http), { store: sqlite(file) });
io.on("connection", (socket) => {
  void socket.join("r");
  socket.on("order", async (key: string, answer: (key: string) => void) => {
    io.to("r").emit("order", key);
    answer(key);
  });
});

let next = Number(from);
let due = 0;
let acknowledged: number[] = [];
setInterval(() => {
  due += Number(perSecond) / 100;
  for (; due >= 1; due--) {
    const number = next++;
    void io.delivery
      .to("r")
      .publish("n", number)
      .then(() => acknowledged.push(number));
  }
}, 10);
setInterval(() => {
  process.send?.({ next, acknowledged });
  acknowledged = [];
}, 5);
process.on("disconnect", () => process.exit());
await io.delivery.ready;
http.listen(Number(port), "127.0.0.1", () => process.send?.({ port: (http.address() as { port: number }).port }));
