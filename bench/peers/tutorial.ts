/**
 * The recipe of Socket.IO's tutorial: every message is a row in SQLite, clients say which one they had last, and send with `retries`.
 *
 * Rule: as the tutorial has it, on better-sqlite3 with prepared statements and a write-ahead log, which only makes it faster.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { io } from "socket.io-client";
import type { Payload, Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, serve, urlOf } from "./socket-io.ts";

interface Row {
  readonly id: number;
  readonly content: string;
}

/** The recipe. */
export const tutorial: Peer = {
  key: "tutorial",
  name: "Socket.IO, tutorial's SQLite recipe",
  kept: "one INSERT each, synchronous=NORMAL",
  can: ["rooms", "replays"],

  serve(dir) {
    const db = new Database(join(dir, "chat.db"));
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = NORMAL");
    db.exec(
      "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT NOT NULL)",
    );
    const insert = db.prepare("INSERT OR IGNORE INTO messages (content, client_offset) VALUES (?, ?)");
    const after = db.prepare<[number], Row>("SELECT id, content FROM messages WHERE id > ? ORDER BY id");
    return serve({
      publishTo(server, room, payload) {
        const { lastInsertRowid } = insert.run(JSON.stringify(payload), null);
        server.to(room).emit("message", payload, Number(lastInsertRowid));
      },
      welcome(socket) {
        if (socket.recovered) return;
        for (const { id, content } of after.iterate(Number(socket.handshake.auth.serverOffset ?? 0))) {
          socket.emit("message", JSON.parse(content), id);
        }
      },
      take: (payload, [clientOffset]) => insert.run(JSON.stringify(payload), clientOffset).changes > 0,
    });
  },

  async connect(port) {
    const auth = { serverOffset: 0 };
    const socket = io(urlOf(port), { ...CLIENT_SETTINGS, auth, ackTimeout: 10_000, retries: 3 });
    let sent = 0;
    return {
      ...(await connected(socket)),
      listen(listener) {
        socket.on("message", (payload: Payload, id: number) => {
          auth.serverOffset = id;
          listener(payload);
        });
      },
      ask: (payload) => socket.emitWithAck("question", payload, `${socket.id}-${sent++}`),
    };
  },
};
