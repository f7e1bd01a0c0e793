/** The application under test, as it would be deployed: a server process with a durable store. It writes down what it handles. */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { reliable } from "gapless-io/server";
import { sqlite } from "gapless-io/sqlite";
import { Server } from "socket.io";

const [, , database, diary, port] = process.argv as [string, string, string, string, string];
const record = (line: object) =>
  appendFileSync(diary, `${JSON.stringify({ node: "server", t: Date.now(), ...line })}\n`);

const http = createServer();
const io = reliable(new Server(http, { pingInterval: 500, pingTimeout: 500 }), { store: sqlite(database) });
io.on("connection", (socket) => {
  socket.on("order", (id: string, answer: (text: string) => void) => {
    record({ type: "handled", id, session: (socket as { delivery?: { session: string } }).delivery?.session });
    answer("booked");
  });
});
record({ type: "begin" });
http.listen(Number(port), "127.0.0.1", () => process.send?.((http.address() as AddressInfo).port));
