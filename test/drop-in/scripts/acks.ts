/** Scripts about acknowledgements. */
import type { Any } from "../harness.ts";
import { collect, type Script, start } from "./script.ts";

export const acks: Script[] = [];
const script = collect(acks);

script("callbacks, from the client", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    env.hear("server", peer, "ask");
    peer.on("ask", (...args) => {
      const answer = args.at(-1) as (...args: unknown[]) => void;
      env.call("server", "answer", () => answer(...args.slice(0, -1)));
    });
  });
  let answered = 0;
  for (const args of [[], [1], [1, undefined], [undefined], [null, { x: 1 }], [Buffer.from("b")], [new Date(0)]]) {
    a.emit("ask", ...args, (...answer: unknown[]) => {
      env.note("client A", "answer", answer);
      answered++;
    });
  }
  await env.until("all is answered", () => answered === 7);
});

script("callbacks, from the server", { core: true }, async (env) => {
  const [a] = await start(env);
  env.hear("client A", a, "ask");
  a.on("ask", (...args) => {
    const answer = args.at(-1) as (...args: unknown[]) => void;
    env.call("client A", "answer", () => answer(...args.slice(0, -1)));
  });
  let answered = 0;
  for (const args of [[], [1], [1, undefined], [undefined], [null, { x: 1 }], [Buffer.from("b")], [new Date(0)]]) {
    env.peerOf(a).emit("ask", ...args, (...answer: unknown[]) => {
      env.note("server", "answer", answer);
      answered++;
    });
  }
  await env.until("all is answered", () => answered === 7);
});

script("a callback that is called twice, and later", {}, async (env) => {
  const later: (() => void)[] = [];
  const wire = (side: string, target: Any) =>
    target.on("ask", (n: number, answer: (x: unknown) => void) => {
      env.note(side, `asked ${n}`);
      if (n === 1) {
        answer("first");
        answer("second");
      } else later.push(() => answer(`later ${n}`));
    });
  const [a] = await start(env, (peer) => wire("server", peer));
  wire("client A", a);
  const peer = env.peerOf(a);
  let answered = 0;
  for (const n of [1, 2, 3]) {
    a.emit("ask", n, (...args: unknown[]) => {
      env.note("answers to client A", "answer", args);
      answered++;
    });
    peer.emit("ask", n, (...args: unknown[]) => {
      env.note("answers to the server", "answer", args);
      answered++;
    });
  }
  await env.sync(a);
  // The last one first.
  for (const run of later.reverse()) {
    const before = answered;
    run();
    await env.until("it is answered", () => answered > before);
  }
  await env.until("all is answered", () => answered === 6);
  await env.sync(a);
});

script("emitWithAck", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => {
    peer.on("ask", (...args) => (args.at(-1) as (...args: unknown[]) => void)(...args.slice(0, -1), "more"));
  });
  a.on("ask", (...args) => (args.at(-1) as (...args: unknown[]) => void)(...args.slice(0, -1), "more"));
  const peer = env.peerOf(a);
  for (const args of [[], [1], [{ x: Buffer.from("b") }, 2]]) {
    await env.outcome("client A", "emitWithAck", a.emitWithAck("ask", ...args));
    await env.outcome("client A", "emitWithAck in time", a.timeout(4_000).emitWithAck("ask", ...args));
    await env.outcome("server", "emitWithAck", peer.emitWithAck("ask", ...args));
    await env.outcome("server", "emitWithAck in time", peer.timeout(4_000).emitWithAck("ask", ...args));
  }
});

script("an answer in time, with the error first", { core: true }, async (env) => {
  const [a] = await start(env, (peer) => peer.on("ask", (answer) => answer("a", undefined, 3)));
  a.on("ask", (answer) => answer("a", undefined, 3));
  let answered = 0;
  a.timeout(4_000).emit("ask", (...args: unknown[]) => {
    env.note("client A", "answer", args);
    answered++;
  });
  env
    .peerOf(a)
    .timeout(4_000)
    .emit("ask", (...args: unknown[]) => {
      env.note("server", "answer", args);
      answered++;
    });
  await env.until("all is answered", () => answered === 2);
});

script("nobody answers in time", {}, async (env) => {
  const late: ((x: unknown) => void)[] = [];
  const [a] = await start(env, (peer) => peer.on("ask", (answer) => late.push(answer)));
  a.on("ask", (answer) => late.push(answer));
  let answered = 0;
  a.timeout(20).emit("ask", (...args: unknown[]) => {
    env.note("client A", "answer", args);
    answered++;
  });
  const peer = env.peerOf(a);
  peer.timeout(20).emit("ask", (...args: unknown[]) => {
    env.note("server", "answer", args);
    answered++;
  });
  await env.outcome("client A promise", "emitWithAck", a.timeout(20).emitWithAck("ask"));
  await env.outcome("server promise", "emitWithAck", peer.timeout(20).emitWithAck("ask"));
  await env.until("all is over", () => answered === 2 && late.length === 4);
  for (const answer of late) answer("too late");
  await env.sync(a);
});

script("the option ackTimeout", {}, async (env) => {
  await env.serve({
    setup: (io) =>
      io.on("connection", (peer) => {
        peer.on("ask", (answer) => answer("x"));
        peer.on("silence", () => {});
      }),
  });
  const a = env.client("A", "/", { ackTimeout: 300 });
  await env.connected(a);
  let answered = 0;
  for (const event of ["ask", "silence"]) {
    a.emit(event, (...args: unknown[]) => {
      env.note(event, "answer", args);
      answered++;
    });
  }
  await env.until("all is over", () => answered === 2);
  await env.outcome("ask", "emitWithAck", a.emitWithAck("ask"));
  await env.outcome("silence", "emitWithAck", a.emitWithAck("silence"));
});

script("the option retries", {}, async (env) => {
  await env.serve({
    setup: (io) =>
      io.on("connection", (peer) => {
        peer.on("e", (...args) => {
          env.note("server", "e", args);
          (args.at(-1) as Any)("answer", 2);
        });
      }),
  });
  const a = env.client("A", "/", { retries: 2, ackTimeout: 1_000 });
  await env.connected(a);
  a.emit("e", 1);
  a.emit("e", 2, (...args: unknown[]) => env.note("client A", "answer", args));
  await env.seen("client A", "answer");
});

script("a question while disconnected", {}, async (env) => {
  await env.serve({ setup: (io) => io.on("connection", (peer) => peer.on("ask", (n, answer) => answer(n))) });
  const a = env.client("A", "/", { autoConnect: false });
  let answered = 0;
  a.emit("ask", 1, (...args: unknown[]) => {
    env.note("client A", "answer", args);
    answered++;
  });
  a.timeout(10).emit("ask", 2, (...args: unknown[]) => {
    env.note("client A", "timed out", args);
    answered++;
  });
  await env.until("one has timed out", () => answered === 1);
  a.timeout(4_000).emit("ask", 3, (...args: unknown[]) => {
    env.note("client A", "answer", args);
    answered++;
  });
  a.connect();
  await env.until("all is answered", () => answered === 3);
});

script("a question that the client's disconnect cuts off", {}, async (env) => {
  const [a] = await start(env, (peer) => peer.on("ask", () => env.note("server", "asked")));
  let over = 0;
  const ask = (what: string, timeout?: number) => {
    const target = timeout === undefined ? a : a.timeout(timeout);
    target.emit("ask", (...args: unknown[]) => {
      env.note(what, "answer", args);
      over++;
    });
  };
  ask("without a time");
  ask("with a time", 60);
  void env.outcome("promise", "emitWithAck", a.timeout(60).emitWithAck("ask")).then(() => {
    over++;
  });
  await env.seen("server", "asked", 3);
  a.disconnect();
  await env.until("the two with a time are over", () => over === 2);
});

script("a question that the server's disconnect cuts off", {}, async (env) => {
  const [a] = await start(env);
  a.on("ask", () => env.note("client A", "asked"));
  const peer = env.peerOf(a);
  let over = 0;
  peer.timeout(60).emit("ask", (...args: unknown[]) => {
    env.note("with a time", "answer", args);
    over++;
  });
  void env.outcome("promise", "emitWithAck", peer.timeout(60).emitWithAck("ask")).then(() => {
    over++;
  });
  await env.seen("client A", "asked", 2);
  peer.disconnect();
  await env.until("both are over", () => over === 2);
});

script("a broadcast that everybody answers", { core: true, mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => void peer.join("r"), 2);
  for (const [name, client] of [
    ["A", a],
    ["B", b],
  ] as const) {
    client.on("ask", (...args) => {
      env.note(`client ${name}`, "ask", args);
      (args.at(-1) as Any)(name);
    });
  }
  const peer = env.peerOf(a);
  const sorted = (error: unknown, answers: unknown[]) => [error, [...answers].sort()];
  for (const [what, target] of [
    ["io", env.io.timeout(4_000)],
    ["io.to", env.io.timeout(4_000).to("r")],
    ["socket.broadcast", peer.timeout(4_000).broadcast],
    ["nobody", env.io.to("nowhere").timeout(20)],
  ] as const) {
    await new Promise<void>((resolve) => {
      target.emit("ask", what, undefined, (error: unknown, answers: unknown[]) => {
        env.note("server", what, sorted(error, answers));
        resolve();
      });
    });
  }
  const answers = (await env.io.timeout(4_000).emitWithAck("ask", "promise")) as string[];
  env.note("server", "promise", [...answers].sort());
});

script("a broadcast that one does not answer", { mixed: true }, async (env) => {
  const [a, b] = await start(env, () => {}, 2);
  a.on("ask", (answer) => answer("A"));
  b.on("ask", () => env.note("client B", "asked"));
  await new Promise<void>((resolve) => {
    env.io.timeout(50).emit("ask", (...args: unknown[]) => {
      env.note("server", "answers", args);
      resolve();
    });
  });
  await env.outcome("server", "emitWithAck", env.io.timeout(50).emitWithAck("ask"));
  await env.sync(a, b);
});

script("an answer with binary, from a broadcast in a room", { mixed: true }, async (env) => {
  const [a, b] = await start(env, (peer) => void peer.join("r"), 2);
  a.on("ask", (_data, answer) => answer({ data: Buffer.from("A") }));
  b.on("ask", (_data, answer) => answer({ data: Buffer.from("A") }));
  await env.outcome("server", "emitWithAck", env.io.to("r").timeout(4_000).emitWithAck("ask", Buffer.from("q")));
});
