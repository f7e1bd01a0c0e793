import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Attempts } from "../../src/core/attempts.ts";
import { backoffMs } from "../../src/core/backoff.ts";
import { Inbox } from "../../src/core/inbox.ts";
import { Patience } from "../../src/core/patience.ts";
import { formatPosition, isOffset, parsePosition } from "../../src/core/position.ts";
import { Receiver } from "../../src/core/receiver.ts";
import { Window } from "../../src/core/window.ts";

describe("the receiver", () => {
  it("hands out every number once, and its cursor never passes one that is not settled", () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant("accept" as const), number: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("settle" as const), number: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("skip" as const), number: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("restart" as const), number: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        let receiver = new Receiver();
        const settled = new Set<number>();
        let handedOut = new Set<number>();
        for (const { kind, number } of commands) {
          const before = receiver.cursor;
          if (kind === "accept") {
            const fresh = receiver.accept(number);
            if (fresh) expect(handedOut.has(number) || settled.has(number)).toBe(false);
            if (fresh) handedOut.add(number);
          } else if (kind === "settle") {
            receiver.settle(number);
            if (handedOut.has(number)) settled.add(number);
          } else if (kind === "skip") receiver.skipTo(number);
          else {
            // Only what was stored survives: the cursor, and what was settled above it.
            receiver = new Receiver(receiver.cursor, receiver.above);
            handedOut = new Set([...handedOut].filter((one) => settled.has(one)));
          }
          if (kind !== "restart") expect(receiver.cursor).toBeGreaterThanOrEqual(before);
          expect(receiver.cursor).toBeLessThanOrEqual(receiver.received);
          for (const one of handedOut) if (!settled.has(one)) expect(receiver.cursor).toBeLessThan(one);
          for (const one of receiver.above) expect(one).toBeGreaterThan(receiver.cursor);
        }
      }),
    );
  });

  it("stops before what is not settled and moves over what was settled out of order", () => {
    const receiver = new Receiver(10);
    for (const number of [12, 15, 20]) expect(receiver.accept(number)).toBe(true);
    receiver.settle(15);
    expect([receiver.cursor, receiver.above]).toEqual([11, [15]]);
    receiver.settle(12);
    expect([receiver.cursor, receiver.above]).toEqual([19, []]);
    receiver.settle(20);
    expect([receiver.cursor, receiver.accept(15)]).toEqual([20, false]);
  });
});

describe("the inbox", () => {
  it("R31, R33: takes messages in order, and keeps answers until they are confirmed", () => {
    const inbox = new Inbox<string>({ settled: 5, above: [7] });
    expect([inbox.accept(7), inbox.accept(5), inbox.accept(6), inbox.accept(7), inbox.accept(8)]).toEqual([
      "ahead",
      "seen",
      "new",
      "seen",
      "new",
    ]);
    expect([inbox.answer(8, "eight"), inbox.answer(8, "another")]).toEqual([true, false]);
    expect(inbox.state).toEqual({ settled: 5, above: [7] });
    inbox.settle(8);
    expect(inbox.state).toEqual({ settled: 5, above: [7, 8] });
    inbox.settle(6);
    expect([inbox.state, inbox.received]).toEqual([{ settled: 8, above: [] }, 8]);
    expect([...inbox.answers]).toEqual([[8, "eight"]]);
    expect(inbox.confirm([6, 8])).toEqual([8]);
    expect(inbox.answers.size).toBe(0);
    inbox.skipTo(20);
    expect([inbox.accept(20), inbox.accept(21)]).toEqual(["seen", "new"]);
    inbox.skipTo(3);
    expect(inbox.received).toBe(21);
  });
});

describe("the window", () => {
  it("closes by count or bytes, opens as frames are acknowledged, and takes no acknowledgement for what was not sent", () => {
    const window = new Window<string>(3, 100);
    expect(window.send(2, 10, "a")).toBe(1);
    expect([window.room, window.roomBytes, window.entries, window.outstanding]).toEqual([1, 90, 2, true]);
    expect(window.send(1, 95, "b")).toBe(2);
    expect([window.room, window.roomBytes]).toEqual([0, 0]);
    expect(window.acknowledge(3)).toEqual([]);
    expect(window.acknowledge(1)).toEqual(["a"]);
    expect(window.acknowledge(1)).toEqual([]);
    expect([window.room, window.entries]).toEqual([2, 1]);
    expect(window.rewind()).toEqual(["b"]);
    expect([window.outstanding, window.last, window.send(0, 0, "c")]).toEqual([false, 2, 3]);
  });
});

describe("patience", () => {
  it("R24: waits longer each time, gives up in the end, and starts anew with progress", () => {
    const patience = new Patience(100, 2);
    expect([patience.dueAt, patience.due(1_000)]).toEqual([undefined, "wait"]);
    patience.waiting(0);
    patience.waiting(50);
    expect([patience.due(99), patience.due(100), patience.dueAt]).toEqual(["wait", "resend", 300]);
    expect([patience.due(299), patience.due(300), patience.dueAt]).toEqual(["wait", "resend", 700]);
    expect(patience.due(700)).toBe("close");
    patience.progress(800, true);
    expect([patience.dueAt, patience.due(900)]).toEqual([900, "resend"]);
    patience.progress(950, false);
    expect(patience.dueAt).toBe(undefined);
  });
});

describe("attempts", () => {
  it("R29: come again after a growing wait, and end", () => {
    const attempts = new Attempts(3, { minMs: 100, maxMs: 150 });
    expect(attempts.begin(1)).toBe(1);
    expect(attempts.failed(1, 0)).toEqual({ kind: "again", afterMs: 50 });
    expect(attempts.begin(1)).toBe(2);
    expect(attempts.failed(1, 0.5)).toEqual({ kind: "again", afterMs: 112.5 });
    expect(attempts.begin(1)).toBe(3);
    expect(attempts.failed(1, 0)).toEqual({ kind: "dead", attempts: 3 });
    attempts.begin(2);
    attempts.settled(2);
    expect(attempts.begin(2)).toBe(1);
  });

  it("wait at least half of the longest wait, and never longer than it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, chance) => {
          const wait = backoffMs({ minMs: 10, maxMs: 1_000 }, failures, chance);
          const longest = Math.min(1_000, 10 * 2 ** Math.min(failures - 1, 30));
          expect(wait).toBeGreaterThanOrEqual(longest / 2);
          expect(wait).toBeLessThan(longest);
        },
      ),
    );
  });
});

describe("positions", () => {
  it("survive being text", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 50 }), fc.maxSafeNat(), (epoch, offset) => {
        expect(parsePosition(formatPosition({ epoch, offset }))).toEqual({ epoch, offset });
      }),
    );
  });

  it.each([undefined, 1, "", "e", ".1", "e.-1", "e.x", `${"e".repeat(300)}.1`])("%j is none", (text) => {
    expect(parsePosition(text)).toBe(undefined);
  });

  it("an offset is a safe integer, not negative", () => {
    expect([0, 1, Number.MAX_SAFE_INTEGER].every(isOffset)).toBe(true);
    expect([-1, 1.5, Number.NaN, "1", null, undefined, Number.MAX_SAFE_INTEGER + 1].some(isOffset)).toBe(false);
  });
});
