/**
 * Where delivery goes on after a connection was lost, and which tokens are good for that.
 *
 * Rule: what may have been missed is told as one gap, which ends where delivery goes on.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resumeVerdict, tokenIsGood } from "../../src/core/resume.ts";

const log = { epoch: "e", head: 100, floor: 50 };
const stored = { arrived: 70, position: 80 };
const claim = (offset: number, epoch = "e") => ({ epoch, offset });

describe("R15, R16: where delivery goes on", () => {
  it.each([
    ["a first visit begins at the head", undefined, undefined, false, 100, undefined],
    ["a claim in another epoch is a gap", claim(70, "f"), stored, false, 100, { from: 70, to: 100, reason: "epoch" }],
    ["a claim beyond the head is a gap", claim(101), stored, false, 100, { from: 101, to: 100, reason: "epoch" }],
    ["a forked log is a gap", claim(70), stored, true, 100, { from: 70, to: 100, reason: "epoch" }],
    ["a claim at the head is none", claim(100), stored, false, 100, undefined],
    ["an unknown session is a gap", claim(70), undefined, false, 100, { from: 70, to: 100, reason: "session" }],
    ["a client goes on where everything has arrived", claim(70), stored, false, 80, undefined],
    ["a client may be ahead of what is stored", claim(90), stored, false, 90, undefined],
    ["a client that was started again from its cursor is believed", claim(60), stored, false, 60, undefined],
    ["what was trimmed is a gap", claim(40), stored, false, 50, { from: 40, to: 50, reason: "retention" }],
    ["what begins right after what was trimmed is whole", claim(50), stored, false, 50, undefined],
    ["nothing claimed goes on where everything has arrived", undefined, stored, false, 80, undefined],
  ] as const)("%s", (_name, claimed, session, forked, position, gap) => {
    expect(resumeVerdict(claimed, session, log, forked)).toEqual({ position, gap });
  });

  it("an idle client is not told of a gap for what was trimmed and not meant for it", () => {
    const idle = { arrived: 10, position: 90 };
    expect(resumeVerdict(claim(10), idle, log, false)).toEqual({ position: 90, gap: undefined });
  });
});

describe("R15, R16: a verdict", () => {
  it("loses nothing without saying so, and goes on inside the log", () => {
    const offsets = fc.nat(20);
    const log = fc
      .record({ floor: offsets, length: offsets })
      .map(({ floor, length }) => ({ floor, head: floor + length }));
    const sessions = fc.record({ arrived: offsets, ahead: fc.nat(5) });
    const claims = fc.record({ epoch: fc.constantFrom("e", "f"), offset: fc.nat(40) });
    fc.assert(
      fc.property(fc.option(claims), fc.option(sessions), log, fc.boolean(), (said, kept, bounds, forked) => {
        const position = Math.min((kept?.arrived ?? 0) + (kept?.ahead ?? 0), bounds.head);
        const session = kept ? { arrived: Math.min(kept.arrived, position), position } : undefined;
        const claimed = said ?? undefined;
        const verdict = resumeVerdict(claimed, session, { epoch: "e", ...bounds }, forked);

        expect(verdict.position).toBeGreaterThanOrEqual(bounds.floor);
        expect(verdict.position).toBeLessThanOrEqual(bounds.head);
        if (verdict.gap) expect(verdict.gap.to).toBe(verdict.position);
        else if (claimed) {
          expect([claimed.epoch, forked, session !== undefined]).toEqual(["e", false, true]);
          // Nothing is skipped but what the server knows was not for the session, after everything had arrived.
          if (verdict.position === claimed.offset) return;
          expect(claimed.offset).toBeGreaterThanOrEqual(session?.arrived ?? 0);
          expect(claimed.offset).toBeLessThan(verdict.position);
          expect(verdict.position).toBe(session?.position);
        }
      }),
    );
  });
});

describe("R14: resume tokens", () => {
  it.each([
    ["the newest that has shown to have arrived is good", 5, 5, true],
    ["a newer one is good, also when its resume was not stored before the server died", 6, 5, true],
    ["an older one is not good", 4, 5, false],
  ])("%s", (_name, generation, confirmed, good) => {
    expect(tokenIsGood(generation, { confirmed })).toBe(good);
  });
});
