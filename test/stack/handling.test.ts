import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { back, collect, connected, inWorld, range, socketOf, type TestServer, until } from "./world.ts";

describe("a handler on the client", () => {
  it("of one and a half seconds runs once, although acknowledgements are awaited for one second", () =>
    inWorld({ reliable: { ackTimeoutMs: 1_000 } }, async (world) => {
      const client = world.client();
      let runs = 0;
      let settled = 0;
      client.on("slow", async () => {
        runs++;
        await new Promise((resolve) => {
          setTimeout(resolve, 1_500);
        });
        settled++;
      });
      await connected(client);
      world.io.emit("slow");
      await until("it has settled", () => settled === 1);
      expect(runs).toBe(1);
      expect((await world.io.delivery.metrics()).resends).toBe(0);
    }));

  it("that throws twice and then succeeds settles once, at attempt 3", () =>
    inWorld({}, async (world) => {
      const client = world.client();
      const attempts: (number | undefined)[] = [];
      const settled: number[] = [];
      client.delivery.on("error", () => {});
      client.delivery.on("settled", ({ attempts: made }) => settled.push(made));
      client.on("n", () => {
        attempts.push(client.delivery.current?.attempt);
        if (attempts.length < 3) throw new Error("not yet");
      });
      await connected(client);
      world.io.emit("n");
      await until("it has settled", () => settled.length === 1);
      expect(attempts).toEqual([1, 2, 3]);
      expect(settled).toEqual([3]);
    }));

  it("that always throws leaves a dead letter, on the server too, and does not hold back later events", () =>
    inWorld({}, async (world) => {
      const client = world.client({ maxDeliveries: 2 });
      const got = collect<number>(client, "good");
      const dead: unknown[] = [];
      client.delivery.on("error", () => {});
      client.delivery.on("dead-letter", (letter) => dead.push(letter));
      client.on("bad", () => {
        throw new Error("never");
      });
      await connected(client);
      const letters: unknown[] = [];
      world.io.delivery.on("dead-letter", (letter) => letters.push(letter));
      world.io.emit("bad", 1, { two: 2 });
      for (const n of range(5)) world.io.emit("good", n);
      await until("the good ones are there", () => got.length === 5);
      await until("the server has the letter", () => letters.length === 1);
      expect(dead).toHaveLength(1);
      const [letter, ...others] = await world.io.delivery.deadLetters.list();
      expect(others).toEqual([]);
      expect(letter).toMatchObject({
        session: client.delivery.session,
        direction: "to-client",
        event: "bad",
        args: [1, { two: 2 }],
        attempts: 2,
        reason: expect.stringContaining("never"),
      });
      client.off("bad");
      const again = collect<number>(client, "bad");
      await world.io.delivery.deadLetters.redrive(letter?.id as string);
      await until("it is there again", () => again.length === 1);
      expect(await world.io.delivery.deadLetters.list()).toEqual([]);
      client.off("bad");
      client.on("bad", () => {
        throw new Error("never again");
      });
      world.io.emit("bad", 2);
      await until("there is another letter", () => letters.length === 2);
      const [second] = await world.io.delivery.deadLetters.list();
      await world.io.delivery.deadLetters.discard(second?.id as string);
      expect(await world.io.delivery.deadLetters.list()).toEqual([]);
      await expect(world.io.delivery.deadLetters.discard(second?.id as string)).rejects.toMatchObject({
        code: "INVALID",
      });
    }));
});

describe("a message from the client", () => {
  it("is answered with the same answer by one run of its handler, when the answer was lost", async () => {
    let runs = 0;
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", (socket) => {
            socket.on("count", (answer: (n: number) => void) => {
              runs++;
              // The answer dies with the connection.
              world_.proxy.cut();
              answer(runs);
            });
          }),
      },
      async (world) => {
        world_ = world;
        const client = world.client();
        expect(await client.emitWithAck("count")).toBe(1);
        expect(runs).toBe(1);
      },
    );
  });

  it("is answered with the same answer across a restart of the server", async () => {
    let runs = 0;
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", (socket) => {
            socket.on("count", (answer: (n: number) => void) => {
              runs++;
              world_.proxy.refuse(true);
              world_.proxy.cut();
              answer(runs);
            });
          }),
      },
      async (world) => {
        world_ = world;
        const client = world.client();
        const answer = client.emitWithAck("count");
        await until("it is handled", () => runs === 1);
        await world.stop();
        await world.start();
        world.proxy.refuse(false);
        expect(await answer).toBe(1);
        expect(runs).toBe(1);
      },
    );
  });

  it("is handled once and in order over cuts, whatever was under way", async () => {
    const handled: number[] = [];
    await inWorld(
      { setup: (io) => io.on("connection", (socket) => void socket.on("n", (n: number) => void handled.push(n))) },
      async (world) => {
        const client = world.client();
        await connected(client);
        for (const round of range(10)) {
          for (const n of range(100, round * 100)) client.emit("n", n);
          if (round % 2) world.proxy.cut();
          else world.proxy.halfOpen();
          await until("it is back", () => client.connected);
        }
        await until("all are settled", () => client.delivery.outbox.size === 0);
        expect(handled).toEqual(range(1_000));
      },
    );
  });

  it("whose handler fails runs again, and is given up in the end with an error for the caller", async () => {
    let runs = 0;
    await inWorld(
      {
        reliable: { maxDeliveries: 3, redeliveryBackoff: { minMs: 1, maxMs: 2 } },
        setup: (io) =>
          io.on("connection", (socket) => {
            socket.on("bad", async () => {
              runs++;
              throw new Error("never");
            });
            socket.on("good", (answer: (text: string) => void) => answer("fine"));
          }),
      },
      async (world) => {
        const client = world.client();
        const bad = client.timeout(10_000).emitWithAck("bad");
        expect(await client.emitWithAck("good")).toBe("fine");
        await expect(bad).rejects.toMatchObject({ code: "DEAD_LETTER" });
        expect(runs).toBe(3);
        const [letter] = await world.io.delivery.deadLetters.list();
        expect(letter).toMatchObject({ direction: "to-server", event: "bad", attempts: 3 });
        socketOf(world.io, client).removeAllListeners("bad");
        let redriven = 0;
        socketOf(world.io, client).on("bad", () => {
          redriven++;
        });
        await world.io.delivery.deadLetters.redrive(letter?.id as string);
        expect(redriven).toBe(1);
      },
    );
  });

  it("is answered when its handler answers, also when that goes on for long, and holds up nobody meanwhile", async () => {
    let finish = (): void => {};
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", (socket) => {
            socket.on("long", async (answer: (text: string) => void) => {
              answer("accepted");
              await new Promise<void>((resolve) => {
                finish = resolve;
              });
            });
            socket.on("short", (n: number, answer: (n: number) => void) => answer(n));
          }),
      },
      async (world) => {
        const client = world.client({ outbox: { windowEntries: 5 } });
        expect(await client.emitWithAck("long")).toBe("accepted");
        for (const n of range(20)) expect(await client.emitWithAck("short", n)).toBe(n);
        await until("only the long one is left", () => client.delivery.outbox.size === 1);
        await back(client, () => world.proxy.cut());
        expect(await client.emitWithAck("short", 20)).toBe(20);
        finish();
        await until("nothing is left", () => client.delivery.outbox.size === 0);
      },
    );
  });

  it("waits for a listener that is added late", async () => {
    const handled: string[] = [];
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", async (socket) => {
            await new Promise((resolve) => {
              setTimeout(resolve, 30);
            });
            socket.on("early", (text: string) => void handled.push(text));
          }),
      },
      async (world) => {
        const client = world.client();
        client.emit("early", "bird");
        await until("it is handled", () => handled.length === 1);
        expect(handled).toEqual(["bird"]);
      },
    );
  });

  it("goes through socket.use, which may change, refuse or swallow it, and nothing waits for what it swallows", async () => {
    const handled: unknown[] = [];
    const errors: string[] = [];
    await inWorld(
      {
        setup: (io) =>
          io.on("connection", (socket) => {
            socket.use((event, next) => {
              if (event[0] === "refused") return next(new Error("no"));
              if (event[0] === "swallowed") return;
              if (event[0] === "changed") event[1] = "new";
              next();
            });
            socket.on("error", (error) => errors.push(error.message));
            socket.onAny((event: string) => handled.push(`any ${event}`));
            for (const event of ["refused", "swallowed", "changed", "last"]) {
              socket.on(event, (value: unknown) => handled.push([event, value]));
            }
          }),
      },
      async (world) => {
        const client = world.client();
        for (const event of ["refused", "swallowed", "changed", "last"]) client.emit(event, "old");
        await until("the last is handled", () => handled.length === 6);
        expect(handled).toEqual([
          "any refused",
          "any swallowed",
          "any changed",
          "any last",
          ["changed", "new"],
          ["last", "old"],
        ]);
        expect(errors).toEqual(["no"]);
        await until("only the swallowed one is left", () => client.delivery.outbox.size <= 1);
      },
    );
  });

  it("publishes once, when its handler runs again after the server was stopped in the middle", async () => {
    let runs = 0;
    let finish = (): void => {};
    const setup = (io: TestServer) => {
      io.on("connection", (socket) => {
        void socket.join("r");
        socket.on("order", async () => {
          runs++;
          io.to("r").emit("created", "order 1");
          await io.delivery.to("r").publish("created", "order 1, second line");
          if (runs === 1) {
            await new Promise<void>((resolve) => {
              finish = resolve;
            });
          }
        });
      });
    };
    await inWorld({ setup }, async (world) => {
      const client = world.client();
      const got = collect<string>(client, "created");
      client.emit("order");
      await until("the first run has published", () => got.length === 2);
      world.proxy.refuse(true);
      world.proxy.cut();
      await world.stop();
      await world.start();
      world.proxy.refuse(false);
      await until("the second run is settled", () => runs === 2 && client.delivery.outbox.size === 0);
      finish();
      await world.io.delivery.to("r").publish("created", "end");
      await until("the end is there", () => got.includes("end"));
      expect(got).toEqual(["order 1", "order 1, second line", "end"]);
      expect((await world.io.delivery.metrics()).duplicateAppends).toBe(2);
    });
  });
});

let world_: Parameters<Parameters<typeof inWorld>[1]>[0];

describe("restarts", () => {
  it("lose nothing that was emitted right before, or while clients were away", () =>
    inWorld({ setup: (io) => void io.on("connection", (socket) => void socket.join("r")) }, async (world) => {
      const client = world.client();
      const got = collect<number>(client, "n");
      await connected(client);
      for (const n of range(5)) world.io.to("r").emit("n", n);
      await world.stop();
      await world.start();
      for (const n of range(5, 5)) world.io.to("r").emit("n", n);
      await until("all are there", () => got.length >= 10);
      expect(got).toEqual(range(10));
      expect(client.recovered).toBe(true);
    }));

  it("with the store's file gone are told as one gap, and delivery goes on", () =>
    inWorld({}, async (world) => {
      const { rm } = await import("node:fs/promises");
      const client = world.client();
      const got = collect<number>(client, "n");
      const gaps: { reason: string }[] = [];
      client.delivery.on("gap", (gap) => gaps.push(gap));
      await connected(client);
      world.io.emit("n", 1);
      await until("it is there", () => got.length === 1);
      await world.stop();
      for (const suffix of ["", "-wal", "-shm"]) await rm(world.file + suffix, { force: true });
      await world.start();
      await until("it is back", () => client.connected && gaps.length > 0);
      world.io.emit("n", 2);
      await until("the next is there", () => got.length === 2);
      expect(gaps).toEqual([expect.objectContaining({ reason: "epoch" })]);
      world.proxy.cut();
      world.io.emit("n", 3);
      await until("the next is there", () => got.length === 3);
      expect(gaps).toHaveLength(1);
    }));

  it("with a file that is no store serve clients as plain Socket.IO does, and say why", async () => {
    await inWorld({}, async (world) => {
      await world.stop();
      await writeFile(
        join(world.dir, "delivery.db"),
        "this is no database, but long enough to be looked at as one".repeat(100),
      );
      for (const suffix of ["-wal", "-shm"])
        await (await import("node:fs/promises")).rm(world.file + suffix, { force: true });
      await world.start().catch(() => {});
      await expect(world.io.delivery.ready).rejects.toMatchObject({ code: "STORE_CORRUPT" });
      const client = world.client();
      const got = collect<number>(client, "n");
      await connected(client);
      world.io.emit("n", 1);
      await until("it is there", () => got.length === 1);
      await expect(world.io.delivery.publish("n", 2)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    });
  });
});
