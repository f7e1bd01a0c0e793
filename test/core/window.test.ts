/**
 * The window of a connection: what is under way, and how much more may be sent.
 *
 * Rule: what was sent comes back exactly once and in order, when it is acknowledged or when it is to be sent again.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Window } from "../../src/core/window.ts";

/** A window in which three frames are under way: 2 + 1 + 0 entries, 10 + 20 + 5 bytes. */
function filled(): Window<string> {
  const window = new Window<string>(10, 100);
  window.send(2, 10, "a");
  window.send(1, 20, "b");
  window.send(0, 5, "c");
  return window;
}

describe("R26: the room in a window", () => {
  it("is all of it while nothing is under way", () => {
    const window = new Window<string>(3, 100);
    expect([window.room, window.roomBytes, window.entries, window.outstanding]).toEqual([3, 100, 0, false]);
  });

  it("shrinks by what is sent", () => {
    const window = filled();
    expect([window.room, window.roomBytes, window.entries, window.outstanding]).toEqual([7, 65, 3, true]);
  });

  it("ends with the last entry that fits", () => {
    const window = new Window<string>(2, 100);
    window.send(2, 10, "a");
    expect([window.room, window.roomBytes]).toEqual([0, 90]);
  });

  it("ends with the last byte that fits, although entries would fit", () => {
    const window = new Window<string>(10, 100);
    window.send(1, 99, "a");
    expect([window.room, window.roomBytes]).toEqual([9, 1]);
    window.send(0, 1, "b");
    expect([window.room, window.roomBytes]).toEqual([0, 0]);
  });

  it("is never less than none: an empty window takes a frame that is larger than it", () => {
    const window = new Window<string>(2, 100);
    window.send(5, 50, "large");
    expect([window.room, window.roomBytes]).toEqual([0, 50]);
    window.send(0, 500, "larger");
    expect([window.room, window.roomBytes]).toEqual([0, 0]);
    expect(window.acknowledge(2)).toEqual(["large", "larger"]);
    expect([window.room, window.roomBytes]).toEqual([2, 100]);
  });
});

describe("R2, R23: acknowledgement", () => {
  it("is of every frame up to a number", () => {
    const window = filled();
    expect(window.acknowledge(2)).toEqual(["a", "b"]);
    expect([window.entries, window.roomBytes, window.outstanding]).toEqual([0, 95, true]);
    expect(window.acknowledge(3)).toEqual(["c"]);
    expect([window.entries, window.roomBytes, window.outstanding]).toEqual([0, 100, false]);
  });

  it("of what was not sent is none", () => {
    const window = filled();
    expect(window.acknowledge(4)).toEqual([]);
    expect(window.entries).toBe(3);
  });

  it("of what was acknowledged is none", () => {
    const window = filled();
    window.acknowledge(2);
    expect([window.acknowledge(2), window.acknowledge(1), window.acknowledge(0)]).toEqual([[], [], []]);
    expect(window.roomBytes).toBe(95);
  });
});

describe("R24, R25: starting over", () => {
  it("gives back what is under way, and goes on counting", () => {
    const window = filled();
    window.acknowledge(1);
    expect(window.rewind()).toEqual(["b", "c"]);
    expect([window.room, window.roomBytes, window.outstanding, window.last]).toEqual([10, 100, false, 3]);
    expect(window.send(1, 20, "b")).toBe(4);
    // A late acknowledgement of what was under way before says nothing of what is under way now.
    expect(window.acknowledge(3)).toEqual([]);
    expect(window.acknowledge(4)).toEqual(["b"]);
  });
});

describe("a window", () => {
  it("gives every cargo back once, in order, and knows what is under way", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("send" as const), entries: fc.nat(5), bytes: fc.nat(50) }),
      fc.record({ kind: fc.constant("acknowledge" as const), number: fc.nat(30) }),
      fc.record({ kind: fc.constant("rewind" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const window = new Window<number>(1_000, 10_000);
        const sizes: { entries: number; bytes: number }[] = [];
        const back: number[] = [];
        for (const taken of steps) {
          if (taken.kind === "send") {
            expect(window.send(taken.entries, taken.bytes, sizes.length)).toBe(sizes.length + 1);
            sizes.push(taken);
          } else if (taken.kind === "acknowledge") back.push(...window.acknowledge(taken.number));
          else back.push(...window.rewind());
          // Everything comes back in the order in which it was sent, so what is missing at the end is under way.
          expect(back).toEqual(back.map((_, index) => index));
          const underWay = sizes.slice(back.length);
          expect(window.outstanding).toBe(underWay.length > 0);
          expect(window.entries).toBe(underWay.reduce((sum, { entries }) => sum + entries, 0));
          expect(window.roomBytes).toBe(10_000 - underWay.reduce((sum, { bytes }) => sum + bytes, 0));
          expect(window.last).toBe(sizes.length);
        }
      }),
    );
  });
});
