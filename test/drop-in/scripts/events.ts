/** Scripts about events and their arguments. */
import type { Any } from "../harness.ts";
import { collect, type Script, start } from "./script.ts";

export const events: Script[] = [];
const script = collect(events);

const LISTS: readonly (readonly unknown[])[] = [
  [],
  [1],
  [1, "two"],
  [1, "two", { three: 3 }],
  [1, "two", { three: 3 }, [4]],
];

script("0 to 4 arguments, from the server", { core: true }, async (env) => {
  const [a] = await start(env);
  env.hearAny("client A", a);
  env.hear("client A", a, "e");
  for (const args of LISTS) env.peerOf(a).emit("e", ...args);
  for (const args of LISTS) env.io.emit("e", ...args);
  await env.sync(a);
});

script("0 to 4 arguments, from the client", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    // Catch-all listeners are called a tick before the others, so their places depend on what comes in one piece.
    env.hearAny("server, any", peer);
    env.hear("server", peer, "e");
  });
  for (const args of LISTS) a.emit("e", ...args);
  await env.sync(a);
});

const bytes = new Uint8Array([0, 1, 2, 3, 250, 251, 252, 253]);
const KINDS: readonly (readonly unknown[])[] = [
  [undefined],
  [null],
  [undefined, undefined],
  [1, undefined],
  [undefined, 1],
  [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e21, 0.1 + 0.2],
  [true, false, "", " "],
  [new Date(1e12)],
  [{ at: new Date(1e12), nothing: undefined, nil: null, list: [undefined, null, new Date(0)] }],
  [{ b: 1, a: 2, 10: "x", 9: "y" }],
  ["żółć 漢字 \u2028 \u2029 \u0000 \ud83d\ude00 \ud800 \\ \" ' </script>"],
  [{ "ключ ключ": "значение", "": "empty key" }],
  [[[[[[[[[["deep"]]]]]]]]]],
  [new Map([[1, 2]]), new Set([1]), /regexp/, new Error("no")],
  [{ toJSON: () => ({ as: "json" }) }],
  [JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}')],
  ["x".repeat(20_000)],
  [Array.from({ length: 200 }, (_, i) => i)],
];

const BINARY: readonly (readonly unknown[])[] = [
  [Buffer.from("buffer")],
  [bytes],
  [bytes.subarray(2, 5)],
  [bytes.buffer],
  [new DataView(bytes.buffer, 1, 3)],
  [new Uint16Array([1, 2, 3])],
  [Buffer.alloc(0)],
  [{ name: "x", data: bytes, more: [{ data: Buffer.from("y"), at: new Date(0) }] }, "text", undefined],
  [1, Buffer.from("a"), 2, Buffer.from("b"), 3],
  Array.from({ length: 10 }, (_, i) => Buffer.from([i])),
  [{ _placeholder: true, num: 0 }],
  [Buffer.alloc(5_000, 7)],
];

script("kinds of arguments, from the server", {}, async (env) => {
  const [a] = await start(env);
  env.hear("client A", a, "e");
  for (const args of KINDS) env.peerOf(a).emit("e", ...args);
  for (const args of KINDS) env.io.emit("e", ...args);
  await env.sync(a);
});

script("kinds of arguments, from the client", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  for (const args of KINDS) a.emit("e", ...args);
  await env.sync(a);
});

script("binary arguments, from the server", { core: true }, async (env) => {
  const [a] = await start(env);
  env.hear("client A", a, "e");
  for (const args of BINARY) {
    env.peerOf(a).emit("e", ...args);
    env.io.emit("e", ...args);
  }
  await env.sync(a);
});

script("binary arguments, from the client", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  for (const args of BINARY) a.emit("e", ...args);
  await env.sync(a);
});

script("arguments that are changed after the emit", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  env.hear("client A", a, "e");
  const object: Any = { n: 1, data: Buffer.from("a") };
  env.peerOf(a).emit("e", object);
  env.io.emit("e", object);
  a.emit("e", object);
  object.n = 2;
  env.peerOf(a).emit("e", object);
  env.io.emit("e", object);
  a.emit("e", object);
  await env.sync(a);
});

script("arguments that the parser refuses", { reports: true }, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  env.hear("client A", a, "e");
  const round: Any = {};
  round.self = round;
  const peer = env.peerOf(a);
  for (const arg of [1n, round]) {
    env.call("server", "socket.emit", () => peer.emit("e", arg));
    env.call("server", "io.emit", () => env.io.emit("e", arg));
    env.call("client A", "emit", () => a.emit("e", arg));
  }
  peer.emit("e", "after");
  a.emit("e", "after");
  await env.sync(a);
});

script("catch-all listeners, and their places", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.on("e", (...args) => env.note("server", "first listener", args));
    peer.onAny((...args) => env.note("server", "any", args));
    peer.prependAny((...args) => env.note("server", "prepended any", args));
    peer.onAnyOutgoing((...args: unknown[]) => env.note("server", "outgoing", args));
    peer.prependAnyOutgoing((...args: unknown[]) => env.note("server", "prepended outgoing", args));
    peer.prependListener("e", (...args) => env.note("server", "prepended listener", args));
    env.note("server", `any ${peer.listenersAny().length} outgoing ${peer.listenersAnyOutgoing().length}`);
  });
  a.on("e", (...args) => env.note("client A", "first listener", args));
  a.onAny((...args) => env.note("client A", "any", args));
  a.prependAny((...args) => env.note("client A", "prepended any", args));
  a.onAnyOutgoing((...args) => env.note("client A", "outgoing", args));
  a.prependAnyOutgoing((...args) => env.note("client A", "prepended outgoing", args));
  a.on("e", (...args) => env.note("client A", "second listener", args));
  const peer = env.peerOf(a);
  // One at a time: catch-all listeners are called a tick before the others.
  for (const [send, side, line] of [
    [() => a.emit("e", 1), "server", "first listener (1) 1"],
    [() => a.emit("e", 2, Buffer.from("x"), undefined), "server", "first listener (3) 2"],
    [() => peer.emit("e", 3), "client A", "second listener (1) 3"],
    [() => env.io.emit("e", 4, { x: undefined }), "client A", "second listener (2) 4"],
    [() => env.io.to(peer.id).emit("e", 5), "client A", "second listener (1) 5"],
    [() => a.emit("ask", 6, () => env.note("client A", "never answered")), "server", 'any (3) "ask"'],
    [() => peer.emit("ask", 7, () => env.note("server", "never answered")), "client A", 'any (3) "ask"'],
  ] as const) {
    send();
    await env.seen(side, line);
    await env.sync(a);
  }
  peer.offAny();
  a.offAny();
  peer.offAnyOutgoing();
  a.offAnyOutgoing();
  a.emit("e", 8);
  peer.emit("e", 9);
  await env.sync(a);
});

script("what a catch-all listener does to the arguments", {}, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.onAny((_event, arg) => {
      if (arg?.n) arg.n++;
    });
    env.hear("server", peer, "e");
  });
  a.onAny((_event, arg) => {
    if (arg?.n) arg.n++;
  });
  env.hear("client A", a, "e");
  a.emit("e", { n: 1 });
  env.peerOf(a).emit("e", { n: 1 });
  await env.sync(a);
});

script("once, off, and listeners that come and go", { core: true }, async (env) => {
  const wire = (side: string, target: Any) => {
    const gone = () => env.note(side, "removed before");
    const third = (n: number) => env.note(side, `third ${n}`);
    target.once("e", (n: number) => env.note(side, `once ${n}`));
    target.on("e", gone);
    target.on("e", (n: number) => {
      env.note(side, `second ${n}`);
      if (n === 1) target.off("e", third);
      if (n === 2) target.on("e", (m: number) => env.note(side, `added ${m}`));
    });
    target.on("e", third);
    target.off("e", gone);
    env.note(side, `${target.listeners("e").length} listeners`);
  };
  const [a] = await start(env, (peer) => wire("server", peer));
  wire("client A", a);
  const peer = env.peerOf(a);
  for (const n of [1, 2, 3]) {
    a.emit("e", n);
    peer.emit("e", n);
    await env.sync(a);
  }
  env.note("client A", `${a.listeners("e").length} listeners, has ${a.hasListeners("e")}`);
  env.note("server", `${peer.listenerCount("e")} listeners of ${peer.eventNames().map(String).join()}`);
  // Nobody listens to the events, so something else has to keep them from waiting for somebody.
  a.onAny(() => {});
  peer.onAny(() => {});
  peer.removeAllListeners("e");
  a.off("e");
  a.emit("e", 4);
  peer.emit("e", 4);
  await env.sync(a);
});

script("the same listener twice, and what `this` is", {}, async (env) => {
  const wire = (side: string, target: Any) => {
    const listener = function (this: unknown, n: number) {
      env.note(side, `${n} ${this === target}`);
    };
    target.on("e", listener);
    target.on("e", listener);
    target.once("e", listener);
    env.note(side, `chains ${target.on("x", listener) === target && target.off("x", listener) === target}`);
  };
  const [a] = await start(env, (peer) => wire("server", peer));
  wire("client A", a);
  const peer = env.peerOf(a);
  a.emit("e", 1);
  peer.emit("e", 1);
  await env.sync(a);
  a.emit("e", 2);
  peer.emit("e", 2);
  await env.sync(a);
});

const NAMES = [
  "",
  "constructor",
  "__proto__",
  "toString",
  "$x",
  "$",
  "with spaces",
  "ünï",
  "error",
  "ping",
  "connection",
];

script("names of events", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, ...NAMES));
  env.hear("client A", a, ...NAMES.filter((name) => name !== "__proto__" && name !== "constructor"));
  for (const name of NAMES) a.emit(name, name);
  await env.sync(a);
  for (const name of NAMES.filter((name) => name !== "__proto__" && name !== "constructor" && name !== "toString")) {
    env.peerOf(a).emit(name, name);
    env.io.emit(name, name);
  }
  await env.sync(a);
});

script("events named by numbers", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, 5 as never, "6"));
  env.hear("client A", a, 5 as never, "6");
  a.emit(5 as never, "number");
  a.emit("6", "text");
  const peer = env.peerOf(a);
  peer.emit(5 as never, "number");
  env.io.emit(5 as never, "number");
  peer.emit("6", "text");
  await env.sync(a);
});

script("reserved names", {}, async (env) => {
  const [a] = await start(env);
  const peer = env.peerOf(a);
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    env.call("server", `socket.emit ${name}`, () => peer.emit(name));
    env.call("server", `io.emit ${name}`, () => env.io.emit(name));
    env.call("server", `io.to.emit ${name}`, () => env.io.to("r").emit(name));
    env.call("client A", `emit ${name}`, () => a.emit(name));
  }
  await env.sync(a);
});

script("what emit answers", {}, async (env) => {
  const [a] = await start(env);
  const peer = env.peerOf(a);
  env.note("client A", `itself ${a.emit("sync") === a}`);
  env.note("client A", `itself, volatile ${a.volatile.emit("sync") === a}`);
  env.note("client A", `itself, sent ${a.send("x") === a}`);
  env.note("server", `${peer.emit("x")} ${env.io.emit("x")} ${env.io.to("r").emit("x")} ${peer.broadcast.emit("x")}`);
  env.note("server", `itself, sent ${peer.send("x") === peer} ${env.io.send("x") === env.io}`);
  await env.sync(a);
});

script("send and message", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "message"));
  env.hear("client A", a, "message");
  a.send("one", 2);
  a.send();
  const peer = env.peerOf(a);
  peer.send("one", 2);
  peer.write("written");
  env.io.send("to all");
  env.io.write("written to all");
  env.io.of("/").send("to the namespace");
  await env.sync(a);
});

script("volatile events, when nothing else goes on", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "v", "e"));
  env.hear("client A", a, "v", "e");
  const peer = env.peerOf(a);
  for (const send of [
    () => a.volatile.emit("v", 1, undefined),
    () => peer.volatile.emit("v", 2),
    () => env.io.volatile.emit("v", 3, "x"),
    () => env.io.volatile.to(peer.id).emit("v", 4),
  ]) {
    await env.until("the transport is writable", () => a.io.engine.transport.writable && peer.conn.transport.writable);
    send();
    await env.sync(a);
  }
  a.emit("e", "not volatile");
  peer.emit("e", "not volatile");
  await env.sync(a);
});

script("volatile events while disconnected", {}, async (env) => {
  await env.serve({ setup: (io) => io.on("connection", (peer) => env.hear("server", peer, "v", "e")) });
  const a = env.client("A", "/", { autoConnect: false });
  a.volatile.emit("v", 1);
  a.emit("e", 2);
  a.volatile.emit("v", 3);
  a.connect();
  await env.connected(a);
  await env.sync(a);
});

script("compressed and uncompressed events", {}, async (env) => {
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  env.hear("client A", a, "e");
  const peer = env.peerOf(a);
  const text = "x".repeat(5_000);
  peer.compress(false).emit("e", text);
  env.io.compress(false).emit("e", text);
  peer.compress(true).emit("e", text);
  a.compress(false).emit("e", text);
  a.compress(true).emit("e", text);
  await env.sync(a);
});

script("many events both ways at once", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    env.hear("server", peer, "e", "binary");
    peer.on("ask", (n, answer) => {
      env.note("server", `asked ${n}`);
      answer(n);
    });
  });
  env.hear("client A", a, "e", "binary");
  const peer = env.peerOf(a);
  let answers = 0;
  for (let n = 0; n < 200; n++) {
    a.emit("e", n);
    peer.emit("e", n);
    if (n % 20 === 0) {
      env.io.emit("e", `all ${n}`);
      peer.emit("binary", n, Buffer.from([n]));
      a.emit("binary", n, Buffer.from([n]));
    }
    if (n % 50 === 0) {
      a.emit("ask", n, (answer: number) => {
        env.note("answers", String(answer));
        answers++;
      });
    }
  }
  await env.sync(a);
  await env.until("all is answered", () => answers === 4);
});

script("a stream that goes on through an upgrade of the transport", {}, async (env) => {
  const upgrades = env.place.transport === "upgrade";
  const [a] = await start(env, (peer) => env.hear("server", peer, "e"));
  env.hear("client A", a, "e");
  const peer = env.peerOf(a);
  const name = () => a.io.engine.transport.name;
  const goal = upgrades ? "websocket" : name();
  for (let n = 0; n < 60; n++) {
    a.emit("e", n);
    peer.emit("e", n);
    env.io.emit("e", `all ${n}`);
    if (n === 30) await env.until("the transport is upgraded", () => name() === goal);
    else if (n % 10 === 0) await new Promise(setImmediate);
  }
  await env.sync(a);
  env.note("client A", name());
  env.note("server", peer.conn.transport.name);
});

script("slow and asynchronous handlers do not hold others up", {}, async (env) => {
  const open: (() => void)[] = [];
  const slow = (side: string) => async (n: number) => {
    env.note(side, `begins ${n}`);
    if (n === 1) await new Promise<void>((resolve) => open.push(resolve));
    env.note(side, `ends ${n}`);
  };
  const [a] = await start(env, (peer) => peer.on("e", slow("server")));
  a.on("e", slow("client A"));
  for (const n of [1, 2, 3]) {
    a.emit("e", n);
    env.peerOf(a).emit("e", n);
  }
  await env.sync(a);
  for (const go of open) go();
  await env.sync(a);
});

script("a handler that emits, answers and broadcasts", { mixed: true }, async (env) => {
  const [a, b] = await start(
    env,
    (peer, io) => {
      peer.on("go", (n, answer) => {
        peer.emit("e", `before ${n}`);
        io.emit("all", n);
        peer.broadcast.emit("others", n);
        answer(`answer ${n}`);
        peer.emit("e", `after ${n}`);
      });
    },
    2,
  );
  env.hear("client A", a, "e", "all", "others");
  env.hear("client B", b, "e", "all", "others");
  for (const n of [1, 2]) env.note("answers", await a.emitWithAck("go", n));
  await env.sync(a, b);
});

script("an answer comes in its place among the events", {}, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.on("go", (answer) => {
      peer.emit("e", "before");
      answer("answer");
      peer.emit("e", "after");
    });
  });
  env.hear("client A", a, "e");
  a.emit("go", (text: string) => env.note("client A", text));
  await env.seen("client A", "answer");
  await env.sync(a);
});

script("durable, volatile, local and answered emits keep their order", { core: true, mixed: true }, async (env) => {
  const [a, b] = await start(
    env,
    (peer) => {
      void peer.join("r");
    },
    2,
  );
  for (const [name, client] of [
    ["client A", a],
    ["client B", b],
  ] as const) {
    env.hear(name, client, "e");
    client.on("ask", (n, answer) => {
      env.note(name, `asked ${n}`);
      answer(n);
    });
  }
  const peer = env.peerOf(a);
  const { io } = env;
  let answers = 0;
  const count = () => {
    answers++;
  };
  await env.sync(a, b);
  peer.emit("e", 1);
  io.emit("e", 2);
  peer.emit("ask", 3, count);
  io.local.emit("e", 4);
  io.to("r").emit("e", 5);
  io.timeout(4_000).emit("ask", 6, count);
  peer.emit("e", 7);
  peer.compress(false).emit("e", 8);
  peer.timeout(4_000).emit("ask", 9, count);
  peer.emit("e", 10, Buffer.from("x"));
  peer.local.emit("e", 11);
  peer.emit("e", 12);
  await env.until("all is answered", () => answers === 3);
  await env.sync(a, b);
});

script("an event without a listener", {}, async (env) => {
  const [a] = await start(env, () => {});
  const peer = env.peerOf(a);
  a.emit("e", 1);
  peer.emit("e", 1);
  await env.sync(a);
  env.hear("server", peer, "e");
  env.hear("client A", a, "e");
  a.emit("e", 2);
  peer.emit("e", 2);
  await env.sync(a);
});

script("thousands of events, in bursts", {}, async (env) => {
  const got = { server: [] as number[], client: [] as number[] };
  const [a] = await start(env, (peer) => peer.on("e", (n) => void got.server.push(n)));
  a.on("e", (n) => void got.client.push(n));
  const peer = env.peerOf(a);
  for (let n = 0; n < 3_000; n++) {
    a.emit("e", n);
    if (n % 2 === 0) peer.emit("e", n);
    else env.io.emit("e", n);
    if (n % 1_000 === 999) await new Promise(setImmediate);
  }
  await env.sync(a);
  const inOrder = (list: number[]) => list.length === 3_000 && list.every((n, i) => n === i);
  env.note("server", `all in order ${inOrder(got.server)}`);
  env.note("client A", `all in order ${inOrder(got.client)}`);
});

const nested = (depth: number) => {
  let value: unknown = "bottom";
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { value };
  return value;
};
const depthOf = (value: Any): number => (value === "bottom" ? 0 : 1 + depthOf(value.value ?? value[0]));

script("arguments nested 250 deep", { reports: true }, async (env) => {
  const [a] = await start(env, (peer) => peer.on("e", (value) => env.note("server", `${depthOf(value)} deep`)));
  a.on("e", (value) => env.note("client A", `${depthOf(value)} deep`));
  const peer = env.peerOf(a);
  for (const depth of [10, 250, 20]) {
    a.emit("e", nested(depth));
    peer.emit("e", nested(depth));
    env.io.emit("e", nested(depth));
    await env.sync(a);
  }
});

script("arguments of more than a megabyte, from the server", { reports: true }, async (env) => {
  const [a] = await start(env);
  env.hear("client A", a, "e");
  const peer = env.peerOf(a);
  for (const size of [10, 1_500_000, 20]) {
    peer.emit("e", "x".repeat(size));
    env.io.emit("e", Buffer.alloc(size).toString("hex"));
  }
  await env.sync(a);
});

script("a burst of events for a listener that listens once", {}, async (env) => {
  const wire = (side: string, target: Any) => {
    target.once("e", (n: number) => env.note(side, `once ${n}`));
    target.onAny(() => {});
  };
  const [a] = await start(env, (peer) => wire("server", peer));
  wire("client A", a);
  for (const n of [1, 2, 3]) {
    a.emit("e", n);
    env.peerOf(a).emit("e", n);
  }
  await env.sync(a);
});
