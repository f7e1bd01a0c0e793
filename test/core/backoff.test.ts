/**
 * How long to wait before trying again.
 *
 * Rule: a wait is at least half of its bound and below it; bounds double from `minMs` and never pass `maxMs`.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "../../src/core/backoff.ts";

const chances = fc.double({ min: 0, max: 0.999, noNaN: true });

describe("R29, R37: a back-off", () => {
  it("doubles up to its bound, and half of it is chance", () => {
    const schedule = { minMs: 100, maxMs: 500 };
    expect([1, 2, 3, 4, 5].map((failures) => backoffMs(schedule, failures, 0))).toEqual([50, 100, 200, 250, 250]);
    expect([0, 0.5, 0.8].map((chance) => backoffMs(schedule, 1, chance))).toEqual([50, 75, 90]);
  });

  it("is at least half of the longest wait, and below it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), chances, (failures, chance) => {
        const waitMs = backoffMs({ minMs: 10, maxMs: 1_000 }, failures, chance);
        expect(waitMs).toBeGreaterThanOrEqual(5);
        expect(waitMs).toBeLessThan(1_000);
        if (failures > 7) expect(waitMs).toBeGreaterThanOrEqual(500);
      }),
    );
  });

  it("stays finite after any number of failures, without a bound of its own", () => {
    const schedule = { minMs: 1, maxMs: Number.POSITIVE_INFINITY };
    expect(backoffMs(schedule, 1_000_000, 0)).toBe(2 ** 29);
  });

  it("never shrinks with another failure, given the same chance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), chances, (failures, chance) => {
        const schedule = { minMs: 10, maxMs: 60_000 };
        expect(backoffMs(schedule, failures + 1, chance)).toBeGreaterThanOrEqual(backoffMs(schedule, failures, chance));
      }),
    );
  });
});
