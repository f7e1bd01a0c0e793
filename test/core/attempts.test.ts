/**
 * Attempts at one message: how many, how long between them, and when it is given up.
 *
 * Rule: a message is handled at most `maxDeliveries` times.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterFailure } from "../../src/core/attempts.ts";

const BACKOFF = { minMs: 100, maxMs: 150 };

describe("R29, R37: attempts", () => {
  it("come again after a growing wait, and end", () => {
    expect(afterFailure(1, 3, BACKOFF, 0)).toEqual({ kind: "again", afterMs: 50 });
    expect(afterFailure(2, 3, BACKOFF, 0.5)).toEqual({ kind: "again", afterMs: 112.5 });
    expect(afterFailure(3, 3, BACKOFF, 0)).toEqual({ kind: "dead" });
  });

  it("end with the first when there is to be one only", () => {
    expect(afterFailure(1, 1, BACKOFF, 0)).toEqual({ kind: "dead" });
  });

  it("are exactly maxDeliveries, when all fail", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (max, chance) => {
        let attempts = 1;
        while (afterFailure(attempts, max, BACKOFF, chance).kind === "again") attempts++;
        expect(attempts).toBe(max);
      }),
    );
  });
});
