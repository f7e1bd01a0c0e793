/**
 * The chat server: an ordinary Socket.IO server. The line marked (1) makes it reliable.
 *
 * Rule: a message is settled when it is in the log, so "acked" means that nothing but the loss of the disk can undo it.
 */
import { createServer } from "node:http";
import { join } from "node:path";
import { Server } from "socket.io";
import * as z from "zod";
import { reliable } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { ROOMS } from "./rooms.ts";

const { DATA_DIR = ".", PORT } = process.env;
const HISTORY = 100;

const Room = z.enum(ROOMS);
/** What is said. Its key is the page's own name for it, by which the page knows it again. */
const Said = z.object({
  key: z.uuid(),
  room: Room,
  from: z.uuid(),
  name: z.string().min(1).max(40),
  text: z.string().min(1).max(2_000),
});

const http = createServer();
const io = reliable(new Server(http), { store: sqlite(join(DATA_DIR, "chat.db")) }); // (1)

io.on("connection", (socket) => {
  // The page says in which rooms it wants to be, whenever it cannot be sure that the server knows: to say it again harms nothing.
  socket.on("rooms", async (wanted: unknown, done: () => void) => {
    const rooms = z.array(Room).parse(wanted);
    for (const room of ROOMS) await (rooms.includes(room) ? socket.join(room) : socket.leave(room));
    done();
  });

  // `socket.delivery.history()` of the client shows what was said since it joined. In this chat everybody may read what was said before, too.
  socket.on("history", async (room: unknown, done: (messages: readonly unknown[]) => void) => {
    const { entries } = await io.delivery.history(Room.parse(room), { limit: HISTORY });
    done(entries.map(({ args: [message] }) => message).toReversed());
  });

  // Should the process die in here, the message comes again, and what was published is not published twice.
  socket.on("message", async (given: unknown) => {
    const said = Said.safeParse(given);
    // Our page sends no such thing.
    if (!said.success) return;
    const message = { ...said.data, at: Date.now() };
    await io.delivery.to(message.room).publish("message", message);
  });
});

process.once("SIGTERM", () => void io.close().finally(() => process.exit()));
// It goes with the process that started it.
process.on("disconnect", () => process.exit());
http.listen(Number(PORT), "127.0.0.1");
