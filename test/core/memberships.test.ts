/**
 * Memberships of a session: which entries are for it.
 *
 * Rule: what was published before a join or after a leave is not for it; live delivery and replay agree on that.
 */
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

  it("are known to last, and since when", () => {
    const memberships = new Memberships();
    expect([memberships.has("r"), memberships.since("r"), memberships.size]).toEqual([false, undefined, 0]);
    memberships.join("r", 10);
    expect([memberships.has("r"), memberships.since("r"), memberships.open()]).toEqual([true, 10, ["r"]]);
    memberships.leave("r", 20);
    expect([memberships.has("r"), memberships.since("r"), memberships.open()]).toEqual([false, undefined, []]);
    memberships.join("r", 30);
    expect([memberships.has("r"), memberships.since("r"), memberships.size]).toEqual([true, 30, 1]);
  });

  it("go on when joined again", () => {
    const memberships = new Memberships([{ key: "r", since: 10, until: null }]);
    memberships.join("r", 20);
    expect(memberships.all()).toEqual([{ key: "r", since: 10, until: null }]);
  });

  it("cover offsets when the last one does", () => {
    const memberships = new Memberships([{ key: "r", since: 10, until: 20 }]);
    expect([memberships.spans("r", 11, 20), memberships.spans("r", 10, 20), memberships.spans("r", 11, 21)]).toEqual([
      true,
      false,
      false,
    ]);
    memberships.join("r", 30);
    expect([memberships.spans("r", 31, 99), memberships.spans("r", 11, 20), memberships.spans("s", 1, 2)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("are not moved by leaving again, nor by leaving what was never joined", () => {
    const memberships = new Memberships([{ key: "r", since: 10, until: 20 }]);
    memberships.leave("r", 30);
    memberships.leave("s", 30);
    expect(memberships.all()).toEqual([{ key: "r", since: 10, until: 20 }]);
  });

  it("that hold no offset are dropped at once", () => {
    const memberships = new Memberships([
      { key: "r", since: 0, until: 5 },
      { key: "r", since: 10, until: null },
      { key: "s", since: 10, until: null },
    ]);
    memberships.leave("r", 10);
    memberships.leave("s", 10);
    expect([memberships.all(), memberships.size]).toEqual([[{ key: "r", since: 0, until: 5 }], 1]);
  });

  it("entitle to an entry of one of its audiences that does not except another", () => {
    const memberships = new Memberships([{ key: "a", since: 0, until: null }]);
    memberships.join("b", 5);
    const entry = { offset: 3, keys: ["a", "c"], except: ["b"] };
    expect(memberships.entitled(entry)).toBe(true);
    expect(memberships.entitled({ ...entry, offset: 6 })).toBe(false);
    expect(memberships.entitled({ ...entry, offset: 6, except: ["c", "b"] })).toBe(false);
    expect(memberships.entitled({ offset: 3, keys: ["b"], except: [] })).toBe(false);
    expect(memberships.entitled({ offset: 3, keys: [], except: [] })).toBe(false);
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

  it("bound a replay once for each stretch that overlaps it", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: 10 },
      { key: "a", since: 20, until: 30 },
      { key: "b", since: 15, until: null },
      { key: "c", since: 40, until: null },
    ]);
    expect(memberships.between(10, 25)).toEqual([
      { key: "a", after: 20, upTo: 25 },
      { key: "b", after: 15, upTo: 25 },
    ]);
    expect(memberships.between(25, 40)).toEqual([
      { key: "a", after: 25, upTo: 30 },
      { key: "b", after: 25, upTo: 40 },
    ]);
    expect(memberships.between(40, 40)).toEqual([]);
  });
});

describe("memberships clipped at a position", () => {
  it("show nothing after it, whenever they ended", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: 3 },
      { key: "a", since: 4, until: 10 },
      { key: "a", since: 20, until: null },
    ]);
    memberships.clip("a", 6);
    expect(memberships.all()).toEqual([
      { key: "a", since: 0, until: 3 },
      { key: "a", since: 4, until: 6 },
    ]);
    expect(memberships.has("a")).toBe(false);
  });

  it("end there when they lasted, and leave others alone", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: null },
      { key: "b", since: 0, until: null },
    ]);
    memberships.clip("a", 5);
    expect(memberships.all()).toEqual([
      { key: "a", since: 0, until: 5 },
      { key: "b", since: 0, until: null },
    ]);
  });

  it("where they began are none", () => {
    const memberships = new Memberships([{ key: "a", since: 5, until: null }]);
    memberships.clip("a", 5);
    memberships.clip("never joined", 5);
    expect([memberships.size, memberships.all()]).toEqual([0, []]);
  });
});

describe("memberships that ended", () => {
  it("are forgotten once everything before their end was read, and not before", () => {
    const memberships = new Memberships([
      { key: "a", since: 0, until: 10 },
      { key: "a", since: 20, until: 30 },
      { key: "b", since: 0, until: null },
    ]);
    memberships.forget(9);
    expect(memberships.all()).toHaveLength(3);
    memberships.forget(10);
    expect(memberships.all()).toEqual([
      { key: "a", since: 20, until: 30 },
      { key: "b", since: 0, until: null },
    ]);
    memberships.forget(30);
    expect([memberships.size, memberships.open()]).toEqual([1, ["b"]]);
  });
});
