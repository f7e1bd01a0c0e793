/** A client with durable storage in a process of its own, to be killed: says what it handled, sends numbers, says which are settled. */
import { openSync, writeSync } from "node:fs";
import { io } from "../../src/client/index.ts";
import { sqliteStorage } from "../../src/store/client-sqlite.ts";

const [port = "", file = "", diary = "", from = "0"] = process.argv.slice(2);
const socket = io(`http://127.0.0.1:${port}`, {
  transports: ["websocket"],
  reconnectionDelay: 5,
  reconnectionDelayMax: 20,
  reliable: { storage: sqliteStorage(file) },
});
// Straight to the file: what is written survives the kill, and a file, unlike a pipe, never has to be waited for.
const fd = openSync(diary, "a");
const say = (what: object) => writeSync(fd, `${JSON.stringify(what)}\n`);
socket.on("n", (n: number) => say({ handled: n }));
socket.delivery.on("gap", (gap) => say({ gap }));
socket.delivery.on("error", (error) => say({ error: String(error) }));
socket.on("connect", () => say({ connected: socket.recovered }));
let next = Number(from);
setInterval(() => {
  for (let i = 0; i < 3; i++) {
    const number = next++;
    say({ sent: number });
    void socket.delivery.emit("m", number).settled.then((status) => say({ settled: number, status }));
  }
}, 5);
