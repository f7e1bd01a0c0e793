import { type Socket as PlainSocket, io as plainConnect } from "socket.io-client";
import { describe, expect, it } from "vitest";
import type { Welcome } from "../../src/core/wire.ts";
import { back, collect, connected, inWorld, range, until, type World } from "./world.ts";

/** A client that speaks the protocol by hand, and whatever else it likes. */
class Stranger {
  readonly socket: PlainSocket;
  readonly frames: unknown[][] = [];

  constructor(world: World, hello: unknown, auth: object = {}) {
    this.socket = plainConnect(`http://127.0.0.1:${world.proxy.port}`, {
      transports: ["websocket"],
      forceNew: true,
      reconnection: false,
      auth: { ...auth, $g: hello },
    });
    this.socket.on("$g", (...frame: unknown[]) => this.frames.push(frame));
    strangers.push(this);
  }

  async welcome(): Promise<Welcome> {
    await until("the stranger is connected", () => this.socket.connected && this.frames.length > 0);
    return this.frames[0]?.[2] as Welcome;
  }

  of(type: string): unknown[][] {
    return this.frames.filter((frame) => frame[1] === type);
  }
}

let strangers: Stranger[] = [];
function withStrangers(options: Parameters<typeof inWorld>[0], run: (world: World) => Promise<void>): Promise<void> {
  strangers = [];
  return inWorld(options, run).finally(() => {
    for (const { socket } of strangers) socket.close();
  });
}
const first = { v: 1, floor: 0 };

describe("R13, R14: sessions belong to who they were given to", () => {
  it("a session of somebody else, an unknown one and a bad token get the same answer: a new session and a gap", () =>
    withStrangers({ reliable: { principal: (socket) => socket.handshake.auth.user as string } }, async (world) => {
      const ann = await new Stranger(world, first, { user: "ann" }).welcome();
      const claim = { v: 1, floor: 0, epoch: ann.epoch, offset: ann.offset };
      const tries = [
        { ...claim, session: ann.session, token: ann.token, user: "bob" },
        { ...claim, session: ann.session, token: `1.${"A".repeat(43)}`, user: "ann" },
        { ...claim, session: ann.session, token: ann.token.replace("1.", "2."), user: "ann" },
        { ...claim, session: ann.session, token: "", user: "ann" },
        { ...claim, session: "A".repeat(22), token: ann.token, user: "ann" },
      ];
      for (const { user, ...hello } of tries) {
        const answer = await new Stranger(world, hello, { user }).welcome();
        expect(answer).toMatchObject({ resumed: false, gaps: [{ reason: "session" }] });
        expect(answer.session).not.toBe(ann.session);
      }
      const again = await new Stranger(
        world,
        { ...claim, session: ann.session, token: ann.token },
        { user: "ann" },
      ).welcome();
      expect(again).toMatchObject({ resumed: true, session: ann.session, gaps: [] });
      expect((await world.io.delivery.metrics()).refusedResumes).toBe(tries.length);
    }));

  it("a token is good until a newer one has shown to have arrived, and not after that", () =>
    withStrangers({}, async (world) => {
      const one = await new Stranger(world, first).welcome();
      const hello = { v: 1, floor: 0, session: one.session, epoch: one.epoch, offset: one.offset };
      const second = new Stranger(world, { ...hello, token: one.token });
      const two = await second.welcome();
      expect(two.resumed).toBe(true);
      // The second welcome may have been lost: the first token still works.
      const third = new Stranger(world, { ...hello, token: one.token });
      const three = await third.welcome();
      expect(three.resumed).toBe(true);
      third.socket.emit("$g", "a", 0, 0);
      await until("the server has seen that", async () => true);
      await third.socket.emitWithAck("$g", "h", { room: "x", limit: 1 });
      expect(await new Stranger(world, { ...hello, token: one.token }).welcome()).toMatchObject({ resumed: false });
      expect(await new Stranger(world, { ...hello, token: three.token }).welcome()).toMatchObject({ resumed: true });
    }));

  it("R34: frames of a superseded connection change nothing", () =>
    withStrangers(
      { setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: unknown) => void seen.push(n))) },
      async (world) => {
        seen.length = 0;
        const older = new Stranger(world, first);
        const one = await older.welcome();
        const socket = [...world.io.sockets.sockets.values()][0];
        const hello = { v: 1, floor: 0, session: one.session, token: one.token, epoch: one.epoch, offset: one.offset };
        const newer = new Stranger(world, hello);
        await newer.welcome();
        // As if it had been on its way: straight into the server's old socket.
        (socket as unknown as { onevent(packet: object): void })?.onevent({
          type: 2,
          data: ["$g", "m", 0, [[1, "01J00000000000000000000000", 0, ["n", "late"]]]],
        });
        newer.socket.emit("$g", "m", 0, [[1, "01J00000000000000000000000", 0, ["n", "fine"]]]);
        await until("the new one is handled", () => seen.length > 0);
        expect(seen).toEqual(["fine"]);
        expect(older.of("x")).toEqual([[expect.any(Number), "x", "SUPERSEDED"]]);
      },
    ));

  it("an application that cannot say who a client is refuses it, as middleware does; one that cannot say what it may read says no", () => {
    let known = true;
    return withStrangers(
      {
        reliable: {
          principal: () => {
            if (!known) throw new Error("who is it?");
            return "ann";
          },
          authorizeReplay: () => {
            throw new Error("what may it read?");
          },
        },
        setup: (io) => io.on("connection", (socket) => void socket.join("r")),
      },
      async (world) => {
        const ann = await new Stranger(world, first).welcome();
        const hello = { ...first, session: ann.session, token: ann.token, epoch: ann.epoch, offset: ann.offset };
        const again = await new Stranger(world, hello).welcome();
        expect(again).toMatchObject({ resumed: true, gaps: [{ reason: "unauthorized", room: "r" }] });
        known = false;
        const stranger = new Stranger(world, first);
        const refusal = new Promise<Error>((resolve) => {
          stranger.socket.on("connect_error", resolve);
        });
        expect((await refusal).message).toBe("who is it?");
        expect(world.errors.map(String)).toEqual(["Error: what may it read?"]);
      },
    );
  });

  it("a principal with too many sessions loses the one that was away longest", () =>
    withStrangers({ reliable: { principal: () => "ann", limits: { sessionsPerPrincipal: 3 } } }, async (world) => {
      const welcomes = [];
      for (const _ of range(4)) welcomes.push(await new Stranger(world, first).welcome());
      const kept: string[] = [];
      for await (const session of world.io.delivery.sessions()) kept.push(session.id);
      expect(kept.sort()).toEqual(
        welcomes
          .slice(1)
          .map(({ session }) => session)
          .sort(),
      );
    }));
});

const seen: unknown[] = [];

describe("R4: frames that are none", () => {
  it("change nothing, throw nothing, and are counted; the connection goes on", () =>
    withStrangers(
      { setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: unknown) => void seen.push(n))) },
      async (world) => {
        seen.length = 0;
        const stranger = new Stranger(world, first);
        await stranger.welcome();
        const bad: unknown[][] = [
          [],
          ["z"],
          [null],
          [{ __proto__: { m: 1 } }],
          ["m"],
          ["m", -1, []],
          ["m", 0, [[0]]],
          ["m", 0, [["1"]]],
          ["m", 0, [[1, "id", 2, ["n"]]]],
          ["m", 0, [[1, "id", 0, []]]],
          ["m", 0, [[1, "id", 0, [7]]]],
          ["m", Number.MAX_SAFE_INTEGER + 1, []],
          ["a", "1", 0],
          ["a", 1],
          ["a", 10_000, 0],
          ["a", 0, Number.MAX_SAFE_INTEGER],
          ["r", -1],
          ["h", { room: 1, limit: 1 }],
          ["h", { room: "r", limit: 1_000_000 }],
        ];
        for (const frame of bad) stranger.socket.emit("$g", ...frame);
        stranger.socket.emit("$g", "m", 0, [[1, "01J00000000000000000000000", 0, ["n", "fine"]]]);
        await until("the good one is handled", () => seen.length > 0);
        expect(seen).toEqual(["fine"]);
        expect((await world.io.delivery.metrics()).badFrames).toBe(bad.length);
        expect(world.errors).toEqual([]);
      },
    ));

  it("a hello that is none, or of another version, makes a plain client", () =>
    withStrangers({}, async (world) => {
      for (const hello of [
        null,
        1,
        "hello",
        {},
        { v: 2, floor: 0 },
        { v: 1, floor: -1 },
        { v: 1, floor: 0, session: 7 },
      ]) {
        const stranger = new Stranger(world, hello);
        const got: unknown[] = [];
        stranger.socket.on("n", (n: unknown) => got.push(n));
        await until("it is connected", () => stranger.socket.connected);
        world.io.emit("n", 1);
        await until("it is served", () => got.length === 1);
        expect(stranger.frames).toEqual([]);
        stranger.socket.close();
      }
    }));

  it("nesting that would overflow the stack is refused, and the server goes on", () =>
    withStrangers(
      { setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: unknown) => io.emit("echo", n))) },
      async (world) => {
        const stranger = new Stranger(world, first);
        await stranger.welcome();
        const deep = JSON.parse(`${"[".repeat(4_000)}${"]".repeat(4_000)}`);
        stranger.socket.emit("$g", "m", 0, [[1, "01J00000000000000000000000", 1, ["n", deep]]]);
        await until("it is answered", () => stranger.of("a").length > 0);
        expect(stranger.of("a").at(-1)?.[5]).toEqual([[1, null, "PAYLOAD_TOO_DEEP"]]);
      },
    ));

  it("R31: a message that skips one is not taken, and comes in order later", () =>
    withStrangers(
      { setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: unknown) => void seen.push(n))) },
      async (world) => {
        seen.length = 0;
        const stranger = new Stranger(world, first);
        await stranger.welcome();
        const message = (seq: number) => [seq, `01J0000000000000000000000${seq}`, 0, ["n", seq]];
        stranger.socket.emit("$g", "m", 0, [message(2)]);
        stranger.socket.emit("$g", "m", 0, [message(1), message(2), message(1)]);
        stranger.socket.emit("$g", "m", 0, [message(1), message(2), message(3)]);
        await until("all are handled", () => seen.length >= 3);
        expect(seen).toEqual([1, 2, 3]);
        expect((await world.io.delivery.metrics()).duplicates).toBe(3);
      },
    ));
});

describe("limits", () => {
  it("a publish that is too large, too deep or has too many attachments is refused with its code", () =>
    inWorld({ reliable: { limits: { payloadBytes: 1_000, depth: 10 } } }, async (world) => {
      const { delivery } = world.io;
      const deep = JSON.parse(`${"[".repeat(20)}${"]".repeat(20)}`);
      const circular: { self?: unknown } = {};
      circular.self = circular;
      await expect(delivery.publish("n", "x".repeat(1_001))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
      await expect(delivery.publish("n", deep)).rejects.toMatchObject({ code: "PAYLOAD_TOO_DEEP" });
      await expect(delivery.publish("n", circular)).rejects.toMatchObject({ code: "PAYLOAD_TOO_DEEP" });
      await expect(delivery.publish("n", ...range(11).map(() => Buffer.of(1)))).rejects.toMatchObject({
        code: "TOO_MANY_ATTACHMENTS",
      });
      await expect(delivery.with({ id: "nonsense" }).publish("n")).rejects.toMatchObject({ code: "INVALID" });
      expect((await delivery.metrics()).entries).toBe(0);
    }));

  it("an emit that is too large goes out as plain Socket.IO would send it, and is reported", () =>
    inWorld({ reliable: { limits: { payloadBytes: 1_000 } } }, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      world.io.emit("n", "x".repeat(2_000));
      await until("it is there", () => got.length === 1);
      expect(world.errors).toEqual([expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" })]);
      expect((await world.io.delivery.metrics()).notDurable).toBe(1);
    }));

  it("more rooms than allowed are joined as plain Socket.IO does, and reported", () =>
    inWorld(
      {
        reliable: { limits: { rooms: 4 } },
        setup: (io) => io.on("connection", (socket) => void socket.join(["a", "b", "c", "d"])),
      },
      async (world) => {
        const client = world.client();
        await connected(client);
        await until("it is reported", () => world.errors.length > 0);
        expect(world.errors).toContainEqual(expect.objectContaining({ code: "TOO_MANY_ROOMS" }));
        expect(world.io.sockets.adapter.rooms.get("d")?.size).toBe(1);
      },
    ));

  it("a session that sends faster than allowed is slowed down and loses nothing", () =>
    inWorld(
      {
        reliable: { limits: { publishRate: 200 } },
        setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: unknown) => void seen.push(n))),
      },
      async (world) => {
        seen.length = 0;
        const client = world.client({ ackTimeoutMs: 50 });
        for (const n of range(300)) client.emit("n", n);
        await until("all are handled", () => seen.length === 300);
        expect(seen).toEqual(range(300));
        expect((await world.io.delivery.metrics()).rateLimited).toBeGreaterThan(0);
      },
    ));

  it("a window that is full holds nothing back for others, and its client is fed from the log later", () =>
    withStrangers({ reliable: { limits: { windowEntries: 10, recentEntries: 5 } } }, async (world) => {
      // It never acknowledges.
      const stranger = new Stranger(world, first);
      await stranger.welcome();
      const client = world.client();
      const got = collect<number>(client, "n");
      await connected(client);
      for (const n of range(100)) await world.io.delivery.publish("n", n);
      await until("the other has all", () => got.length === 100);
      const entries = () => stranger.of("b").flatMap((frame) => frame[3] as [number, string, unknown[]][]);
      expect(entries()).toHaveLength(10);
      for (let round = 0; entries().length < 100; round++) {
        const before = entries().length;
        stranger.socket.emit("$g", "a", stranger.frames.at(-1)?.[0], 0);
        await until("more has come", () => entries().length > before);
        expect(round).toBeLessThan(20);
      }
      expect(entries().map(([, , args]) => args[1])).toEqual(range(100));
    }));
});

describe("R24, R25: frames that get lost inside a living connection", () => {
  it("are sent again when the client says so", () =>
    withStrangers({}, async (world) => {
      const stranger = new Stranger(world, first);
      await stranger.welcome();
      for (const n of range(3)) await world.io.delivery.publish("n", n);
      await until("three frames are there", () => stranger.of("b").length === 3);
      stranger.socket.emit("$g", "r", 1);
      await until("the last two came again, in one frame", () => stranger.of("b").length === 4);
      const again = stranger.frames.slice(stranger.frames.findIndex((frame) => frame[1] === "s"));
      expect(again).toMatchObject([
        [expect.any(Number), "s", expect.any(Number)],
        [
          expect.any(Number),
          "b",
          expect.any(Number),
          [
            [expect.any(Number), expect.any(String), ["n", 1]],
            [expect.any(Number), expect.any(String), ["n", 2]],
          ],
        ],
      ]);
    }));

  it("are sent again when nothing is acknowledged, and in the end the transport is closed", () =>
    withStrangers({ reliable: { ackTimeoutMs: 20, maxResends: 2 } }, async (world) => {
      const stranger = new Stranger(world, first);
      await stranger.welcome();
      await world.io.delivery.publish("n", 1);
      let reason = "";
      stranger.socket.on("disconnect", (why) => {
        reason = why;
      });
      await until("the server gives up", () => reason !== "");
      expect(reason).toMatch(/transport/);
      expect(stranger.of("b").length).toBe(3);
      expect((await world.io.delivery.metrics()).resends).toBe(2);
    }));
});

describe("the rest of io.delivery", () => {
  it("publishes to a session that is away, once for an id, with a receipt", () =>
    inWorld({}, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "n");
      await connected(client);
      const session = client.delivery.session as string;
      world.proxy.refuse(true);
      world.proxy.cut();
      await until("it is away", () => world.io.sockets.sockets.size === 0);
      const receipt = await world.io.delivery.toSession(session).publish("n", "for you");
      expect(receipt).toEqual({
        id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
        offset: expect.any(Number),
        epoch: expect.any(String),
        durability: "disk",
        duplicate: false,
      });
      const { id } = receipt;
      await world.io.delivery.with({ id: "01J0000000000000000000000A" }).publish("n", "all");
      const second = await world.io.delivery.with({ id: "01J0000000000000000000000A" }).publish("n", "all");
      expect(second.duplicate).toBe(true);
      expect(id).not.toBe(second.id);
      world.proxy.refuse(false);
      await until("both are there", () => got.length === 2);
      expect(got).toEqual(["for you", "all"]);
      await expect(world.io.delivery.toSession("nobody").publish("n")).rejects.toMatchObject({
        code: "SESSION_UNKNOWN",
      });
    }));

  it("shows a room's history to its members, of the time since they joined, and to nobody else", () =>
    inWorld(
      {
        setup: (io) =>
          io.on(
            "connection",
            (socket) =>
              void socket.on("join", (room: string, done: (joined: unknown) => void) => done(socket.join(room))),
          ),
      },
      async (world) => {
        for (const n of range(3)) await world.io.delivery.to("r").publish("n", n);
        const client = world.client();
        client.on("n", () => {});
        await expect(async () => {
          await connected(client);
          await client.delivery.history({ room: "r" });
        }).rejects.toMatchObject({ code: "UNAUTHORIZED" });
        await client.emitWithAck("join", "r");
        for (const n of range(5, 3)) await world.io.delivery.to("r").publish("n", n, { deep: true });
        const page = await client.delivery.history({ room: "r", limit: 3 });
        expect(page.entries.map(({ args }) => args)).toEqual([7, 6, 5].map((n) => ["n", n, { deep: true }]));
        expect(page.more).toBe(true);
        const rest = await client.delivery.history({
          room: "r",
          limit: 3,
          ...(page.before === undefined ? {} : { before: page.before }),
        });
        expect(rest.entries.map(({ args }) => args[1])).toEqual([4, 3]);
        expect(rest.more).toBe(false);
        const all = await world.io.delivery.history("r");
        expect(all.entries.map(({ args: [n] }) => n)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
      },
    ));

  it("drains: what is under way is settled, transports are closed, and clients come back by themselves", () =>
    inWorld({}, async (world) => {
      const clients = range(5).map(() => world.client());
      const got = clients.map((client) => collect<number>(client, "n"));
      for (const client of clients) await connected(client);
      const reasons: string[] = [];
      for (const client of clients) client.on("disconnect", (reason) => reasons.push(reason));
      for (const n of range(20)) world.io.emit("n", n);
      await world.io.delivery.drain({ spreadMs: 20 });
      await until("all are cut off", () => reasons.length >= 5);
      expect(reasons.every((reason) => reason === "transport close")).toBe(true);
      for (const list of got) expect(list).toEqual(range(20));
      await world.stop();
      await world.start();
      for (const client of clients) await connected(client);
      expect(clients.every((client) => client.recovered)).toBe(true);
    }));

  it("forgets a session when told to: its client gets a new one and a gap", () =>
    inWorld({}, async (world) => {
      const client = world.client();
      const gaps: { reason: string }[] = [];
      client.delivery.on("gap", (gap) => gaps.push(gap));
      await connected(client);
      const before = client.delivery.session as string;
      await back(client, () => void world.io.delivery.forget(before));
      await until("it has a new session", () => client.delivery.session !== before);
      expect(gaps).toEqual([expect.objectContaining({ reason: "session" })]);
    }));
});
