/**
 * The receiving end: what is handed out, and how far the cursor goes.
 *
 * Rule: each number is handed out once in a life; the cursor never passes one that is not settled.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Receiver } from "../../src/core/receiver.ts";

function accepting(...numbers: number[]): Receiver {
  const receiver = new Receiver();
  for (const number of numbers) receiver.accept(number);
  return receiver;
}

const place = ({ cursor, above }: Receiver) => [cursor, above];

describe("R21: what is handed out", () => {
  it("is above everything that came before", () => {
    const receiver = accepting(1);
    expect([receiver.accept(1), receiver.accept(5), receiver.accept(3)]).toEqual([false, true, false]);
    expect(receiver.received).toBe(5);
  });

  it("is not what is being handled, and not what was handled", () => {
    const receiver = accepting(1, 2);
    receiver.settle(1);
    expect([receiver.accept(1), receiver.accept(2)]).toEqual([false, false]);
  });

  it("is not what will not come any more", () => {
    const receiver = new Receiver();
    receiver.skipTo(5);
    expect([receiver.accept(5), receiver.accept(6)]).toEqual([false, true]);
  });

  it("after a restart is what was not settled before it, and nothing else", () => {
    const receiver = new Receiver(10, [12]);
    expect([10, 11, 12, 13].map((number) => receiver.accept(number))).toEqual([false, true, false, true]);
  });
});

describe("R22: the cursor", () => {
  it("stops before what is not settled, and moves over what was settled out of order", () => {
    const receiver = new Receiver(10);
    for (const number of [12, 15, 20]) receiver.accept(number);
    receiver.settle(15);
    expect(place(receiver)).toEqual([11, [15]]);
    receiver.settle(12);
    expect(place(receiver)).toEqual([19, []]);
    receiver.settle(20);
    expect(place(receiver)).toEqual([20, []]);
  });

  it("counts what was settled above it in ascending order", () => {
    const receiver = accepting(1, 2, 9, 10, 11);
    for (const number of [11, 9, 2, 10]) receiver.settle(number);
    expect(place(receiver)).toEqual([0, [2, 9, 10, 11]]);
  });

  it("moves over what was meant for others at once when nothing is open, and with what is open otherwise", () => {
    const receiver = new Receiver();
    receiver.skipTo(5);
    expect([receiver.cursor, receiver.received]).toEqual([5, 5]);
    receiver.accept(6);
    receiver.skipTo(9);
    expect([receiver.cursor, receiver.received]).toEqual([5, 9]);
    receiver.settle(6);
    expect(receiver.cursor).toBe(9);
  });

  it("does not move back", () => {
    const receiver = accepting(1, 2);
    receiver.skipTo(1);
    expect([receiver.cursor, receiver.received]).toEqual([0, 2]);
  });

  it("is not moved by settling what was not handed out", () => {
    const receiver = accepting(1, 2);
    receiver.settle(7);
    receiver.settle(2);
    receiver.settle(2);
    expect(place(receiver)).toEqual([0, [2]]);
  });

  it("after a restart moves over what an earlier life settled only when it gets there", () => {
    const receiver = new Receiver(5, [7, 9]);
    expect(place(receiver)).toEqual([5, [7, 9]]);
    receiver.skipTo(6);
    expect(place(receiver)).toEqual([6, [7, 9]]);
    receiver.accept(7);
    expect(place(receiver)).toEqual([7, [9]]);
  });

  it("after a restart leaves nothing below it among what was settled above it", () => {
    const receiver = new Receiver(0, [2]);
    receiver.accept(3);
    expect(place(receiver)).toEqual([2, []]);
  });
});

describe("the receiver", () => {
  it("hands out every number once, and its cursor never passes one that is not settled", () => {
    const numbers = fc.integer({ min: 1, max: 20 });
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom("accept" as const, "settle" as const, "skip" as const), number: numbers }),
      fc.record({ kind: fc.constant("restart" as const), number: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let receiver = new Receiver();
        const settled = new Set<number>();
        let handedOut = new Set<number>();
        for (const { kind, number } of steps) {
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
          expect(receiver.cursor).toBeGreaterThanOrEqual(before);
          expect(receiver.cursor).toBeLessThanOrEqual(receiver.received);
          for (const one of handedOut) if (!settled.has(one)) expect(receiver.cursor).toBeLessThan(one);
          for (const one of receiver.above) expect(settled.has(one) && one > receiver.cursor).toBe(true);
        }
      }),
    );
  });
});
