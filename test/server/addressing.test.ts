/** Who gets which entries: as if each entry were asked for each session, and the same chunks for the same entries. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { Memberships } from "../../src/core/memberships.ts";
import { address } from "../../src/server/addressing.ts";
import type { Chunk } from "../../src/server/chunk.ts";
import type { Connection } from "../../src/server/connection.ts";
import { Roster } from "../../src/server/roster.ts";
import type { Session } from "../../src/server/session.ts";
import type { Entry } from "../../src/store/store.ts";

const KEYS = ["a", "b", "c"];
const key = fc.constantFrom(...KEYS);
const interval = fc.record({ key, since: fc.nat(8), length: fc.option(fc.nat(5), { nil: undefined }) });
const sessions = fc.array(fc.record({ live: fc.boolean(), intervals: fc.array(interval, { maxLength: 4 }) }), {
  minLength: 1,
  maxLength: 6,
});
const addressed = fc.record({
  keys: fc.uniqueArray(key, { minLength: 1 }),
  except: fc.oneof({ weight: 3, arbitrary: fc.constant([] as string[]) }, fc.uniqueArray(key, { maxLength: 1 })),
});

it("each live connection gets what its session is entitled to, in order; equal lists are made into chunks once", () => {
  fc.assert(
    fc.property(sessions, fc.array(addressed, { minLength: 1, maxLength: 8 }), (some, log) => {
      const roster = new Roster();
      const all = some.map(({ live, intervals }) => {
        const memberships = new Memberships();
        for (const { key: name, since, length } of intervals.toSorted((a, b) => a.since - b.since)) {
          memberships.join(name, since);
          if (length !== undefined) memberships.leave(name, since + length);
        }
        const connection = { live } as Connection;
        const session = { connection, memberships } as unknown as Session;
        for (const name of KEYS) roster.add(name, session);
        return { connection, memberships };
      });
      const entries = log.map((one, i): Entry => ({ ...one, offset: i + 1, id: `${i}`, data: "[]", publishedAt: 0 }));
      let made = 0;
      const shares = address(entries, roster, (list) => {
        made++;
        return [{ upTo: 0, count: list.length, bytes: 0 } satisfies Chunk];
      });
      const lists = new Set<string>();
      for (const { connection, memberships } of all) {
        const expected = connection.live ? entries.filter((entry) => memberships.entitled(entry)) : [];
        const share = shares.get(connection);
        expect((share?.entries ?? []).map(({ offset }) => offset)).toEqual(expected.map(({ offset }) => offset));
        if (expected.length === 0) continue;
        lists.add(expected.map(({ offset }) => offset).join());
        expect(share?.chunks[0]?.count).toBe(expected.length);
      }
      // One that came and went within a run of entries may be given them one by one, and shares with others who were.
      expect(made).toBeGreaterThanOrEqual(lists.size);
      expect(made).toBeLessThanOrEqual(2 * lists.size);
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 500) },
  );
});
