import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Memberships } from "../../src/core/memberships.ts";

describe("memberships", () => {
  it("cover what lies after the join and up to the leave, and nothing else", () => {
    const memberships = new Memberships();
    memberships.join("r", 10);
    expect([10, 11].map((offset) => memberships.covers("r", offset))).toEqual([false, true]);
    memberships.leave("r", 20);
    expect([20, 21].map((offset) => memberships.covers("r", offset))).toEqual([true, false]);
    memberships.join("r", 30);
    expect([21, 30, 31].map((offset) => memberships.covers("r", offset))).toEqual([false, false, true]);
    expect(memberships.since("r")).toBe(30);
  });

  it("entitle to an entry of one of its audiences that does not except another", () => {
    const memberships = new Memberships([{ key: "a", since: 0, until: null }]);
    memberships.join("b", 5);
    const entry = { offset: 3, keys: ["a", "c"], except: ["b"] };
    expect(memberships.entitled(entry)).toBe(true);
    expect(memberships.entitled({ ...entry, offset: 6 })).toBe(false);
    expect(memberships.entitled({ offset: 3, keys: ["b"], except: [] })).toBe(false);
  });

  it("clipped at a position show nothing after it, whenever they ended", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: 10 },
      { key: "a", since: 20, until: null },
    ]);
    memberships.clip("a", 5);
    expect(memberships.all()).toEqual([{ key: "a", since: 0, until: 5 }]);
    expect(memberships.has("a")).toBe(false);
  });

  it("bound a replay by exactly what they cover", () => {
    const step = fc.record({ join: fc.boolean(), key: fc.constantFrom("a", "b"), by: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.nat(30), fc.nat(30), (steps, after, span) => {
        const memberships = new Memberships();
        // The model: for each offset, who was a member when it was appended.
        const model: Set<string>[] = [];
        const now = new Set<string>();
        let head = 0;
        for (const { join, key, by } of steps) {
          if (join) {
            now.add(key);
            memberships.join(key, head);
          } else {
            now.delete(key);
            memberships.leave(key, head);
          }
          for (let i = 0; i < by; i++) model[++head] = new Set(now);
        }
        const upTo = Math.min(head, after + span);
        const bounds = memberships.between(after, upTo);
        for (let offset = 1; offset <= head; offset++) {
          for (const key of ["a", "b"]) {
            const member = model[offset]?.has(key) === true;
            expect(memberships.covers(key, offset)).toBe(member);
            const bounded = bounds.some((bound) => bound.key === key && bound.after < offset && offset <= bound.upTo);
            expect(bounded).toBe(member && offset > after && offset <= upTo);
          }
        }
        expect(memberships.open().sort()).toEqual([...now].sort());
      }),
    );
  });

  it("forget only what ended before the position", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: 10 },
      { key: "a", since: 20, until: 30 },
      { key: "b", since: 0, until: null },
    ]);
    memberships.forget(10);
    expect(memberships.all()).toEqual([
      { key: "a", since: 20, until: 30 },
      { key: "b", since: 0, until: null },
    ]);
    memberships.forget(30);
    expect(memberships.size).toBe(1);
  });
});
