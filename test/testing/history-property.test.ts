/**
 * Histories made by chance: one that is right has no anomaly; changed in one place, it has the one that belongs to the change.
 *
 * Rule: a change is only made where it makes the history wrong; which it is, is worked out here from the lines alone.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Anomaly, checkHistory } from "../../src/testing/history.ts";
import { type Chance, chance } from "../chance.ts";
import { type Line, randomRun } from "./history-run.ts";

const STEPS = 150;
const seeds = fc.integer({ min: 1, max: 2 ** 31 });

function check(lines: readonly Line[]): Anomaly[] {
  return checkHistory(lines.map((line) => JSON.stringify(line)));
}

/** In which life of its node each line was written. */
function lives(lines: readonly Line[]): string[] {
  const count = new Map<unknown, number>();
  return lines.map(({ node, type }) => {
    if (type === "begin") count.set(node, (count.get(node) ?? 0) + 1);
    return `${node} ${count.get(node)}`;
  });
}

function handledOnce(lines: readonly Line[], line: Line): boolean {
  return lines.filter(({ node, type, id }) => type === "handled" && id === line.id && node === line.node).length === 1;
}

/** Whether the same reader has lived to the end: only then is a line that is missing a message that is missing. */
function livesOn(lines: readonly Line[], at: number): boolean {
  const { node } = lines[at] as Line;
  return lines.slice(at).every((line) => line.node !== node || line.type !== "begin" || line.kept === true);
}

const acknowledged = (lines: readonly Line[], { id }: Line) =>
  lines.some((line) => line.id === id && (line.type === "published" || line.type === "acked"));

interface Mutation {
  readonly name: string;
  /** Which of these must be found. */
  readonly kinds: readonly string[];
  /** Where it can be done. */
  at(lines: readonly Line[], at: number): boolean;
  do(lines: Line[], at: number, random: Chance): void;
}

const isHandled = (line: Line | undefined, emits = false): line is Line =>
  line?.type === "handled" && (line.node === "s") === emits;

/** The next line at which the same life handles another message of the same direction and sender. */
function nextHandled(lines: readonly Line[], at: number): number {
  const life = lives(lines);
  const { node, session } = lines[at] as Line;
  const found = lines.findIndex(
    (line, i) =>
      i > at && life[i] === life[at] && line.type === "handled" && line.node === node && line.session === session,
  );
  return found;
}

const mutations: Mutation[] = [
  {
    name: "a delivery is dropped",
    kinds: ["lost", "unseen"],
    at: (lines, at) => {
      const line = lines[at];
      return isHandled(line) && handledOnce(lines, line) && livesOn(lines, at) && acknowledged(lines, line);
    },
    do: (lines, at) => lines.splice(at, 1),
  },
  {
    name: "an emit is not handled",
    kinds: ["lost", "unseen"],
    at: (lines, at) => {
      const line = lines[at];
      return isHandled(line, true) && handledOnce(lines, line) && acknowledged(lines, line);
    },
    do: (lines, at) => lines.splice(at, 1),
  },
  {
    name: "a delivery is doubled",
    kinds: ["duplicate"],
    at: (lines, at) => isHandled(lines[at]),
    do: (lines, at) => lines.splice(at + 1, 0, { ...lines[at] }),
  },
  {
    name: "an emit is handled twice",
    kinds: ["duplicate"],
    at: (lines, at) => isHandled(lines[at], true),
    do: (lines, at) => lines.splice(at + 1, 0, { ...lines[at] }),
  },
  {
    name: "a restarted server handles a settled emit again",
    kinds: ["duplicate"],
    at: (lines, at) => isHandled(lines[at], true) && acknowledged(lines, lines[at] as Line),
    do: (lines, at) => {
      const last = { ...lines[at], t: 10 ** 6 };
      lines.push({ node: "s", type: "begin" }, last);
    },
  },
  ...[false, true].map(
    (emits): Mutation => ({
      name: emits ? "two emits change places" : "two deliveries change places",
      kinds: ["out-of-order"],
      at: (lines, at) => {
        const next = nextHandled(lines, at);
        return isHandled(lines[at], emits) && next > 0 && lines[next]?.id !== lines[at]?.id;
      },
      do: (lines, at) => {
        const next = nextHandled(lines, at);
        const { t } = lines[at] as Line;
        const here = { ...lines[next], t };
        const there = { ...lines[at], t: lines[next]?.t };
        lines[at] = here;
        lines[next] = there;
      },
    }),
  ),
  {
    name: "something is invented",
    kinds: ["phantom"],
    at: (lines, at) => lines[at]?.type === "handled",
    do: (lines, at) => lines.splice(at, 0, { ...lines[at], id: "invented", offset: undefined, data: "invented" }),
  },
  {
    name: "content is altered",
    kinds: ["phantom"],
    at: (lines, at) => lines[at]?.type === "handled",
    do: (lines, at) => {
      lines[at] = { ...lines[at], data: "altered" };
    },
  },
  {
    name: "a refused publish is delivered",
    kinds: ["phantom"],
    at: (lines, at) => lines[at]?.type === "refused",
    do: (lines, at) => lines.push({ node: "a", type: "handled", id: lines[at]?.id }),
  },
  {
    name: "somebody else's is delivered",
    kinds: ["phantom"],
    at: (lines, at) => {
      const { type, id } = lines[at] as Line;
      return type === "published" && !lines.some((line) => line.type === "handled" && line.id === id);
    },
    do: (lines, at) => lines.push({ node: "a", type: "handled", id: lines[at]?.id }),
  },
  {
    name: "a gap is told for what was handled",
    kinds: ["false-gap"],
    at: (lines, at) => isHandled(lines[at]) && lines[at]?.offset !== undefined,
    do: (lines, at, random) => {
      const { node, offset } = lines[at] as Line;
      const gap = { node, type: "gap", from: (offset as number) - 1, to: offset, reason: "retention" };
      lines.splice(at + random(2), 0, gap);
      lines.push({ node: "s", type: "cause", reason: "retention" });
    },
  },
  {
    name: "a gap has no cause",
    kinds: ["false-gap"],
    at: (lines, at) => isHandled(lines[at]),
    do: (lines, at) => lines.splice(at, 0, { node: lines[at]?.node, type: "gap", from: 0, to: 0, reason: "overflow" }),
  },
  {
    name: "an offset differs",
    kinds: ["inconsistent-offset"],
    at: (lines, at) => isHandled(lines[at]) && acknowledged(lines, lines[at] as Line),
    do: (lines, at) => {
      lines[at] = { ...lines[at], offset: 10 ** 6 };
    },
  },
];

describe("histories made by chance", () => {
  it("have no anomaly when they are right, in whatever order the nodes' lines are mixed", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const lines = randomRun(seed, STEPS);
        expect(check(lines)).toEqual([]);
        const random = chance(seed + 1);
        const nodes = new Map<unknown, Line[]>();
        for (const line of lines) nodes.set(line.node, [...(nodes.get(line.node) ?? []), line]);
        const mixed: Line[] = [];
        for (const queues = [...nodes.values()]; queues.length > 0; ) {
          const queue = queues[random(queues.length)] as Line[];
          mixed.push(queue.shift() as Line);
          if (queue.length === 0) queues.splice(queues.indexOf(queue), 1);
        }
        expect(check(mixed)).toEqual([]);
      }),
    );
  });

  for (const { name, kinds, at, do: change } of mutations) {
    it(`are found out when ${name}`, () => {
      let changed = 0;
      fc.assert(
        fc.property(seeds, (seed) => {
          const random = chance(seed + 2);
          const lines = randomRun(seed, STEPS);
          const places = lines.flatMap((_, i) => (at(lines, i) ? [i] : []));
          if (places.length === 0) return;
          changed++;
          const place = places[random(places.length)] as number;
          const line = JSON.stringify(lines[place]);
          change(lines, place, random);
          const found = check(lines).map(({ kind }) => kind as string);
          expect({ line, found: found.some((kind) => kinds.includes(kind)) }).toEqual({ line, found: true });
        }),
      );
      expect(changed).toBeGreaterThan(0);
    });
  }
});
