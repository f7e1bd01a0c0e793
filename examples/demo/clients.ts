/** The clients of the demo, in one process: each listens, and sends an order now and then. They count what reaches them. */
import { io as reliableIo } from "gapless-io/client";
import { io as plainIo, type Socket } from "socket.io-client";
import type { ClientsOptions, FromClients, ToClients } from "./protocol.ts";

const options: ClientsOptions = JSON.parse(process.argv[2] as string);
const url = `http://127.0.0.1:${options.port}`;
const settings = { transports: ["websocket"], reconnectionDelay: 50, reconnectionDelayMax: 200, forceNew: true };

const seen: Map<string, number>[] = [];
const sockets: Socket[] = [];
let gaps = 0;
let delivered = 0;
let duplicates = 0;
let published = 0;
let acknowledged: string[] = [];
let sending = true;

for (let i = 0; i < options.count; i++) {
  const counts = new Map<string, number>();
  let socket: Socket;
  if (options.kind === "gapless-io") {
    const wrapped = reliableIo(url, settings);
    wrapped.delivery.on("gap", () => gaps++);
    socket = wrapped;
  } else socket = plainIo(url, settings);
  seen.push(counts);
  sockets.push(socket);
  socket.on("event", (key: string) => {
    const times = (counts.get(key) ?? 0) + 1;
    counts.set(key, times);
    delivered++;
    if (times > 1) duplicates++;
  });
  let number = 0;
  setInterval(() => {
    if (!sending) return;
    const key = `order ${i}.${number++}`;
    published++;
    // Plain Socket.IO keeps what is emitted while offline in memory, and loses what was on its way.
    socket.emitWithAck("order", key).then(
      () => acknowledged.push(key),
      () => {}, // "socket has been disconnected": its fate is unknown, it is not counted as acknowledged
    );
  }, 100);
}

setInterval(() => {
  if (published === 0 && acknowledged.length === 0) return;
  tell({ published, acknowledged });
  published = 0;
  acknowledged = [];
}, 20);

process.on("message", (message: ToClients) => {
  if ("send" in message) sending = message.send;
  else {
    let missing = 0;
    for (const key of message.check) for (const counts of seen) if (!counts.has(key)) missing++;
    tell({ delivered, duplicates, gaps, missing, online: sockets.filter((socket) => socket.connected).length });
  }
});

const waiting = setInterval(() => {
  if (sockets.some((socket) => !socket.connected)) return;
  clearInterval(waiting);
  tell({ connected: true });
}, 10);

process.on("disconnect", () => process.exit());

function tell(message: FromClients): void {
  process.send?.(message);
}
