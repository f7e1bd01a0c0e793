/**
 * Attempts at one message: how many, how long between them, and when it is given up.
 *
 * Rule: a message is handled at most `maxDeliveries` times, whatever happens to others.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Attempts } from "../../src/core/attempts.ts";

const BACKOFF = { minMs: 100, maxMs: 150 };

describe("R29, R37: attempts", () => {
  it("come again after a growing wait, and end", () => {
    const attempts = new Attempts(3, BACKOFF);
    expect(attempts.begin(1)).toBe(1);
    expect(attempts.failed(1, 0)).toEqual({ kind: "again", afterMs: 50 });
    expect(attempts.begin(1)).toBe(2);
    expect(attempts.failed(1, 0.5)).toEqual({ kind: "again", afterMs: 112.5 });
    expect(attempts.begin(1)).toBe(3);
    expect(attempts.failed(1, 0)).toEqual({ kind: "dead", attempts: 3 });
  });

  it("are forgotten when the message is settled", () => {
    const attempts = new Attempts(3, BACKOFF);
    attempts.begin(2);
    attempts.settled(2);
    expect(attempts.begin(2)).toBe(1);
  });

  it("are forgotten when the message is dead", () => {
    const attempts = new Attempts(1, BACKOFF);
    attempts.begin(2);
    expect(attempts.failed(2, 0)).toEqual({ kind: "dead", attempts: 1 });
    expect(attempts.begin(2)).toBe(1);
  });

  it("that failed before they were counted are the first", () => {
    expect(new Attempts(2, BACKOFF).failed(1, 0)).toEqual({ kind: "again", afterMs: 50 });
    expect(new Attempts(1, BACKOFF).failed(1, 0)).toEqual({ kind: "dead", attempts: 1 });
  });

  it("of one message are not counted for another: each is handled exactly maxDeliveries times", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(3)), (maxDeliveries, order) => {
        const attempts = new Attempts(maxDeliveries, BACKOFF);
        const handled = new Map<number, number>();
        const dead = new Set<number>();
        for (const number of order) {
          if (dead.has(number)) continue;
          handled.set(number, attempts.begin(number));
          if (attempts.failed(number, 0).kind === "dead") dead.add(number);
          expect(dead.has(number)).toBe(handled.get(number) === maxDeliveries);
        }
      }),
    );
  });
});
