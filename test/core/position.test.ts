/**
 * Positions as text, and what can be an offset.
 *
 * Rule: what was formatted is read back the same; any other text is no position.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPosition, isOffset, parsePosition } from "../../src/core/position.ts";

describe("a position", () => {
  it("is one text", () => {
    expect(formatPosition({ epoch: "E", offset: 7 })).toBe("E.7");
    expect(parsePosition("E.7")).toEqual({ epoch: "E", offset: 7 });
  });

  it("survives being text, dots and digits in the epoch included", () => {
    const epochs = fc.oneof(fc.string({ minLength: 1, maxLength: 50 }), fc.stringMatching(/^[.\d]{1,20}$/));
    fc.assert(
      fc.property(epochs, fc.maxSafeNat(), (epoch, offset) => {
        expect(parsePosition(formatPosition({ epoch, offset }))).toEqual({ epoch, offset });
      }),
    );
  });

  it.each([
    ["nothing", undefined],
    ["a number that looks like one", 1.5],
    ["empty text", ""],
    ["an epoch alone", "e"],
    ["an offset alone", ".1"],
    ["a negative offset", "e.-1"],
    ["a word for an offset", "e.x"],
    ["an offset with something after it", "e.1x"],
    ["an offset that no integer holds", "e.99999999999999999999"],
    ["an epoch longer than any of ours", `${"e".repeat(181)}.1`],
  ])("is not %s", (_name, text) => {
    expect(parsePosition(text)).toBe(undefined);
  });
});

describe("an offset", () => {
  it("is a safe integer, not negative", () => {
    expect([0, 1, Number.MAX_SAFE_INTEGER].every(isOffset)).toBe(true);
    expect([-1, 1.5, Number.NaN, "1", null, undefined, Number.MAX_SAFE_INTEGER + 1].some(isOffset)).toBe(false);
  });
});
