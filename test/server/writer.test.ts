import { describe, expect, it } from "vitest";
import { DeliveryError, type DeliveryErrorCode } from "../../src/core/error.ts";
import { Writer } from "../../src/server/writer.ts";
import type { Operation } from "../../src/store/store.ts";

/** A writer whose store answers as it is told, in a world without time. */
function world() {
  const batches: string[][] = [];
  const answers: (DeliveryErrorCode | "ok")[] = [];
  const poison = new Set<string>();
  const timers: (() => void)[] = [];
  const turns: (() => void)[] = [];
  const health: (string | undefined)[] = [];
  const writer = new Writer(
    async (batch) => {
      const names = batch.map((operation) => (operation as { session: string }).session);
      batches.push(names);
      const answer = names.some((name) => poison.has(name)) ? "INVALID" : (answers.shift() ?? "ok");
      if (answer !== "ok") throw new DeliveryError(answer, "as told");
      return batch.map((_, i) => ({ offset: i }));
    },
    {
      name: "w",
      pendingEntries: 3,
      pendingBytes: 100,
      clock: {
        now: () => 0,
        at(_at, wake) {
          timers.push(wake);
          return () => {};
        },
      },
      random: () => 0,
      later: (run) => void turns.push(run),
      onHealth: (failing) => health.push(failing?.code),
      onCommitted: () => {},
    },
  );
  const log: string[] = [];
  const add = (name: string, patient = true, bytes = 0, outlives = false) => {
    const operation: Operation = { kind: "forget", session: name };
    writer.add(
      () => operation,
      (outcome, error) => log.push(`${name}: ${error?.code ?? (outcome ? "ok" : "fenced")}`),
      { patient, bytes, outlives },
    );
  };
  const run = async () => {
    for (let i = 0; i < 20; i++) {
      const turn = turns.shift();
      turn?.();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { writer, batches, answers, poison, timers, health, log, add, run };
}

describe("the writer", () => {
  it("commits what one turn brought as one batch, and what comes meanwhile as the next", async () => {
    const { add, run, batches, log } = world();
    add("a");
    add("b");
    await run();
    add("c");
    await run();
    expect(batches).toEqual([["a", "b"], ["c"]]);
    expect(log).toEqual(["a: ok", "b: ok", "c: ok"]);
  });

  it("refuses what cannot wait when nothing was kept, and keeps the rest in its order until the store works again", async () => {
    const { writer, add, run, answers, timers, health, log, batches } = world();
    answers.push("STORE_FULL", "STORE_FULL");
    add("emit 1");
    add("publish", false);
    add("emit 2");
    await run();
    expect(log).toEqual(["publish: STORE_FULL"]);
    expect(writer.failing?.code).toBe("STORE_FULL");
    add("emit 3");
    timers.shift()?.();
    await run();
    timers.shift()?.();
    await run();
    expect(log).toEqual(["publish: STORE_FULL", "emit 1: ok", "emit 2: ok", "emit 3: ok"]);
    expect(batches.at(-1)).toEqual(["emit 1", "emit 2", "emit 3"]);
    expect(health).toEqual(["STORE_FULL", undefined]);
    await writer.flushed();
  });

  it("repeats the whole batch when it is unknown whether it was kept, and gives up only what cannot wait, after three tries", async () => {
    const { add, run, answers, timers, log, batches } = world();
    answers.push("STORE_FAILED", "STORE_FAILED", "STORE_FAILED");
    add("emit");
    add("publish", false);
    for (let i = 0; i < 4; i++) {
      await run();
      timers.shift()?.();
    }
    await run();
    // As it was: a store that knows the batch answers what it answered before.
    expect(batches).toEqual(Array(4).fill(["emit", "publish"]));
    expect(log).toEqual(["publish: STORE_FAILED", "emit: ok"]);
  });

  it("refuses what belongs to a life of the log that is over, and does the rest in the next, as a batch of its own", async () => {
    const { writer, add, run, answers, timers, log, batches } = world();
    answers.push("STORE_FAILED", "STORE_FAILED");
    add("join");
    add("emit 1", true, 5, true);
    await run();
    add("leave");
    add("emit 2", true, 5, true);
    writer.renew(new DeliveryError("STORE_REPLACED", "anew"));
    expect(log).toEqual(["join: STORE_REPLACED", "leave: STORE_REPLACED"]);
    timers.shift()?.();
    await run();
    timers.shift()?.();
    await run();
    expect(batches).toEqual([
      ["join", "emit 1"],
      ["emit 1", "emit 2"],
      ["emit 1", "emit 2"],
    ]);
    expect(log.slice(2)).toEqual(["emit 1: ok", "emit 2: ok"]);
    expect(writer.overloaded(100)).toBe(false);
    await writer.flushed();
  });

  it("takes the store's word for it that a batch belongs to a life that is over", async () => {
    const { add, run, answers, timers, log, batches } = world();
    answers.push("STORE_REPLACED");
    add("join");
    add("emit", true, 5, true);
    await run();
    expect(log).toEqual(["join: STORE_REPLACED"]);
    timers.shift()?.();
    await run();
    expect(batches).toEqual([["join", "emit"], ["emit"]]);
    expect(log).toEqual(["join: STORE_REPLACED", "emit: ok"]);
  });

  it("gives up only the operation that can never be kept", async () => {
    const { add, run, poison, log } = world();
    poison.add("bad");
    add("a");
    add("bad");
    add("b");
    await run();
    expect(log).toEqual(["a: ok", "bad: INVALID", "b: ok"]);
  });

  it("is overloaded beyond its bounds, and refuses everything once it is stopped", async () => {
    const { writer, add, run, log } = world();
    expect(writer.overloaded(101)).toBe(true);
    add("a", true, 60);
    expect([writer.overloaded(40), writer.overloaded(41)]).toEqual([false, true]);
    add("b");
    add("c");
    expect(writer.overloaded(0)).toBe(true);
    writer.stop(new DeliveryError("CLOSED", "bye"));
    add("d");
    await run();
    expect(log).toEqual(["a: CLOSED", "b: CLOSED", "c: CLOSED", "d: CLOSED"]);
    await writer.flushed();
  });
});
