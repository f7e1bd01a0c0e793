/**
 * The chat's server: an ordinary Socket.IO server, wrapped in the line marked (1).
 *
 * Rule: a message is acknowledged to its writer when it is in the log, and so on its way to everybody.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type DefaultEventsMap, Server, type Socket } from "socket.io";
import { type ReliableServer, type ReliableSocket, reliable } from "../../src/server/index.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { type FromServer, MAX_TEXT, type Message, ROOM, type ToServer } from "./protocol.ts";

/** Short, so that who has gone without a word is soon noticed. */
const HEARTBEAT = { pingInterval: 2_000, pingTimeout: 3_000 };
/** How many messages one sees that were said before one came. */
const HISTORY = 200;

type ChatSocket = Socket<ToServer, FromServer, DefaultEventsMap, unknown>;

export interface ChatServer {
  readonly io: ReliableServer<ToServer, FromServer, DefaultEventsMap, unknown>;
  readonly port: number;
  close(): Promise<void>;
}

/** Resolves when it listens. @param file Where log and sessions are kept. @param port 0: any. */
export async function startChat(file: string, port = 0): Promise<ChatServer> {
  const http = createServer();
  const io = reliable(new Server<ToServer, FromServer, DefaultEventsMap, unknown>(http, HEARTBEAT), {
    store: sqlite(file),
  }); // (1)

  io.on("connection", (socket: ReliableSocket<ChatSocket>) => {
    void socket.join(ROOM);
    socket.on("say", async (given) => {
      // Thrown again and again, it becomes a dead letter, and its writer sees that it failed.
      if (!isMessage(given)) throw new Error("this is no message, or it is too long");
      await io.delivery.to(ROOM).publish("message", given);
    });
    // A client's own `socket.delivery.history` begins where its session joined the room. This one has what was said before that, too.
    socket.on("history", async (answer) => {
      const { entries } = await io.delivery.history(ROOM, { limit: HISTORY });
      answer(entries.map(({ offset, args: [message] }) => ({ offset, message: message as Message })).reverse());
    });
    socket.on("forget", () => {
      if (socket.delivery) void io.delivery.forget(socket.delivery.session);
    });
  });

  await io.delivery.ready;
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  return {
    io,
    port: (http.address() as AddressInfo).port,
    close: () => io.close(),
  };
}

/** There is no login here. A real server would not believe `from`, but say it itself, from `socket.data`. */
function isMessage(given: unknown): given is Message {
  const { key, from, text, at } = (given ?? {}) as Partial<Message>;
  return (
    [key, from, text].every((each) => typeof each === "string" && each !== "" && each.length <= MAX_TEXT) &&
    typeof at === "number"
  );
}
