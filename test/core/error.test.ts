/**
 * The error that users meet.
 *
 * Rule: a program reads the code, a person reads the message, and nothing that caused it is lost.
 */
import { describe, expect, it } from "vitest";
import { DeliveryError } from "../../src/core/error.ts";

describe("a delivery error", () => {
  it("says its code to programs, and code and sentence to people", () => {
    const error = new DeliveryError("OUTBOX_FULL", "the outbox holds 1,000 messages; wait, or raise maxEntries.");
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe("OUTBOX_FULL");
    expect(String(error)).toBe(
      "DeliveryError: OUTBOX_FULL: the outbox holds 1,000 messages; wait, or raise maxEntries.",
    );
  });

  it("keeps its cause", () => {
    const cause = new Error("disk I/O error");
    expect(new DeliveryError("STORE_FAILED", "the store failed.", { cause }).cause).toBe(cause);
    expect(new DeliveryError("STORE_FAILED", "the store failed.").cause).toBe(undefined);
  });
});
