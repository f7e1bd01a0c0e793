/** Who may be in an audience here: nobody is taken out who is a member at an offset that is still to be dispatched. */
import { describe, expect, it } from "vitest";
import { Memberships } from "../../src/core/memberships.ts";
import { Roster } from "../../src/server/roster.ts";
import type { Session } from "../../src/server/session.ts";

function session(intends: boolean): Session & { intends: boolean } {
  const one = { intends, memberships: new Memberships(), has: () => one.intends };
  return one as unknown as Session & { intends: boolean };
}

describe("the roster", () => {
  it("keeps one that left until what was published before that is dispatched", () => {
    const roster = new Roster();
    const one = session(false);
    roster.add("r", one);
    roster.leave("r", one, 5);
    roster.dispatched(4);
    expect([...roster.of("r")]).toEqual([one]);
    roster.dispatched(5);
    expect([[...roster.of("r")], roster.size]).toEqual([[], 0]);
  });

  it("keeps one that left and is about to come back", () => {
    const roster = new Roster();
    const one = session(true);
    roster.add("r", one);
    roster.leave("r", one, 5);
    roster.dispatched(5);
    expect([...roster.of("r")]).toEqual([one]);
  });

  it("keeps one that left and came back, though it has left again by a step that is on its way", () => {
    const roster = new Roster();
    const one = session(true);
    roster.add("r", one);
    roster.leave("r", one, 5);
    one.memberships.join("r", 5);
    one.intends = false;
    roster.dispatched(5);
    expect([...roster.of("r")]).toEqual([one]);
    one.memberships.leave("r", 8);
    roster.leave("r", one, 8);
    roster.dispatched(8);
    expect([...roster.of("r")]).toEqual([]);
  });

  it("keeps one that left, came back and left again before the log was dispatched up to where it left first", () => {
    const roster = new Roster();
    const one = session(false);
    roster.add("r", one);
    roster.leave("r", one, 5);
    one.memberships.join("r", 5);
    one.memberships.leave("r", 8);
    roster.leave("r", one, 8);
    roster.dispatched(6);
    expect([...roster.of("r")]).toEqual([one]);
    roster.dispatched(8);
    expect([...roster.of("r")]).toEqual([]);
  });

  it("forgets a session with many audiences, and an audience with many sessions", () => {
    const roster = new Roster();
    const all = Array.from({ length: 20 }, () => session(false));
    for (const one of all) for (let i = 0; i < 20; i++) roster.add(`r${i}`, one);
    expect([roster.size, [...roster.of("r7")].length]).toEqual([20, 20]);
    for (const one of all) roster.drop(one);
    expect(roster.size).toBe(0);
  });
});
