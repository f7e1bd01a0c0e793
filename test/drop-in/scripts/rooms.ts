/** Scripts about rooms, and about what can be seen of sockets. */
import type { Any, Client, Env, Io, Peer, Remote } from "../harness.ts";
import { collect, type Script, start } from "./script.ts";

export const rooms: Script[] = [];
const script = collect(rooms);

const all = (env: Env, ...clients: Client[]) =>
  clients.forEach((client, i) => {
    env.hearAny(`client ${"ABC"[i]}`, client);
  });
const sorted = (ids: Iterable<unknown>) => [...ids].map(String).sort();
const by = (env: Env, ids: Iterable<unknown>) => sorted([...ids].map((id) => env.record.named(String(id))));

script("rooms", { core: true, mixed: true }, async (env) => {
  const [a, b, c] = await start(env, () => {}, 3);
  all(env, a, b, c);
  const [pa, pb, pc] = [env.peerOf(a), env.peerOf(b), env.peerOf(c)];
  const { io } = env;
  pa.join("r1");
  pb.join(["r1", "r2"]);
  pc.join("r2");
  io.to("r1").emit("e", 1);
  io.in("r2").emit("e", 2);
  io.to("r1").to("r2").emit("e", "each once");
  io.to(["r1", "r2"]).emit("e", "each once too");
  io.except("r1").emit("e", 3);
  io.to("r1").except("r2").emit("e", 4);
  io.to("r1").except(pa.id).emit("e", 5);
  io.to(pa.id).emit("e", 6);
  io.to([pa.id, pb.id]).emit("e", 7);
  io.to(pa.id).to("r1").emit("e", "once");
  io.except([pa.id, pb.id]).emit("e", 8);
  io.to("nowhere").emit("e", "nobody");
  pa.to("r1").emit("e", 9);
  pa.to("r2").emit("e", 10);
  pa.in("r1").emit("e", 11);
  pa.broadcast.emit("e", 12);
  pa.except("r2").emit("e", 13);
  pa.broadcast.except(pb.id).emit("e", 14);
  pa.to(pb.id).emit("e", 15);
  pa.to(pa.id).emit("e", "nobody, because of broadcast");
  pa.local.to("r1").emit("e", 16);
  io.local.to("r1").emit("e", 17);
  await env.sync(a, b, c);
  pb.leave("r1");
  io.to("r1").emit("e", 18);
  pb.join("r1");
  io.to("r1").emit("e", 19);
  pb.leave("r1");
  pb.join("r1");
  io.to("r1").emit("e", 20);
  pb.leave("r1");
  io.to("r1").emit("e", 21);
  io.to("r2").emit("e", 22);
  await env.sync(a, b, c);
});

script("rooms named by numbers, and odd names", { mixed: true }, async (env) => {
  const [a, b] = await start(env, () => {}, 2);
  all(env, a, b);
  const [pa, pb] = [env.peerOf(a), env.peerOf(b)];
  const names: Any[] = [5, "6", "", " ", "a\nb", "constructor", "__proto__", "$g", "ü"];
  for (const name of names) pa.join(name);
  pb.join("5");
  for (const name of names) env.io.to(name).emit("e", name);
  env.io.to("5").emit("e", "the text");
  env.note("server", "rooms", [...pa.rooms].slice(1));
  await env.sync(a, b);
});

script("a room that is somebody's id", { mixed: true }, async (env) => {
  const [a, b] = await start(env, () => {}, 2);
  all(env, a, b);
  const [pa, pb] = [env.peerOf(a), env.peerOf(b)];
  pb.join(pa.id);
  env.io.to(pa.id).emit("e", "both");
  pa.to(pa.id).emit("e", "B");
  pa.emit("e", "A");
  env.io.except(pa.id).emit("e", "nobody");
  pb.leave(pa.id);
  env.io.to(pa.id).emit("e", "A");
  pa.leave(pa.id);
  env.io.to(pa.id).emit("e", "nobody");
  pa.emit("e", "A still");
  env.io.emit("e", "all");
  await env.sync(a, b);
});

script("rooms that are joined and left in many places", { mixed: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        peer.join("from middleware");
        next();
      });
      io.on("connection", (peer) => {
        peer.join("from connection");
        peer.on("join", async (room, answer) => {
          await peer.join(room);
          answer();
        });
        peer.on("leave", (room, answer) => {
          peer.leave(room);
          answer();
        });
      });
    },
  });
  const a = env.client("A");
  const b = env.client("B");
  all(env, a, b);
  await env.connected(a, b);
  const { io } = env;
  io.to("from middleware").emit("e", 1);
  io.to("from connection").emit("e", 2);
  await a.emitWithAck("join", "asked");
  io.to("asked").emit("e", 3);
  await a.emitWithAck("leave", "asked");
  io.to("asked").emit("e", "nobody");
  await a.emitWithAck("leave", "from middleware");
  io.to("from middleware").emit("e", 4);
  await env.sync(a, b);
  env.note("server", "rooms", [...env.peerOf(a).rooms]);
});

script("an emit right after a join, and after a leave, in a handler", { mixed: true }, async (env) => {
  const [a, b] = await start(
    env,
    (peer, io) => {
      peer.on("go", () => {
        void peer.join("r");
        io.to("r").emit("e", "joined");
        peer.to("r").emit("e", "others");
        void peer.leave("r");
        io.to("r").emit("e", "left");
        peer.emit("e", "done");
      });
    },
    2,
  );
  all(env, a, b);
  a.emit("go");
  await env.seen("client A", 'any (2) "e", "done"');
  b.emit("go");
  await env.seen("client B", 'any (2) "e", "done"');
  await env.sync(a, b);
});

script("socketsJoin, socketsLeave and fetchSockets", { core: true, mixed: true }, async (env) => {
  const [a, b, c] = await start(env, (peer) => void Object.assign(peer.data, { n: 1 }), 3);
  all(env, a, b, c);
  const { io } = env;
  const [pa] = [env.peerOf(a)];
  io.socketsJoin("all");
  io.to("all").emit("e", 1);
  io.in(pa.id).socketsJoin(["r1", "r2"]);
  io.to("r1").emit("e", 2);
  io.in("all").except("r1").socketsJoin("r3");
  io.to("r3").emit("e", 3);
  io.in("r3").socketsLeave("all");
  io.to("all").emit("e", 4);
  pa.broadcast.socketsJoin("r4");
  io.to("r4").emit("e", 5);
  const fetched = await io.fetchSockets();
  for (const remote of fetched) {
    env.note(`server ${env.record.named(remote.id)}`, "remote", [
      sorted([...remote.rooms].map((room) => env.record.named(String(room)))),
      remote.data,
      Object.keys(remote).sort().join(),
      Object.keys(remote.handshake).sort().join(),
      remote.handshake.auth,
    ]);
  }
  env.note("server", "in r3", [
    by(
      env,
      (await io.in("r3").fetchSockets()).map(({ id }) => id),
    ),
  ]);
  env.note("server", "in r1 of the namespace", [by(env, await io.of("/").in("r1").allSockets())]);
  await env.sync(a, b, c);
});

script("a RemoteSocket", { mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => env.hear("server", peer, "disconnect"), 2);
  all(env, a, b);
  env.hear("client A", a, "disconnect");
  a.on("ask", (...args) => (args.at(-1) as Any)("answer"));
  const [remote] = (await env.io.in(env.peerOf(a).id).fetchSockets()) as [Remote];
  remote.emit("e", 1, undefined);
  remote.emit("e");
  remote.join("r");
  env.io.to("r").emit("e", 2);
  remote.leave("r");
  env.io.to("r").emit("e", "nobody");
  remote.data.x = 1;
  env.note("server", "data", [env.peerOf(a).data]);
  await env.outcome("server", "emitWithAck", remote.timeout(4_000).emitWithAck("ask", 3));
  await env.sync(a, b);
  remote.disconnect();
  await env.gone(a);
  await env.seen("server", "disconnect");
});

script("disconnectSockets", { core: true, mixed: true }, async (env) => {
  const [a, b, c] = await start(env, () => {}, 3);
  [a, b, c].forEach((client, i) => {
    env.hearAny(`client ${"ABC"[i]}`, client);
    env.hear(`client ${"ABC"[i]}`, client, "disconnect");
    env.hear(`server ${"ABC"[i]}`, env.peerOf(client), "disconnect");
  });
  const { io } = env;
  env.peerOf(a).join("r");
  env.peerOf(b).join("s");
  io.emit("e", "bye");
  io.in("r").disconnectSockets();
  await env.gone(a);
  io.emit("e", "again");
  io.in("s").disconnectSockets(true);
  await env.gone(b);
  io.emit("e", "last");
  io.disconnectSockets();
  await env.gone(c);
  await env.until("the server knows", () => io.sockets.sockets.size === 0);
  for (const side of ["A", "B", "C"]) await env.seen(`server ${side}`, "disconnect");
});

script("what is visible of a connection", { mixed: true }, async (env) => {
  const look = (peer: Peer, when: string, side: string) => {
    const { auth, xdomain, secure, query } = peer.handshake;
    env.note(side, when, [
      [...peer.rooms].map((room) => env.record.named(room)),
      { ...peer.data },
      auth,
      Object.keys(peer.handshake).join(),
      Object.keys(query)
        .filter((key) => key !== "t")
        .sort()
        .join(),
      xdomain,
      secure,
      peer.connected,
      peer.disconnected,
      peer.eventNames().length,
    ]);
  };
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        const { auth } = peer.handshake;
        look(peer, "middleware", `server ${auth.name}`);
        peer.data.user = auth.name;
        next();
      });
      io.on("connection", (peer) => {
        const side = `server ${peer.data.user}`;
        look(peer, "connection", side);
        env.note(side, "sockets", [by(env, io.sockets.sockets.keys()).length, io.engine.clientsCount]);
        peer.on("disconnecting", () => look(peer, "disconnecting", side));
        peer.on("disconnect", () => {
          look(peer, "disconnect", side);
          env.note(side, "is gone from", [
            io.sockets.sockets.has(peer.id),
            io.of("/").adapter.sids.has(peer.id),
            io.of("/").adapter.rooms.has(peer.id),
          ]);
        });
      });
    },
  });
  const auth = { name: "A", nested: { list: [1] } };
  const a = env.client("A", "/", { auth });
  await env.connected(a);
  env.note("client A", "auth", [a.auth, a.auth === auth, auth]);
  const give = (cb: (data: object) => void) => cb({ name: "B", token: 1 });
  const b = env.client("B", "/", { auth: give });
  await env.connected(b);
  env.note("client B", "auth", [b.auth === give]);
  const c = env.client("C");
  await env.connected(c);
  env.note("client C", "auth", [c.auth]);
  const { adapter } = env.io.of("/");
  const [pa, pb, pc] = [env.peerOf(a), env.peerOf(b), env.peerOf(c)];
  pa.join("r");
  pb.join("r");
  env.note("server", "rooms", [
    [...adapter.rooms].map(([room, ids]) => [env.record.named(room), by(env, ids)]),
    [...adapter.sids].map(([id, names]) => [env.record.named(id), by(env, names)]),
    [...env.io.sockets.sockets.keys()].map((id) => env.record.named(id)),
  ]);
  for (const [name, client] of [
    ["A", a],
    ["B", b],
    ["C", c],
  ] as const) {
    client.disconnect();
    await env.seen(`server ${name === "C" ? "undefined" : name}`, "is gone from");
  }
  env.note("server", "what is left", [adapter.rooms, adapter.sids, pc.rooms]);
});

script("what the adapter tells", {}, async (env) => {
  await env.serve({
    setup: (io) => {
      for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
        io.of("/").adapter.on(event, (...args: unknown[]) => env.note("server", event, args));
      }
    },
  });
  const a = env.client("A");
  await env.connected(a);
  const peer = env.peerOf(a);
  peer.join("r");
  peer.join(["r", "s"]);
  peer.leave("r");
  a.disconnect();
  await env.until("the server knows", () => env.io.sockets.sockets.size === 0);
});

script("one leaves while others are told", { mixed: true }, async (env) => {
  const hear = (client: Client, side: string) => env.hearAny(side, client);
  const setup = (peer: Peer, io: Io) => {
    void peer.join("r");
    io.emit("came", peer.id);
    peer.to("r").emit("welcome", peer.id);
    peer.on("disconnecting", () => peer.to([...peer.rooms]).emit("leaving", peer.id));
    peer.on("disconnect", () => io.emit("left", peer.id));
  };
  const [a, b] = await start(env, setup, 2, hear);
  await env.sync(a, b);
  b.disconnect();
  await env.seen("client A", 'any (2) "left"');
  await env.sync(a);
});
