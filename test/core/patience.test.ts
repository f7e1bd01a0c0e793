/**
 * Patience with a peer that does not acknowledge.
 *
 * Rule: only a lack of progress counts; it leads to `maxResends` resends, each after a longer wait, and then to the end.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Patience } from "../../src/core/patience.ts";

describe("R24, R36: patience", () => {
  it("has nothing to wait for while nothing is sent", () => {
    const patience = new Patience(100, 2);
    expect([patience.dueAt, patience.due(1_000)]).toEqual([undefined, "wait"]);
  });

  it("waits twice as long each time, and gives up after the last resend", () => {
    const patience = new Patience(100, 2);
    patience.waiting(0);
    expect([patience.due(99), patience.due(100), patience.dueAt]).toEqual(["wait", "resend", 300]);
    expect([patience.due(299), patience.due(300), patience.dueAt]).toEqual(["wait", "resend", 700]);
    expect([patience.due(699), patience.due(700)]).toEqual(["wait", "close"]);
  });

  it("counts from the oldest of what is outstanding, not from the newest", () => {
    const patience = new Patience(100, 2);
    patience.waiting(0);
    patience.waiting(50);
    expect(patience.dueAt).toBe(100);
  });

  it("starts anew with progress, resends forgotten", () => {
    const patience = new Patience(100, 1);
    patience.waiting(0);
    expect(patience.due(100)).toBe("resend");
    patience.progress(250, true);
    expect([patience.dueAt, patience.due(350), patience.due(550)]).toEqual([350, "resend", "close"]);
  });

  it("ends when everything is acknowledged, and begins with what is sent next", () => {
    const patience = new Patience(100, 2);
    patience.waiting(0);
    patience.progress(50, false);
    expect([patience.dueAt, patience.due(1_000)]).toEqual([undefined, "wait"]);
    patience.waiting(1_000);
    expect(patience.dueAt).toBe(1_100);
  });

  it("without resends gives up at the first timeout", () => {
    const patience = new Patience(100, 0);
    patience.waiting(0);
    expect(patience.due(100)).toBe("close");
  });

  it("knows that a wait is over although the clock was set back, and waits from there", () => {
    const patience = new Patience(100, 2);
    patience.waiting(10_000);
    expect([patience.due(10_100, 5_000), patience.dueAt]).toEqual(["resend", 5_200]);
  });

  it("never gives up on a peer that makes progress in time, however often it is asked", () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(99), progress: fc.boolean() }), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (taken) => {
        const patience = new Patience(100, 0);
        let now = 0;
        let progressAt = 0;
        patience.waiting(now);
        for (const { afterMs, progress } of taken) {
          now = Math.min(now + afterMs, progressAt + 99);
          expect(patience.due(now)).toBe("wait");
          if (!progress) continue;
          patience.progress(now, true);
          progressAt = now;
        }
      }),
    );
  });
});
