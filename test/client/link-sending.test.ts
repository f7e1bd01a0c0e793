import { describe, expect, test } from "vitest";
import type { Message } from "../../src/client/outbox.ts";
import { settled } from "../../src/testing/virtual-clock.ts";
import { bench } from "./bench.ts";

describe("the outbox", () => {
  test("what was emitted offline is sent in order, in one frame, before anything else", async () => {
    const b = bench();
    for (const n of [1, 2, 3]) b.link.outbox.emit(["e", n], false);
    const hello = await b.connect();
    expect(hello.floor).toBe(0);
    expect(b.sent[0]).toEqual([
      "m",
      0,
      [
        [1, "id1", 0, ["e", 1]],
        [2, "id2", 0, ["e", 2]],
        [3, "id3", 0, ["e", 3]],
      ],
    ]);
    expect(b.shown).toEqual([
      ["e", 1],
      ["e", 2],
      ["e", 3],
    ]);
  });

  test("what one turn emits, with the microtasks that were queued before, is one frame", async () => {
    const b = bench();
    await b.connect();
    b.take();
    queueMicrotask(() => b.link.outbox.emit(["e", 3], false));
    b.link.outbox.emit(["e", 1], false);
    b.link.outbox.emit(["e", 2], false);
    expect(b.take()).toEqual([]);
    await settled();
    expect(b.take()).toEqual([
      [
        "m",
        0,
        [
          [1, "id1", 0, ["e", 1]],
          [2, "id2", 0, ["e", 2]],
          [3, "id3", 0, ["e", 3]],
        ],
      ],
    ]);
  });

  test("what becomes of the arguments after the emit is not sent, nor sent again", async () => {
    const b = bench();
    await b.connect();
    const object = { n: 1 };
    b.link.outbox.emit(["e", object], false);
    object.n = 2;
    await settled();
    expect(b.messages()).toEqual([[1, "id1", 0, ["e", { n: 1 }]]]);
    b.close();
    await b.connect({ resumed: true });
    expect(b.messages()).toEqual([[1, "id1", 0, ["e", { n: 1 }]]]);
  });

  test("another parser than Socket.IO's gets the arguments as they are", async () => {
    const b = bench({}, {});
    const date = new Date(0);
    b.link.outbox.emit(["e", date], false);
    b.link.outbox.emit(["e", undefined], false);
    await b.connect();
    expect(b.messages()).toEqual([
      [1, "id1", 0, ["e", date]],
      [2, "id2", 0, ["e", undefined]],
    ]);
  });

  test("R17: a new connection sends again from what the server has; each is shown to onAnyOutgoing once", async () => {
    const b = bench();
    await b.connect();
    for (const n of [1, 2, 3]) b.link.outbox.emit(["e", n], false);
    await settled();
    b.close();
    b.link.outbox.emit(["e", 4], false);
    b.take();
    await b.connect({ resumed: true, received: 1 });
    expect(b.messages().map(([seq]) => seq)).toEqual([2, 3, 4]);
    expect(b.shown.length).toBe(4);
  });

  test("a lost session: numbers go on, and nothing is lost", async () => {
    const b = bench();
    await b.connect();
    for (const n of [1, 2, 3]) b.link.outbox.emit(["e", n], false);
    await b.say("a", 2, 2, [], []);
    b.close();
    b.take();
    const hello = await b.connect({ session: "S2", resumed: false, received: 2 });
    expect(hello.floor).toBe(2);
    expect(b.messages().map(([seq]) => seq)).toEqual([3]);
  });

  test("a message with attachments is alone in its frame", async () => {
    const b = bench();
    b.link.outbox.emit(["e", 1], false);
    b.link.outbox.emit(["e", new Uint8Array(3)], false);
    b.link.outbox.emit(["e", 3], false);
    await b.connect();
    expect(b.take().flatMap((f) => (f[0] === "m" ? [f[2].map(([seq]) => seq)] : []))).toEqual([[1], [2], [3]]);
  });

  test("R36: without progress it is sent again, later and later, and then the transport is closed", async () => {
    const b = bench({ ackTimeoutMs: 100, maxResends: 2 });
    await b.connect();
    b.link.outbox.emit(["e", 1], false);
    await settled();
    b.take();
    await b.clock.advance(100);
    expect(b.messages().length).toBe(1);
    await b.clock.advance(199);
    expect(b.messages().length).toBe(0);
    await b.clock.advance(1);
    expect(b.messages().length).toBe(1);
    await b.clock.advance(400);
    expect(b.closes).toBe(1);
    await b.clock.advance(100_000);
    expect(b.messages().length).toBe(0);
    expect(b.link.delivery.metrics().resends).toBe(2);
  });

  test("R31: told again of an old state, it sends what is missing at once, and only once", async () => {
    const b = bench();
    await b.connect();
    for (const n of [1, 2, 3]) b.link.outbox.emit(["e", n], false);
    await b.say("a", 1, 1, [], []);
    b.take();
    await b.say("a", 1, 1, [], []);
    expect(b.messages().map(([seq]) => seq)).toEqual([2, 3]);
    await b.say("a", 1, 1, [], []);
    expect(b.messages()).toEqual([]);
  });

  test("the window bounds what is under way", async () => {
    const b = bench({ outbox: { windowEntries: 2 } });
    for (const n of [1, 2, 3]) b.link.outbox.emit(["e", n], false);
    await b.connect();
    expect(b.messages().map(([seq]) => seq)).toEqual([1, 2]);
    await b.say("a", 2, 0, [], []);
    expect(b.messages().map(([seq]) => seq)).toEqual([3]);
  });

  test("time to live: the message becomes a tombstone", async () => {
    const b = bench({ ttlMs: 1000 });
    const sending = b.link.outbox.emit(["e", 1], false) as Message;
    await b.clock.advance(500);
    b.link.outbox.emit(["e", 2], false);
    await b.clock.advance(500);
    expect(sending.status).toBe("expired");
    await b.connect();
    expect(b.messages()).toEqual([[1], [2, "id2", 0, ["e", 2]]]);
  });

  test("time to live: one timer does for all, and finds nothing to do when they are settled in time", async () => {
    const b = bench({ ttlMs: 1_000 });
    await b.connect();
    await b.clock.advance(1_000);
    const sendings: Message[] = [];
    for (let n = 0; n < 4; n++) {
      sendings.push(b.link.outbox.emit(["e", n], false) as Message);
      await b.clock.advance(100);
    }
    await b.say("a", 4, 1, [], [[2, null, "DEAD_LETTER"]]);
    expect(b.clock.timers).toBe(1);
    await b.clock.advance(850);
    expect(sendings.map(({ status }) => status)).toEqual(["acked", "failed", "expired", "sent"]);
    await b.clock.advance(50);
    expect(sendings.map(({ status }) => status)).toEqual(["acked", "failed", "expired", "expired"]);
    expect(b.link.delivery.metrics().failed).toBe(3);
  });

  test("superseded: leaves, does not fight, and keeps what was not sent", async () => {
    const b = bench();
    await b.connect();
    b.link.outbox.emit(["e", 1], false);
    await settled();
    await b.say("x", "SUPERSEDED");
    expect([b.left, b.closes, b.link.delivery.state]).toEqual([1, 0, "superseded"]);
    b.link.outbox.emit(["e", 2], false);
    b.take();
    const hello = await b.connect({ session: "S2" });
    expect(hello.session).toBeUndefined();
    expect(hello.offset).toBe(100);
    expect(b.messages().map(([seq]) => seq)).toEqual([1, 2]);
  });

  test("a session that is unknown: the transport is closed and it comes back as a new one", async () => {
    const b = bench();
    await b.connect();
    await b.say("x", "SESSION_UNKNOWN");
    expect(b.closes).toBe(1);
    expect((await b.connect({ session: "S2" })).session).toBeUndefined();
  });

  test("a server that is not wrapped: everything leaves, and numbers do not start over", async () => {
    const b = bench();
    b.link.outbox.emit(["e", 1], false);
    expect(b.connectPlain()).toBe(false);
    expect(b.link.outbox.drain().map(({ args }) => args)).toEqual([["e", 1]]);
    expect(b.link.delivery.state).toBe("plain");
    b.close();
    b.link.outbox.emit(["e", 2], false);
    const hello = await b.connect();
    expect(hello.floor).toBe(1);
    expect(b.messages().map(([seq]) => seq)).toEqual([2]);
  });
});

describe("refusals", () => {
  const refused = async (args: unknown[], options = {}, limit = 1_000): Promise<unknown> => {
    const b = bench(options);
    await b.connect({ payloadBytes: limit });
    const sending = b.link.outbox.emit(args, false) as Message;
    await settled();
    expect(b.errors).toEqual([sending.error]);
    expect(b.link.outbox.messages.size).toBe(0);
    return sending.error?.code;
  };
  test("what cannot be kept goes the native way, and is reported", () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    for (const [args, code] of [
      [["e", circle], "PAYLOAD_TOO_DEEP"],
      [["e", 1n], "INVALID"],
    ] as const) {
      const b = bench({});
      expect(b.link.outbox.emit(args, false)).toBe(undefined);
      expect(b.errors).toEqual([expect.objectContaining({ code })]);
    }
  });
  test("each has its code, and neither throws nor is silent", async () => {
    expect(await refused(["e", ...Array.from({ length: 11 }, () => new Uint8Array(1))])).toBe("TOO_MANY_ATTACHMENTS");
    expect(await refused(["e", "x".repeat(1_001)])).toBe("PAYLOAD_TOO_LARGE");
    expect(await refused(["e", "é".repeat(501)])).toBe("PAYLOAD_TOO_LARGE");
    expect(await refused(["$g", "d", {}])).toBe("INVALID");
    expect(await refused(["e"], { outbox: { maxEntries: 0 } })).toBe("OUTBOX_FULL");
  });

  test("a binary thing that does not tell its size does not spoil the count", async () => {
    const b = bench();
    b.link.outbox.emit(["e", { [Symbol.toStringTag]: "FileList" }], false);
    expect(b.link.outbox.bytes()).toBeGreaterThan(0);
  });

  test("a message that turns out too large at the first connection fails and does not block the others", async () => {
    const b = bench();
    const large = b.link.outbox.emit(["e", "x".repeat(2_000)], false) as Message;
    b.link.outbox.emit(["e", 2], false);
    await b.connect({ payloadBytes: 1_000 });
    expect(large.error?.code).toBe("PAYLOAD_TOO_LARGE");
    expect(b.messages()).toEqual([[1], [2, "id2", 0, ["e", 2]]]);
  });
});

describe("answers", () => {
  const acked = (withError: boolean): { calls: unknown[][]; ack: (...args: unknown[]) => void } => {
    const calls: unknown[][] = [];
    const ack = (...args: unknown[]): void => void calls.push(args);
    return { calls, ack: withError ? Object.assign(ack, { withError }) : ack };
  };

  test("come after a reconnect, once, in the form that the callback takes", async () => {
    const b = bench();
    await b.connect();
    const plain = acked(false);
    const error = acked(true);
    b.link.outbox.emit(["e"], false, plain.ack);
    b.link.outbox.emit(["e"], false, error.ack);
    b.link.outbox.emit(["e"], false, error.ack, 60_000);
    await settled();
    expect(b.messages().map((message) => message[2])).toEqual([1, 1, 1]);
    b.close();
    await b.connect({ resumed: true, received: 3 });
    const answers = [
      [1, ["x", "y"]],
      [2, ["x"]],
      [3, ["z"]],
    ];
    await b.say("a", 3, 3, [], answers);
    await b.say("a", 3, 3, [], answers);
    expect(plain.calls).toEqual([["x", "y"]]);
    expect(error.calls).toEqual([
      [null, "x"],
      [null, "z"],
    ]);
    await b.clock.advance(86_400_000);
    expect(b.clock.timers).toBe(0);
  });

  test("R32: settled without an answer, none will come: an error for a callback that takes one", async () => {
    const b = bench();
    await b.connect();
    const plain = acked(false);
    const error = acked(true);
    const timed = acked(false);
    b.link.outbox.emit(["e"], false, plain.ack);
    b.link.outbox.emit(["e"], false, error.ack);
    b.link.outbox.emit(["e"], false, timed.ack, 1_000);
    await b.say("a", 3, 3, [], []);
    expect(plain.calls).toEqual([]);
    expect(error.calls).toMatchObject([[{ code: "ACK_TIMEOUT" }]]);
    expect(timed.calls).toEqual([]);
    await b.clock.advance(1_000);
    expect(timed.calls).toEqual([[new Error("operation has timed out")]]);
    // The one for the time to live.
    expect(b.clock.timers).toBe(1);
    await b.clock.advance(86_400_000);
    expect(b.clock.timers).toBe(0);
  });

  test("a callback that throws is reported, and the others are called", async () => {
    const b = bench();
    await b.connect();
    const { calls, ack } = acked(false);
    b.link.outbox.emit(["e"], false, () => {
      throw new Error("mine");
    });
    b.link.outbox.emit(["e"], false, ack);
    const answers = [
      [1, []],
      [2, ["x"]],
    ];
    await b.say("a", 2, 2, [], answers);
    expect(calls).toEqual([["x"]]);
    expect(b.errors).toMatchObject([{ message: "mine" }]);
    expect(b.link.outbox.messages.size).toBe(0);
  });

  test("a dead letter is an error for a callback that takes one, and nothing for others", async () => {
    const b = bench();
    await b.connect();
    const plain = acked(false);
    const error = acked(true);
    const sending = b.link.outbox.emit(["e"], false, plain.ack) as Message;
    b.link.outbox.emit(["e"], false, error.ack);
    await b.say(
      "a",
      2,
      2,
      [],
      [
        [1, null, "DEAD_LETTER"],
        [2, null, "DEAD_LETTER"],
      ],
    );
    expect(plain.calls).toEqual([]);
    expect(error.calls).toMatchObject([[{ code: "DEAD_LETTER" }]]);
    expect(sending.status).toBe("failed");
  });

  test("a timeout withdraws what was never sent; what was sent stays, its answer ignored", async () => {
    const b = bench();
    const first = acked(false);
    b.link.outbox.emit(["e", 1], false, first.ack, 1_000);
    await b.clock.advance(1_000);
    expect(first.calls).toMatchObject([[{ message: "operation has timed out" }]]);
    await b.connect();
    expect(b.messages()).toEqual([[1]]);
    const second = acked(false);
    b.link.outbox.emit(["e", 2], false, second.ack, 1_000);
    await b.clock.advance(1_000);
    expect(b.link.outbox.messages.get(2)?.args).toEqual(["e", 2]);
    await b.say("a", 2, 2, [], [[2, ["late"]]]);
    expect(second.calls.length).toBe(1);
    expect(b.link.outbox.messages.size).toBe(0);
  });

  test("a timeout without a callback means nothing: the message waits for the connection", async () => {
    const b = bench();
    b.link.outbox.emit(["e", 1], false, undefined, 10);
    await b.clock.advance(1_000);
    await b.connect();
    expect(b.messages()).toEqual([[1, "id1", 0, ["e", 1]]]);
  });
});
