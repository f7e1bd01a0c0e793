/**
 * A client process that emits numbers until it is killed; it reports each message that is kept. Told to start at -1 it emits
 * nothing, and ends when its outbox is empty.
 */
import { io } from "../../src/client/index.ts";
import { sqliteStorage } from "../../src/store/client-sqlite.ts";

const [url = "", file = "", from = ""] = process.argv.slice(2);
const storage = sqliteStorage(file, { durability: "os" });
const { save } = storage;
storage.save = (change) => {
  save(change);
  for (const { seq, args } of change.put) if (args) process.send?.([seq, args[1]]);
};
const socket = io(url, { transports: ["websocket"], reliable: { storage } });

let n = Number(from);
if (n < 0) {
  await socket.delivery.outbox.flush();
  process.exit();
}
// As fast as the loop turns, so that some are being saved, some sent and some acknowledged when the end comes.
const emit = (): void => {
  for (let i = 0; i < 5; i++) socket.emit("n", n++);
  setImmediate(emit);
};
emit();
