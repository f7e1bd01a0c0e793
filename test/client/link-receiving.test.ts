import { describe, expect, test } from "vitest";
import { settled } from "../../src/testing/virtual-clock.ts";
import { bench } from "./bench.ts";

describe("hello and welcome", () => {
  test("a first visit says nothing but its version and floor; a return says everything", async () => {
    const b = bench();
    expect(await b.connect()).toEqual({ v: 1, floor: 0 });
    b.on("e", () => {});
    await b.entries([105, "A", ["e"]]);
    b.close();
    expect(await b.connect({ resumed: true, offset: 105 })).toEqual({
      v: 1,
      floor: 0,
      session: "S",
      token: "1.x",
      epoch: "E",
      offset: 105,
      last: [105, "A"],
    });
  });

  test("R18: recovered exactly when resumed and nothing was missed", async () => {
    const b = bench();
    await b.connect();
    expect(b.link.delivery.recovered).toBe(false);
    b.close();
    await b.connect({ resumed: true });
    expect(b.link.delivery.recovered).toBe(true);
    b.close();
    await b.connect({ resumed: true, offset: 120, gaps: [{ from: 100, to: 120, reason: "retention" }] });
    expect(b.link.delivery.recovered).toBe(false);
    expect(b.gaps).toEqual([{ from: 100, to: 120, reason: "retention" }]);
    b.close();
    expect((await b.connect({ resumed: true })).offset).toBe(120);
  });

  test("R4: what is no frame changes nothing and is counted", async () => {
    const b = bench();
    await b.connect();
    b.on("e", () => {});
    for (const raw of [
      [],
      ["b"],
      [1, "b", 105],
      [1, "zz"],
      [1, "b", 5, [[6, "A", ["e"]]]],
      [
        1,
        "b",
        9,
        [
          [8, "A", ["e"]],
          [7, "B", ["e"]],
        ],
      ],
    ]) {
      b.link.frame(raw);
    }
    b.link.frame([0, "w", { v: 2 }]);
    expect(b.link.delivery.metrics().badFrames).toBe(7);
    expect(b.link.delivery.metrics().received).toBe(0);
  });

  test("a welcome in the middle of a connection, or a frame before it, is none", async () => {
    const b = bench();
    b.link.hello();
    b.link.frame([1, "b", 5, []]);
    expect(b.link.delivery.metrics().badFrames).toBe(1);
    await b.connect();
    b.link.frame([0, "w", { session: "other" }]);
    expect(b.link.delivery.session).toBe("S");
  });
});

describe("entries", () => {
  test("R21, R22: handed out once, in order; the cursor waits for the slowest", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    let release = (): void => {};
    b.on("slow", () => new Promise<void>((resolve) => (release = resolve)));
    b.on("fast", (n) => void seen.push(n));
    b.take();
    await b.clock.advance(500);
    await b.entries([101, "A", ["slow"]], [102, "B", ["fast", 1]]);
    await b.entries([101, "A", ["slow"]], [103, "C", ["fast", 2]]);
    expect(seen).toEqual([1, 2]);
    await b.clock.advance(500);
    expect(b.take().at(-1)).toEqual(["a", 2, 100]);
    release();
    await b.clock.advance(500);
    expect(b.take()).toEqual([["a", 2, 103]]);
    expect(b.link.delivery.metrics().duplicates).toBe(1);
  });

  test("R23: the first frame is acknowledged at once, then every ackDelayMs, and at half a window", async () => {
    const b = bench();
    await b.connect({ window: 4 });
    b.on("e", () => {});
    await b.clock.advance(1000);
    b.take();
    await b.entries([101, "A", ["e"]]);
    expect(b.take()).toEqual([["a", 1, 101]]);
    await b.entries([102, "B", ["e"]]);
    expect(b.take()).toEqual([]);
    await b.clock.advance(200);
    expect(b.take()).toEqual([["a", 2, 102]]);
    await b.entries([103, "C", ["e"]], [104, "D", ["e"]]);
    expect(b.take()).toEqual([["a", 3, 104]]);
    b.link.frame([3, "b", 104, []]);
    await settled();
    expect(b.take()).toEqual([["a", 3, 104]]);
  });

  test("R25: a missing frame is said once; `s` starts over, and repeats are dropped", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    await b.entries([101, "A", ["e", 1]]);
    b.take();
    b.link.frame([3, "b", 103, [[103, "C", ["e", 3]]]]);
    b.link.frame([4, "b", 104, [[104, "D", ["e", 4]]]]);
    expect(b.take()).toEqual([["r", 1]]);
    b.link.frame([5, "s", 999]);
    expect(b.take()).toEqual([]);
    b.link.frame([6, "s", 100]);
    b.link.frame([
      7,
      "b",
      104,
      [
        [101, "A", ["e", 1]],
        [102, "B", ["e", 2]],
        [103, "C", ["e", 3]],
        [104, "D", ["e", 4]],
      ],
    ]);
    await settled();
    expect(seen).toEqual([1, 2, 3, 4]);
    b.link.frame([9, "b", 104, []]);
    expect(b.take().filter(([type]) => type === "r")).toEqual([["r", 7]]);
  });

  test("R28: held until the first listener, in order; what overflows is settled unheard", async () => {
    const b = bench({ maxHeld: 2 });
    await b.connect();
    await b.entries([101, "A", ["e", 1]], [102, "B", ["e", 2]], [103, "C", ["f"]], [104, "D", ["e", 3]]);
    expect(b.link.delivery.metrics().unheard).toBe(2);
    expect(b.link.reader.place().cursor).toBe(102);
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    b.on("f", () => void seen.push("f"));
    await settled();
    expect(seen).toEqual(["f", 3]);
    expect(b.link.reader.place().cursor).toBe(104);
  });

  test("serial dispatch waits for each, and withholds acknowledgements while too many wait", async () => {
    const b = bench({ dispatch: "serial", maxHeld: 1 });
    await b.connect();
    await b.clock.advance(1000);
    b.take();
    const releases: (() => void)[] = [];
    b.on("e", () => new Promise<void>((resolve) => releases.push(resolve)));
    await b.entries([101, "A", ["e"]], [102, "B", ["e"]], [103, "C", ["e"]]);
    await b.clock.advance(1000);
    expect(releases.length).toBe(1);
    expect(b.take()).toEqual([]);
    releases[0]?.();
    await b.clock.advance(1000);
    expect(releases.length).toBe(2);
    expect(b.take().at(-1)).toEqual(["a", 1, 101]);
  });
});

describe("listeners", () => {
  test("each entry has a turn of its own: what a listener puts into the microtask queue comes before the next", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => {
      seen.push(n);
      void Promise.resolve().then(() => seen.push(`after ${n}`));
    });
    await b.entries([101, "A", ["e", 1]], [102, "B", ["e", 2]], [103, "C", ["e", 3]]);
    expect(seen).toEqual([1, "after 1", 2, "after 2", 3, "after 3"]);
  });

  test("those of any event come first; what they add hears the entry, what the event's own add hears the next", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    let added = false;
    b.anyListeners.push((...args) => {
      seen.push(["any", ...args]);
      if (added) return;
      added = true;
      b.anyListeners.push((event) => void seen.push(["second any", event]));
      b.on("e", (n) => {
        seen.push(["own", n]);
        if (n === 1) b.on("e", (later) => void seen.push(["late", later]));
      });
    });
    await b.entries([101, "A", ["e", 1]], [102, "B", ["e", 2]]);
    expect(seen).toEqual([
      ["any", "e", 1],
      ["own", 1],
      ["any", "e", 2],
      ["second any", "e"],
      ["own", 2],
      ["late", 2],
    ]);
    expect(b.link.reader.place().cursor).toBe(102);
  });

  test("any thenable is waited for; one that throws does not keep the others from it", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    const ids: unknown[] = [];
    let settle = (): void => {};
    b.on("e", () => {
      throw new Error("first");
    });
    b.on("e", (n) => {
      ids.push(b.link.delivery.current);
      seen.push(n);
      // biome-ignore lint/suspicious/noThenProperty: it is what is tested.
      return { then: (ok: () => void) => (settle = ok) };
    });
    await b.entries([101, "A", ["e", 1]]);
    expect(b.errors.length).toBe(0);
    settle();
    expect(b.errors).toMatchObject([{ message: "first" }]);
    expect(ids).toEqual([{ id: "A", offset: 101, attempt: 1 }]);
    expect(b.link.delivery.current).toBeUndefined();
    await b.clock.advance(100_000);
    expect(seen).toEqual([1]);
    expect(b.link.delivery.metrics()).toMatchObject({ redelivered: 4, dead: 1 });
  });
});

describe("redelivery (R29)", () => {
  test("only the listener that failed gets the entry again; then it is a dead letter, and the server is told", async () => {
    const b = bench({ maxDeliveries: 3 });
    await b.connect();
    const attempts: unknown[] = [];
    let fine = 0;
    b.on("e", () => void fine++);
    b.on("e", async () => {
      attempts.push(b.link.delivery.current?.attempt);
      throw new Error("no");
    });
    const dead: unknown[] = [];
    b.link.delivery.on("dead-letter", ({ offset, attempts: made }) => void dead.push([offset, made]));
    await b.entries([101, "A", ["e"]]);
    await b.clock.advance(10_000);
    expect(fine).toBe(1);
    expect(attempts).toEqual([1, 2, 3]);
    expect(dead).toEqual([[101, 3]]);
    expect(b.link.reader.place().cursor).toBe(101);
    expect(b.messages()).toEqual([[1, "id1", 0, ["$g", "d", { offset: 101, attempts: 3, reason: "Error: no" }]]]);
    expect(b.errors.length).toBe(3);
    expect(b.link.delivery.current).toBeUndefined();
    expect(b.shown).toEqual([]);
  });

  test("a listener that recovers settles the entry", async () => {
    const b = bench();
    await b.connect();
    let calls = 0;
    b.on("e", () => {
      if (++calls < 3) throw new Error("not yet");
    });
    await b.entries([101, "A", ["e"]]);
    expect(b.link.reader.place().cursor).toBe(100);
    await b.clock.advance(10_000);
    expect(calls).toBe(3);
    expect(b.link.reader.place().cursor).toBe(101);
    expect(b.link.delivery.metrics().redelivered).toBe(2);
  });
});

describe("gaps (R27)", () => {
  test("entries after the gap wait for resync, which is tried again; its position covers what the snapshot contains", async () => {
    const calls: unknown[] = [];
    const b = bench({
      resync: async (gap) => {
        calls.push(gap);
        if (calls.length === 1) throw new Error("503");
        return "E.203";
      },
    });
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    await b.say("g", { from: 100, to: 200, reason: "overflow" });
    await b.entries([202, "A", ["e", 2]], [203, "B", ["e", 3]], [204, "C", ["e", 4]]);
    expect(b.link.delivery.state).toBe("resyncing");
    expect(seen).toEqual([]);
    await b.clock.advance(60_000);
    expect(calls.length).toBe(2);
    expect(seen).toEqual([4]);
    expect(b.link.reader.place().cursor).toBe(204);
    expect(b.errors.length).toBe(1);
    expect(b.gaps.length).toBe(1);
    expect(b.link.delivery.state).toBe("live");
  });

  test("a snapshot also covers later entries and gaps up to its position", async () => {
    let calls = 0;
    const resync = (): string => {
      calls++;
      return "E.300";
    };
    const b = bench({ resync });
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    await b.say("g", { from: 100, to: 200, reason: "overflow" });
    await b.entries([250, "A", ["e", 1]]);
    await b.say("g", { from: 250, to: 260, reason: "corrupt" });
    await b.entries([301, "B", ["e", 2]]);
    expect(seen).toEqual([2]);
    expect(calls).toBe(1);
    expect(b.gaps.length).toBe(2);
  });

  test("a position of another epoch covers nothing, and is an error", async () => {
    const b = bench({ resync: () => "other.999" });
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    await b.say("g", { from: 100, to: 200, reason: "overflow" });
    await b.entries([202, "A", ["e", 2]]);
    expect(seen).toEqual([2]);
    expect(b.errors).toMatchObject([{ code: "INVALID" }]);
  });

  test("a new epoch starts the cursor over, although its offsets are lower", async () => {
    const b = bench();
    await b.connect();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    await b.entries([105, "A", ["e", 1]]);
    b.close();
    await b.connect({ resumed: true, epoch: "F", offset: 3, gaps: [{ from: 105, to: 3, reason: "epoch" }] });
    await b.entries([4, "B", ["e", 2]]);
    expect(seen).toEqual([1, 2]);
    expect(b.link.reader.place().cursor).toBe(4);
  });
});
