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
    ["an unknown session is a gap", claim(70), undefined, false, 100, { from: 70, to: 100, reason: "session" }],
    ["a client goes on where everything has arrived", claim(70), stored, false, 80, undefined],
    ["a client may be ahead of what is stored", claim(90), stored, false, 90, undefined],
    ["a client that was started again from its cursor is believed", claim(60), stored, false, 60, undefined],
    ["what was trimmed is a gap", claim(40), stored, false, 50, { from: 40, to: 50, reason: "retention" }],
    ["nothing claimed goes on where everything has arrived", undefined, stored, false, 80, undefined],
  ] as const)("%s", (_name, claimed, session, forked, position, gap) => {
    expect(resumeVerdict(claimed, session, log, forked)).toEqual({ position, gap });
  });

  it("an idle client is not told of a gap for what was trimmed and not meant for it", () => {
    const idle = { arrived: 10, position: 90 };
    expect(resumeVerdict(claim(10), idle, log, false)).toEqual({ position: 90, gap: undefined });
  });
});

describe("R14: resume tokens", () => {
  it.each([
    ["the newest is good", 5, 5, 5, true],
    ["an older one is good while no newer one has shown to have arrived", 3, 5, 3, true],
    ["an older one is not good after that", 4, 5, 5, false],
    ["one from the future is not good", 6, 5, 5, false],
  ])("%s", (_name, generation, current, confirmed, good) => {
    expect(tokenIsGood(generation, { generation: current, confirmed })).toBe(good);
  });
});
