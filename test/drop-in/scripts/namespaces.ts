/** Scripts about namespaces, adapters and parsers. */
import { type Any, adapterOf, type Client, type Io, type Nsp } from "../harness.ts";
import * as jsonParser from "../json-parser.ts";
import { collect, type Script, start } from "./script.ts";

export const namespaces: Script[] = [];
const script = collect(namespaces);

script("a static namespace", { core: true, mixed: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      const chat = io.of("/chat");
      chat.use((peer, next) => {
        env.note("server", "middleware", [peer.handshake.auth, peer.nsp.name]);
        next();
      });
      chat.on("connection", (peer) => {
        peer.join("r");
        env.hear("server", peer, "e");
      });
      io.on("connection", () => env.note("server", "main namespace"));
    },
  });
  const a = env.client("A", "/chat", { auth: { x: 1 } });
  await env.connected(a);
  const b = env.client("B", "/chat");
  await env.connected(b);
  env.hearAny("client A", a);
  env.hearAny("client B", b);
  const chat = env.io.of("/chat");
  chat.emit("e", 1);
  chat.to("r").emit("e", 2);
  env.io.emit("e", "main namespace only");
  env.io
    .of("chat")
    .except(a.id as string)
    .emit("e", 3);
  env.peerOf(a).broadcast.emit("e", 4);
  env.peerOf(a).emit("e", 5, Buffer.from("x"));
  a.emit("e", 6);
  await env.sync(a, b);
});

script("a namespace that is made later", { mixed: true }, async (env) => {
  const [a] = await start(env);
  const late = env.io.of("/late");
  late.on("connection", (peer) => {
    env.hear("server", peer, "e");
    peer.emit("e", "hello");
  });
  const b = env.client("B", "/late");
  env.hearAny("client A", a);
  env.hearAny("client B", b);
  await env.connected(b);
  late.emit("e", 1);
  b.emit("e", 2);
  await env.sync(a, b);
});

script("a namespace that does not exist", {}, async (env) => {
  const [a] = await start(env);
  const b = env.client("B", "/nowhere");
  b.on("connect_error", (error) => env.note("client B", "connect_error", [error, b.active]));
  await env.seen("client B", "connect_error");
  await env.sync(a);
});

script("dynamic namespaces", { core: true, mixed: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.on("new_namespace", (namespace) => env.note("server", `new_namespace ${namespace.name}`));
      const parent = io.of(/^\/dynamic-\d+$/);
      parent.use((peer, next) => {
        env.note("server", `middleware ${peer.nsp.name}`, [peer.handshake.auth]);
        next();
      });
      parent.on("connection", (peer) => {
        peer.join("r");
        peer.emit("e", "hello", peer.nsp.name);
        env.hear(`server ${peer.nsp.name}`, peer, "e");
        peer.on("parent", () => {
          parent.emit("e", "to all children", 2);
          // 4.7.5 throws here, raw and wrapped: its adapter of parents is made before their set of children.
          const target = env.place.server === "4.7" ? parent : (parent as Any).to("r");
          target.emit("e", "to a room of all children");
        });
      });
      io.of((name: string, auth: Any, next: Any) => {
        env.note("server", `asked for ${name}`, [auth]);
        next(null, name.startsWith("/function"));
      }).on("connection", (peer) => {
        peer.emit("e", "hello", peer.nsp.name);
        env.hear(`server ${peer.nsp.name}`, peer, "e");
      });
    },
  });
  const made: Client[] = [];
  for (const [name, path] of [
    ["A", "/dynamic-1"],
    ["B", "/dynamic-2"],
    ["C", "/function-1"],
  ] as const) {
    const client = env.client(name, path, { auth: { name } });
    env.hearAny(`client ${name}`, client);
    await env.connected(client);
    client.emit("e", 1);
    env.io.of(path).emit("e", 2);
    env.io.of(path).to("r").emit("e", 3);
    await env.sync(client);
    made.push(client);
  }
  made[0]?.emit("parent");
  await env.seen("client B", 'any (2) "e", "to a room of all children"');
  await env.sync(...made);
  const d = env.client("D", "/none", { auth: { name: "D" } });
  d.on("connect_error", (error) => env.note("client D", "connect_error", [error]));
  await env.seen("client D", "connect_error");
});

script("several namespaces over one connection", { core: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      for (const path of ["/", "/x", "/y"]) {
        io.of(path).on("connection", (peer) => {
          env.note(`server ${path}`, "connection", [peer.handshake.auth, io.engine.clientsCount]);
          env.hear(`server ${path}`, peer, "e", "disconnect");
          peer.emit("e", "hello");
        });
      }
    },
  });
  const main = env.client("main", "/", { forceNew: false });
  const x = env.client("x", "/x", { forceNew: false, auth: { name: "x" } });
  const y = env.client("y", "/y", { forceNew: false, autoConnect: false });
  env.note("client", `one manager ${main.io === x.io && x.io === y.io}`);
  for (const [name, client] of [
    ["main", main],
    ["x", x],
    ["y", y],
  ] as const) {
    env.hearAny(`client ${name}`, client);
    env.hear(`client ${name}`, client, "connect", "disconnect");
    client.emit("e", "early");
  }
  await env.connected(main, x);
  y.connect();
  await env.connected(y);
  for (const path of ["/", "/x", "/y"]) env.io.of(path).emit("e", path);
  await env.sync(main, x, y);
  x.disconnect();
  await env.seen("server /x", "disconnect");
  env.io.of("/x").emit("e", "nobody");
  env.io.of("/y").emit("e", "still there");
  await env.sync(main, y);
  env.peerOf(y, "/y").emit("e", "bye");
  env.peerOf(y, "/y").disconnect();
  await env.gone(y);
  env.io.emit("e", "still there");
  await env.sync(main);
});

script("one of several namespaces is disconnected with its connection", {}, async (env) => {
  await env.serve({
    setup: (io) => {
      for (const path of ["/", "/x"]) {
        io.of(path).on("connection", (peer) => env.hear(`server ${path}`, peer, "disconnect"));
      }
    },
  });
  const main = env.client("main", "/", { forceNew: false });
  const x = env.client("x", "/x", { forceNew: false });
  env.hear("client main", main, "e");
  env.hear("client x", x, "e");
  main.on("disconnect", (reason) => env.note("client main", `disconnect ${reason}`));
  x.on("disconnect", (reason) => env.note("client x", `disconnect ${reason}`));
  await env.connected(main, x);
  await env.sync(main, x);
  env.peerOf(main, "/").emit("e", "bye");
  env.peerOf(x, "/x").emit("e", "bye");
  env.peerOf(x, "/x").disconnect(true);
  await env.gone(main, x);
  await env.seen("server /", "disconnect");
  await env.seen("server /x", "disconnect");
});

script("a second namespace on an open connection", {}, async (env) => {
  await env.serve({
    setup: (io) => {
      io.of("/x").on("connection", (peer) => {
        env.note("server", "connection");
        env.hear("server", peer, "e");
        peer.emit("e", "hello");
      });
    },
  });
  const main = env.client("main", "/", { forceNew: false });
  main.on("disconnect", (reason) => env.note("client main", `disconnect ${reason}`));
  await env.connected(main);
  await env.sync(main);
  const x = env.client("x", "/x", { forceNew: false });
  env.hear("client x", x, "e", "connect", "disconnect");
  x.emit("e", 1);
  await env.connected(x);
  await env.sync(x);
});

script("empty dynamic namespaces are cleaned up", {}, async (env) => {
  await env.serve({
    options: { cleanupEmptyChildNamespaces: true },
    setup: (io) =>
      io.of(/^\/d-/).on("connection", (peer) => {
        peer.join("r");
        env.hear("server", peer, "e");
      }),
  });
  for (const n of [1, 2]) {
    const a = env.client(`A${n}`, "/d-1");
    env.hear(`client A${n}`, a, "e");
    await env.connected(a);
    env.io.of("/d-1").to("r").emit("e", n);
    a.emit("e", n);
    await env.sync(a);
    a.disconnect();
    await env.until("the namespace is gone", () => !env.io._nsps.has("/d-1"));
    env.note("server", `gone ${n}`);
  }
});

/** An adapter that counts, and is asynchronous, as those of clusters are. */
const counting = (env: { note(side: string, what: string, args?: readonly unknown[]): void }, Base: Any) =>
  class extends Base {
    broadcast(packet: Any, opts: Any) {
      env.note("adapter", "broadcast", [packet.type, packet.data, [...opts.rooms].length, [...opts.except].length]);
      super.broadcast(packet, opts);
    }
    addAll(id: string, rooms: Set<string>) {
      env.note("adapter", "addAll", [id, rooms]);
      return super.addAll(id, rooms);
    }
  };

for (const when of ["before", "setup"] as const) {
  script(`io.adapter, ${when === "before" ? "before" : "after"} it is wrapped`, { mixed: true }, async (env) => {
    const Adapter = counting(env, adapterOf(env.place.server));
    await env.serve({
      [when]: (io: Io) => {
        io.of("/earlier");
        io.adapter(Adapter as Any);
      },
    });
    const [a, b] = [env.client("A"), undefined];
    await env.connected(a);
    const second = env.client("B");
    await env.connected(second);
    env.hearAny("client A", a);
    env.hearAny("client B", b ?? second);
    env.peerOf(a).join("r");
    env.io.emit("e", 1);
    env.io.to("r").emit("e", 2);
    env.peerOf(a).broadcast.emit("e", 3);
    env.io.of("/earlier").emit("e", "nobody");
    await env.sync(a, second);
  });
}

script("an adapter that publishes first, asynchronously", { mixed: true }, async (env) => {
  const Base = adapterOf(env.place.server);
  class Clustered extends Base {
    async broadcast(packet: Any, opts: Any) {
      if (!opts.flags?.local) await new Promise(setImmediate);
      // A cluster's message: what cannot be written as JSON does not arrive.
      const flags = JSON.parse(JSON.stringify(opts.flags ?? {}));
      super.broadcast(packet, { rooms: new Set(opts.rooms), except: new Set(opts.except), flags });
    }
  }
  await env.serve({ setup: (io) => io.adapter(Clustered as Any) });
  const a = env.client("A");
  await env.connected(a);
  const b = env.client("B");
  await env.connected(b);
  env.hearAny("client A", a);
  env.hearAny("client B", b);
  env.peerOf(a).join("r");
  env.io.emit("e", 1);
  env.io.to("r").emit("e", 2);
  env.peerOf(a).broadcast.emit("e", 3);
  env.io.emit("e", "last");
  await env.seen("client A", 'any (2) "e", "last"');
  await env.seen("client B", 'any (2) "e", "last"');
  await env.sync(a, b);
});

script("serverSideEmit", {}, async (env) => {
  const [a] = await start(env);
  const { warn } = console;
  console.warn = (...args) => env.note("server", "console.warn", args);
  try {
    env.io.on("x", () => env.note("server", "never"));
    env.call("server", "serverSideEmit", () => env.io.serverSideEmit("x", 1));
    env.call("server", "serverSideEmit of a reserved name", () => env.io.serverSideEmit("connection"));
    env.call("server", "serverSideEmit of a namespace", () => env.io.of("/").serverSideEmit("x", undefined));
  } finally {
    console.warn = warn;
  }
  await env.sync(a);
});

script("a parser of one's own", { mixed: true }, async (env) => {
  await env.serve({ options: { parser: jsonParser }, setup: (io) => io.on("connection", (peer) => peer.join("r")) });
  const a = env.client("A", "/", { parser: jsonParser, auth: { x: 1 } });
  await env.connected(a);
  const b = env.client("B", "/", { parser: jsonParser });
  await env.connected(b);
  env.hearAny("client A", a);
  env.hearAny("client B", b);
  const peer = env.peerOf(a);
  env.note("server", "auth", [peer.handshake.auth]);
  env.hear("server", peer, "e");
  peer.on("ask", (n, answer) => answer(n, "answer"));
  a.on("ask", (n, answer) => answer(n, "answer"));
  peer.emit("e");
  peer.emit("e", 1, "two", { at: new Date(0), nothing: undefined }, null);
  env.io.to("r").emit("e", 2, undefined);
  peer.broadcast.emit("e", 3);
  a.emit("e", 4, undefined, { x: [1] });
  await env.outcome("client A", "emitWithAck", a.emitWithAck("ask", 5));
  await env.outcome("server", "emitWithAck", peer.emitWithAck("ask", 6));
  await env.sync(a, b);
});

script("several servers in one process", {}, async (env) => {
  // The same classes are used by a server that is never wrapped.
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  const adapter = env.io.of("/").adapter as unknown as object;
  const peer = env.peerOf(a);
  env.note("server", "prototypes", [
    Object.getOwnPropertyNames(Object.getPrototypeOf(adapter)).sort().join(),
    Object.getOwnPropertyNames(Object.getPrototypeOf(peer)).sort().join(),
    Object.getOwnPropertyNames(Object.getPrototypeOf(env.io)).sort().join(),
  ]);
  env.note("server", "members that can be listed", [
    Object.keys(peer).sort().join(),
    Object.keys(adapter).sort().join(),
    Object.keys(env.io.of("/") as Nsp)
      .sort()
      .join(),
    Object.keys(env.io).sort().join(),
  ]);
  env.note("client A", "members that can be listed", [Object.keys(a).sort().join()]);
  await env.sync(a);
});
