/** Scripts about connecting, middleware and disconnecting. */
import type { Any, Client, Env, Peer } from "../harness.ts";
import { collect, type Script, start } from "./script.ts";

export const connection: Script[] = [];
const script = collect(connection);

/**
 * Writes down why a client disconnected. A polling client learns of the end of its transport from the request that is under way:
 * whether that is answered or refused is chance, on a raw server too.
 */
const reasons = (env: Env, side: string, client: Client) => {
  client.on("connect", () => env.note(side, "connect"));
  client.on("disconnect", (reason) => {
    const chance = env.place.transport === "polling" && reason === "transport error";
    env.note(side, `disconnect ${chance ? "transport close" : reason}, active ${client.active}`);
  });
};
const serverReasons = (env: Env, side: string, peer: Peer) => {
  peer.on("disconnecting", (reason) => env.note(side, `disconnecting ${reason}, rooms ${peer.rooms.size}`));
  peer.on("disconnect", (...args) =>
    env.note(side, `disconnect ${args[0]}, rooms ${peer.rooms.size}, connected ${peer.connected}`),
  );
};

script("what comes before and after connect", { core: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        peer.emit("e", "from middleware");
        setImmediate(() => {
          peer.emit("e", "from slow middleware");
          next();
        });
      });
      io.on("connection", (peer) => {
        env.note("server", "connection");
        env.hear("server", peer, "e");
        peer.emit("e", "from connection");
        io.emit("e", "to all, from connection");
        io.to(peer.id).emit("e", "to the id, from connection");
        peer.volatile.emit("e", "volatile");
        peer.emit("ask", (answer: unknown) => env.note("answers", `answer ${answer}`));
      });
    },
  });
  const a = env.client("A");
  a.emit("e", "before connect");
  a.on("connect", () => {
    env.note("client A", "connect");
    a.emit("e", "in connect");
  });
  env.hearAny("client A", a);
  a.on("ask", (answer) => answer("here"));
  a.emit("e", "before connect, too");
  await env.connected(a);
  a.emit("e", "after connect");
  await env.seen("answers", "answer");
  await env.sync(a);
});

script("events of a client before it is connected", { core: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.use((_peer, next) => setTimeout(next, 5));
      io.on("connection", (peer) => {
        env.hear("server", peer, "e");
        peer.on("ask", (n, answer) => {
          env.note("server", `asked ${n}`);
          answer(n);
        });
      });
    },
  });
  const a = env.client("A", "/", { autoConnect: false });
  a.onAnyOutgoing((...args) => env.note("client A", "outgoing", args));
  a.on("connect", () => env.note("client A", "connect"));
  a.emit("e", 1);
  a.emit("ask", 2, (n: number) => env.note("answers", `answer ${n}`));
  a.emit("e", 3, Buffer.from("x"));
  env.note("client A", `connected ${a.connected}, active ${a.active}, id ${a.id}`);
  a.connect();
  a.emit("e", 4);
  env.note("client A", `connected ${a.connected}, active ${a.active}`);
  await env.connected(a);
  a.emit("e", 5);
  await env.sync(a);
  await env.seen("answers", "answer");
  a.disconnect();
  a.emit("e", 6);
  a.emit("e", 7);
  env.note("client A", `connected ${a.connected}, active ${a.active}`);
  a.connect();
  a.emit("e", 8);
  await env.connected(a);
  await env.sync(a);
});

script("middleware that lets pass", { core: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        env.note("server", "first", [peer.handshake.auth]);
        peer.data.list = ["first"];
        next();
      });
      io.of("/").use(async (peer, next) => {
        await new Promise(setImmediate);
        env.note("server", "second");
        peer.data.list.push("second");
        next();
      });
      io.engine.use((_req: unknown, _res: unknown, next: () => void) => next());
      io.on("connection", (peer) => {
        env.note("server", "connection", [peer.data]);
        env.hear("server", peer, "e");
      });
      io.on("connect", () => env.note("server", "connect"));
    },
  });
  const a = env.client("A", "/", { auth: { token: "t" } });
  a.emit("e", 1);
  await env.connected(a);
  await env.sync(a);
});

script("middleware that refuses, and then lets pass", { core: true }, async (env) => {
  await env.serve({
    setup: (io) => {
      io.use((peer, next) => {
        const { token } = peer.handshake.auth;
        env.note("server", "middleware", [peer.handshake.auth]);
        if (token === "right") return next();
        const error = new Error("not authorized") as Error & { data: unknown };
        if (token === "wrong") error.data = { code: 401, list: [1, null] };
        next(error);
      });
      io.on("connection", (peer) => {
        env.note("server", "connection");
        env.hear("server", peer, "e");
      });
    },
  });
  const a = env.client("A");
  reasons(env, "client A", a);
  a.on("connect_error", (...args) => {
    const [error] = args as unknown as [Error & { data?: unknown }];
    env.note("client A", `connect_error active ${a.active} connected ${a.connected}`, [
      ...args,
      error.message,
      error.data,
    ]);
  });
  a.emit("e", "kept");
  await env.seen("client A", "connect_error");
  a.auth = { token: "wrong" };
  a.connect();
  await env.seen("client A", "connect_error", 2);
  a.auth = { token: "right" };
  a.connect();
  await env.connected(a);
  await env.sync(a);
});

script("middleware of a socket", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.onAny((...args) => env.note("server", "any", args));
    peer.use((event, next) => {
      env.note("server", "first", event);
      next();
    });
    peer.use(async (event, next) => {
      await new Promise(setImmediate);
      if (event[0] === "refused") {
        const error = new Error("refused") as Error & { data: unknown };
        error.data = { x: 1 };
        return next(error);
      }
      if (event[0] === "swallowed") return;
      if (event[0] === "changed") event[1] = "changed";
      if (event[0] === "grown") event.push("grown");
      env.note("server", "second", event);
      next();
    });
    env.hear("server", peer, "e", "refused", "swallowed", "changed", "grown", "renamed", "error");
  });
  for (const event of ["e", "refused", "e", "swallowed", "changed", "grown", "e"]) {
    a.emit(event, 1);
    await env.seen("server", "first (2)", 1);
  }
  await env.sync(a);
});

script("middleware of a socket, and an answer", {}, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.use((event, next) => {
      if (event[0] !== "ask") return next();
      const answer = event.at(-1) as (...args: unknown[]) => void;
      if (event[1] === "refuse") {
        answer("refused");
        return next(new Error("refused"));
      }
      next();
    });
    peer.on("error", (error) => env.note("server", "error", [error]));
    peer.on("ask", (...args) => {
      env.note("server", "ask", args);
      (args.at(-1) as Any)("answered");
    });
  });
  await env.outcome("client A", "refuse", a.emitWithAck("ask", "refuse"));
  await env.outcome("client A", "pass", a.emitWithAck("ask", "pass"));
  await env.sync(a);
});

script("the server says bye and disconnects the socket", { core: true, mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => peer.join("r"), 2);
  for (const [name, client] of [
    ["A", a],
    ["B", b],
  ] as const) {
    env.hearAny(`client ${name}`, client);
    reasons(env, `client ${name}`, client);
    serverReasons(env, `server ${name}`, env.peerOf(client));
  }
  const [pa, pb] = [env.peerOf(a), env.peerOf(b)];
  pa.emit("e", 1);
  env.io.to("r").emit("e", 2);
  pa.emit("bye");
  pa.disconnect();
  env.note("server A", `connected ${pa.connected}, rooms ${pa.rooms.size}, sockets ${env.io.sockets.sockets.size}`);
  env.io.emit("e", "not for A");
  await env.gone(a);
  await env.seen("server A", "disconnect ");
  pb.emit("bye", Buffer.from("bye"));
  pb.disconnect(true);
  env.note("server B", `connected ${pb.connected}, rooms ${pb.rooms.size}, sockets ${env.io.sockets.sockets.size}`);
  await env.gone(b);
  await env.seen("server B", "disconnect ");
  await env.until("the transport is closed", () => env.io.engine.clientsCount === 0);
});

script("a handler says bye and disconnects the socket", { mixed: true }, async (env) => {
  const [a, b] = await start(
    env,
    (peer) => {
      serverReasons(env, "server", peer);
      peer.on("leave", (close, answer) => {
        answer?.("answer");
        peer.emit("bye");
        peer.disconnect(close);
      });
    },
    2,
  );
  for (const [name, client] of [
    ["A", a],
    ["B", b],
  ] as const) {
    env.hearAny(`client ${name}`, client);
    reasons(env, `client ${name}`, client);
  }
  a.emit("leave", false, (answer: unknown) => env.note("client A", `answer ${answer}`));
  await env.gone(a);
  b.emit("leave", true);
  await env.gone(b);
  await env.seen("server", "disconnect ", 2);
});

script("a client is disconnected as soon as it connects", {}, async (env) => {
  await env.serve({
    setup: (io) =>
      io.on("connection", (peer) => {
        serverReasons(env, "server", peer);
        peer.emit("bye");
        peer.disconnect();
      }),
  });
  const a = env.client("A");
  env.hearAny("client A", a);
  reasons(env, "client A", a);
  await env.seen("client A", "disconnect");
  await env.seen("server", "disconnect ");
});

script("io.close right after an emit", { core: true, mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => env.hear("server", peer, "disconnect"), 2);
  for (const [name, client] of [
    ["A", a],
    ["B", b],
  ] as const) {
    client.io.reconnection(false);
    env.hearAny(`client ${name}`, client);
    reasons(env, `client ${name}`, client);
  }
  await env.sync(a, b);
  const peers = [env.peerOf(a), env.peerOf(b)];
  await env.until("both transports are writable", () => peers.every(({ conn }) => conn.transport.writable));
  // One packet each: of several, Socket.IO's transports may not write the later ones any more.
  env.peerOf(a).emit("e", 1);
  env.io.to(b.id as string).emit("e", 2);
  void env.io.close();
  await env.gone(a, b);
  await env.seen("server", "disconnect", 2);
});

script("io.close, with nothing to say", { mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => serverReasons(env, "server", peer), 2);
  for (const [name, client] of [
    ["A", a],
    ["B", b],
  ] as const) {
    client.io.reconnection(false);
    reasons(env, `client ${name}`, client);
  }
  await env.sync(a, b);
  await new Promise<void>((resolve) => {
    void env.io.close(() => resolve());
  });
  env.note("server", `closed, listening ${env.http.listening}`);
  await env.gone(a, b);
  await env.seen("server", "disconnect ", 2);
});

script("the client says bye and disconnects", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    env.hearAny("server", peer);
    peer.on("bye", () => {});
    serverReasons(env, "server", peer);
  });
  await env.sync(a);
  reasons(env, "client A", a);
  a.emit("bye", 1);
  a.emit("bye", 2);
  a.disconnect();
  env.note("client A", `connected ${a.connected}, id ${a.id}`);
  await env.seen("server", "disconnect ");
});

for (const [what, cut] of [
  ["the client calls disconnect", (a) => a.disconnect()],
  ["the client closes the engine", (a) => a.io.engine.close()],
  ["the server calls disconnect", (_a, peer) => peer.disconnect()],
  ["the server calls disconnect(true)", (_a, peer) => peer.disconnect(true)],
  ["the server closes the engine", (_a, peer) => peer.conn.close()],
  ["the server discards the engine", (_a, peer) => peer.conn.close(true)],
] satisfies [string, (a: Client, peer: Peer) => unknown][]) {
  script(`reasons: ${what}`, { core: what.includes("closes the engine") }, async (env) => {
    const [a] = await start(env, (peer) => serverReasons(env, "server", peer));
    await env.sync(a);
    reasons(env, "client A", a);
    a.io.reconnection(false);
    cut(a, env.peerOf(a));
    await env.gone(a);
    await env.seen("server", "disconnect ");
    env.note("client A", `active ${a.active}, id ${a.id}`);
  });
}

script("reasons: a packet that cannot be read", {}, async (env) => {
  const [a] = await start(env, (peer) => serverReasons(env, "server", peer));
  await env.sync(a);
  reasons(env, "client A", a);
  a.io.reconnection(false);
  a.io.engine.write("9 is no packet");
  await env.gone(a);
  await env.seen("server", "disconnect ");
});

script("reasons: no answer to a ping", {}, async (env) => {
  await env.serve({
    options: { pingInterval: 30, pingTimeout: 30 },
    setup: (io) => io.on("connection", (peer) => serverReasons(env, "server", peer)),
  });
  const a = env.client("A");
  await env.connected(a);
  a.io.reconnection(false);
  // The client hears pings and is not heard any more.
  a.io.engine.on("heartbeat", () => {
    a.io.engine.transport.send = () => {};
  });
  await env.gone(a);
  await env.seen("server", "disconnect ");
});

script("a connection that is lost and comes back", { core: true }, async (env) => {
  const setup = (peer: Peer) => {
    env.note("server", "connection", [peer.handshake.auth, peer.data, peer.rooms.size]);
    serverReasons(env, "server", peer);
    env.hear("server", peer, "e");
    peer.emit("e", "hello");
  };
  const [a] = await start(env, setup, 1, (client, side) => env.hear(side, client, "e"));
  await env.seen("server", "connection");
  await env.sync(a);
  reasons(env, "client A", a);
  a.io.on("reconnect_attempt", (n) => env.note("client A", `reconnect_attempt ${n}`));
  a.io.on("reconnect", (n) => env.note("client A", `reconnect ${n}`));
  a.on("connect", () => a.emit("e", "in connect"));
  a.io.engine.close();
  await env.gone(a);
  a.emit("e", "while away");
  a.emit("e", "while away, too");
  await env.seen("client A", "connect");
  await env.sync(a);
  env.peerOf(a).emit("e", "again");
  a.emit("e", "again");
  await env.sync(a);
});

script("a connection that the server cuts comes back", {}, async (env) => {
  const [a] = await start(env, (peer) => {
    env.note("server", "connection");
    serverReasons(env, "server", peer);
    env.hear("server", peer, "e");
  });
  env.hear("client A", a, "e");
  await env.sync(a);
  reasons(env, "client A", a);
  for (const n of [1, 2]) {
    env.peerOf(a).conn.close();
    await env.seen("client A", "connect", n);
    await env.connected(a);
    a.emit("e", n);
    env.peerOf(a).emit("e", n);
    await env.sync(a);
  }
});

script("a room is lost with the connection", {}, async (env) => {
  const [a] = await start(env, (peer) => env.note("server", "connection", [peer.rooms.size]));
  env.hear("client A", a, "e");
  env.peerOf(a).join("r");
  env.io.to("r").emit("e", 1);
  await env.sync(a);
  a.io.engine.close();
  await env.seen("server", "connection", 2);
  await env.connected(a);
  env.io.to("r").emit("e", 2);
  await env.sync(a);
});

script("an emit to a client that is away", {}, async (env) => {
  const [a] = await start(env, () => env.note("server", "connection"));
  env.hear("client A", a, "e");
  await env.sync(a);
  a.io.engine.close();
  const { size } = env.io.sockets.sockets;
  env.note("server", `still there: ${size}`);
  await env.until("the server knows", () => env.io.sockets.sockets.size === 0);
  env.io.emit("e", "while away");
  await env.seen("server", "connection", 2);
  await env.connected(a);
  await env.sync(a);
});

script("a client that disconnects and connects again by hand", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    env.note("server", "connection");
    serverReasons(env, "server", peer);
    env.hear("server", peer, "e");
  });
  env.hear("client A", a, "e");
  await env.sync(a);
  reasons(env, "client A", a);
  a.emit("e", 1);
  await env.sync(a);
  a.disconnect();
  await env.seen("server", "disconnect ");
  a.emit("e", 2);
  a.connect();
  await env.connected(a);
  a.emit("e", 3);
  env.peerOf(a).emit("e", 3);
  await env.sync(a);
});

script("a socket that the server disconnected, and what is emitted to it", {}, async (env) => {
  const [a] = await start(env, () => env.note("server", "connection"));
  env.hear("client A", a, "e");
  const peer = env.peerOf(a);
  await env.sync(a);
  peer.disconnect();
  env.call("server", "emit", () => peer.emit("e", "to nobody"));
  env.call("server", "join", () => void peer.join("r"));
  env.call("server", "disconnect", () => peer.disconnect());
  await env.gone(a);
  a.emit("e", "kept");
  a.connect();
  await env.connected(a);
  await env.sync(a);
});

script("listeners that the user removes", { mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => void peer.join("r"), 2);
  const pa = env.peerOf(a);
  const { io } = env;
  for (const client of [a, b]) {
    client.on("e", () => env.note("client A", "removed listener"));
    client.off();
    client.offAny();
    client.offAnyOutgoing();
    client.io.off("reconnect");
  }
  pa.removeAllListeners();
  pa.offAny();
  pa.offAnyOutgoing();
  io.removeAllListeners();
  io.of("/").removeAllListeners();
  io.sockets.adapter.removeAllListeners();
  pa.conn.removeAllListeners("drain");
  env.hear("client A", a, "e", "disconnect");
  env.hear("client B", b, "e");
  env.hear("server", pa, "e", "disconnect");
  a.emit("e", 1);
  pa.emit("e", 2);
  io.to("r").emit("e", 3);
  await env.sync(a, b);
  pa.leave("r");
  io.to("r").emit("e", 4);
  io.on("connection", (peer) => env.note("server", "connection", [peer.rooms.size]));
  const c = env.client("C");
  env.hear("client C", c, "e");
  await env.connected(c);
  io.emit("e", 5);
  await env.sync(a, b, c);
  a.disconnect();
  await env.seen("server", "disconnect");
});

/** Writes down everything that comes, but not the offsets that Socket.IO's recovery adds. */
const hearRecoverable = (env: Env, side: string, client: Client) => {
  client.onAny((...args) => {
    const last = args.at(-1);
    const offset = typeof last === "string" && /^[\w-]{7}(\.\w+)?$/.test(last);
    env.note(side, "any", offset ? [...args.slice(0, -1), "offset"] : args);
  });
};

script("connection state recovery is on", { mixed: true }, async (env) => {
  await env.serve({
    options: { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } },
    setup: (io) =>
      io.on("connection", (peer) => {
        peer.join("r");
        env.hear("server", peer, "e");
        peer.emit("e", "hello", "text");
        peer.emit("ask", (answer: unknown) => env.note("answers", `answer ${answer}`));
      }),
  });
  const [a, b] = [env.client("A"), env.client("B")];
  hearRecoverable(env, "client A", a);
  hearRecoverable(env, "client B", b);
  for (const client of [a, b]) client.on("ask", (answer) => answer("x"));
  await env.connected(a, b);
  await env.seen("answers", "answer", 2);
  const peer = env.peerOf(a);
  env.io.emit("e", 1, "text");
  env.io.to("r").emit("e");
  peer.to("r").emit("e", { x: 1 });
  peer.emit("e", Buffer.from("x"));
  env.io.local.emit("e", "local");
  a.emit("e", 1, "text");
  await env.sync(a, b);
});

script("a recovered connection", {}, async (env) => {
  await env.serve({
    options: { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } },
    setup: (io) =>
      io.on("connection", (peer) => {
        env.note("server", "connection", [peer.recovered, peer.rooms.has("r"), peer.data]);
        serverReasons(env, "server", peer);
        env.hear("server", peer, "e");
      }),
  });
  const a = env.client("A");
  await env.connected(a);
  hearRecoverable(env, "client A", a);
  a.on("connect", () => env.note("client A", `connect, recovered ${a.recovered}`));
  const peer = env.peerOf(a);
  peer.join("r");
  peer.data.x = 1;
  peer.emit("e", 1);
  env.io.to("r").emit("e", 2);
  await env.sync(a);
  a.io.engine.close();
  await env.until("the server knows", () => env.io.sockets.sockets.size === 0);
  env.io.to("r").emit("e", 3, "text");
  a.emit("e", "kept");
  await env.seen("server", "connection", 2);
  await env.connected(a);
  env.io.to("r").emit("e", 4);
  await env.sync(a);
});

script("another server takes the port over", { core: true }, async (env) => {
  const serve = (name: string, port?: number) =>
    env.serve({
      ...(port === undefined ? {} : { port }),
      setup: (io) =>
        io.on("connection", (peer) => {
          env.note(name, "connection");
          env.hear(name, peer, "e");
          peer.on("ask", (n, answer) => answer(`${name} ${n}`));
          peer.emit("e", `hello from ${name}`);
        }),
    });
  const first = await serve("first server");
  const { port } = env;
  const a = env.client("A");
  env.hear("client A", a, "e");
  reasons(env, "client A", a);
  await env.connected(a);
  a.emit("e", 1);
  await env.outcome("answers", "ask", a.emitWithAck("ask", 1));
  await env.sync(a);
  void first.close();
  env.http.closeAllConnections();
  await env.gone(a);
  await env.until("the port is free", () => !(first as Any).httpServer.listening);
  a.emit("e", 2);
  const answer = a.emitWithAck("ask", 2);
  a.emit("e", 3);
  await serve("second server", port);
  await env.connected(a);
  await env.outcome("answers", "ask", answer);
  a.emit("e", 4);
  env.io.emit("e", "to all");
  await env.sync(a);
});

script("a client that changes its mind while it connects", {}, async (env) => {
  let connections = 0;
  let disconnections = 0;
  await env.serve({
    setup: (io) =>
      io.on("connection", (peer) => {
        connections++;
        peer.on("disconnect", () => {
          disconnections++;
        });
        env.hear("server", peer, "e");
      }),
  });
  const a = env.client("A", "/", { autoConnect: false });
  env.hear("client A", a, "e");
  for (let n = 0; n < 10; n++) {
    a.connect();
    for (let turn = 0; turn < n; turn++) await new Promise(setImmediate);
    a.disconnect();
  }
  a.connect();
  await env.connected(a);
  a.emit("e", "here");
  env.peerOf(a).emit("e", "here");
  await env.sync(a);
  await env.until("everybody else is gone", () => connections === disconnections + 1);
  env.note("server", `sockets ${env.io.sockets.sockets.size}`);
});

script("emits in the handlers of a disconnect", { mixed: true }, async (env) => {
  const [a, b] = await start(
    env,
    (peer, io) => {
      void peer.join("r");
      peer.on("disconnecting", () => {
        peer.emit("e", "to the one that goes");
        io.to("r").emit("e", "disconnecting");
      });
      peer.on("disconnect", () => {
        env.note("server", "disconnect");
        peer.emit("e", "to the one that is gone");
        peer.broadcast.emit("e", "disconnected");
      });
    },
    2,
  );
  env.hear("client A", a, "e");
  env.hear("client B", b, "e");
  b.on("disconnect", () => b.emit("e", "kept"));
  b.disconnect();
  await env.seen("client A", 'e (1) "disconnected"');
  await env.sync(a);
});
