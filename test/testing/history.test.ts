/**
 * Histories written by hand: each anomaly is found in the one that has it, and in no other.
 *
 * Rule: every case is the clean history, or an allowed variation of it, with one thing changed.
 */
import { describe, expect, it } from "vitest";
import { type Anomaly, checkHistory } from "../../src/testing/history.ts";

type Line = Record<string, unknown>;

/** One server "s", two clients "a" and "b" in a room; three publishes, two emits of "a". */
function clean(): Line[] {
  return [
    { node: "s", type: "begin" },
    { node: "a", type: "begin" },
    { node: "b", type: "begin" },
    { node: "a", type: "session", session: "A" },
    { node: "b", type: "session", session: "B" },
    { node: "s", type: "join", session: "A", room: "r" },
    { node: "s", type: "join", session: "B", room: "r" },
    ...[1, 2, 3].flatMap((n) => [
      { node: "s", type: "publish", id: `p${n}`, to: ["r"], data: n },
      { node: "s", type: "published", id: `p${n}`, offset: n * 10 },
      { node: "a", type: "handled", id: `p${n}`, offset: n * 10, data: n },
      { node: "b", type: "handled", id: `p${n}`, offset: n * 10, data: n },
    ]),
    ...[1, 2].flatMap((n) => [
      { node: "a", t: n * 10, type: "emit", id: `e${n}`, data: n },
      { node: "s", t: n * 10 + 1, type: "handled", id: `e${n}`, session: "A", data: n },
      { node: "a", t: n * 10 + 2, type: "answered", id: `e${n}` },
      { node: "a", t: n * 10 + 3, type: "acked", id: `e${n}` },
    ]),
  ];
}

function check(lines: readonly Line[]): Anomaly[] {
  return checkHistory(lines.map((line) => JSON.stringify(line)));
}

/** Without the lines that have all of this. */
function without(lines: Line[], like: Line): Line[] {
  return lines.filter((line) => !Object.entries(like).every(([key, value]) => line[key] === value));
}

/** With lines put behind the one that has all of this. */
function behind(lines: Line[], like: Line, ...more: Line[]): Line[] {
  const at = lines.findIndex((line) => Object.entries(like).every(([key, value]) => line[key] === value));
  if (at < 0) throw new Error("no such line");
  return [...lines.slice(0, at + 1), ...more, ...lines.slice(at + 1)];
}

const A2 = { node: "a", type: "handled", id: "p2" };
const KILLED = { node: "s", type: "begin" };

describe("a history that is right", () => {
  const right: Record<string, Line[]> = {
    "nothing happened": [],
    "everything arrived": clean(),
    "nodes' lines in another order": [...clean()].sort((x, y) => String(y.node).localeCompare(String(x.node))),
    "an unacknowledged publish that nobody got": behind(
      clean(),
      { id: "p1", type: "published" },
      {
        node: "s",
        type: "publish",
        id: "x",
        to: ["r"],
      },
    ),
    "an unacknowledged publish that all got": without(clean(), { id: "p2", type: "published" }),
    "what a gap covers is missing": behind(
      [...without(clean(), A2), { node: "s", type: "cause", reason: "retention", to: 20 }],
      { node: "a", id: "p1" },
      { node: "a", type: "gap", from: 10, to: 20, reason: "retention" },
    ),
    "what a snapshot contains is missing": behind(
      without(clean(), A2),
      { node: "a", id: "p1" },
      { node: "a", type: "snapshot", to: 20 },
    ),
    "given up on": behind(without(clean(), A2), { node: "a", id: "p1" }, { node: "a", type: "dead", id: "p2" }),
    "handled again by the next life": behind(
      clean(),
      A2,
      { node: "a", type: "begin", kept: true },
      { node: "a", type: "handled", id: "p1" },
      { node: "a", type: "handled", id: "p2" },
    ),
    "a life that kept nothing": [...without(clean(), { node: "a", id: "p3" }), { node: "a", type: "begin" }],
    "ended before the last one": behind(without(clean(), { node: "a", id: "p3" }), A2, { node: "a", type: "end" }),
    "received in order, handled in another": clean().flatMap((line) =>
      line.node === "b" && line.id === "p1"
        ? [{ ...line, type: "received" }]
        : line.node === "b" && line.id === "p3"
          ? [line, { ...line, id: "p1", offset: 10, data: 1 }]
          : [line],
    ),
    "a leave before it": behind(
      without(clean(), A2),
      { id: "p1", type: "published" },
      {
        node: "s",
        type: "leave",
        session: "A",
        room: "r",
      },
    ).concat({ node: "s", type: "rooms", session: "A", rooms: [] }),
    "an emit handled again after a kill, before it was acknowledged": behind(
      without(clean(), { node: "a", id: "e2", type: "acked" }),
      { node: "s", id: "e2" },
      KILLED,
      { node: "s", t: 30, type: "handled", id: "e2", session: "A", data: 2 },
      { node: "a", t: 31, type: "acked", id: "e2" },
    ),
    "an answered emit whose handler and then whose sender were killed": [
      ...clean(),
      { node: "a", type: "emit", id: "x" },
      { node: "s", type: "received", id: "x", session: "A" },
      { node: "a", type: "answered", id: "x" },
      { node: "a", type: "emit", id: "y" },
      { node: "s", type: "handled", id: "y", session: "A" },
      KILLED,
      { node: "a", type: "begin" },
    ],
    "an emit that failed": behind(clean(), { id: "e1", type: "acked" }, { node: "a", type: "emit", id: "x" }).concat({
      node: "a",
      type: "failed",
      id: "x",
    }),
    "an emit that died with its client": behind(
      clean(),
      { id: "e1", type: "acked" },
      { node: "a", type: "emit", id: "x" },
      { node: "a", type: "begin", kept: true },
    ),
    "a publish that was begun again by the next life": behind(clean(), { id: "p2", type: "publish" }, KILLED, {
      node: "s",
      type: "publish",
      id: "p2",
      to: ["r"],
      data: 2,
    }),
    "a leave that died with its server, before a publish that the next life began again": [
      ...clean(),
      { node: "s", type: "leave", session: "A", room: "r" },
      { node: "s", type: "publish", id: "x", to: ["q"] },
      KILLED,
      { node: "s", type: "publish", id: "r1", to: ["r"] },
      { node: "s", type: "publish", id: "x", to: ["q"] },
      { node: "s", type: "published", id: "x" },
      { node: "a", type: "handled", id: "r1" },
      { node: "b", type: "handled", id: "r1" },
    ],
    "a join that died with its server": behind(
      clean(),
      { node: "b", id: "p3" },
      { node: "s", type: "join", session: "A", room: "q" },
      KILLED,
      { node: "s", type: "publish", id: "q1", to: ["q"] },
      { node: "s", type: "published", id: "q1" },
      { node: "s", type: "rooms", session: "A", rooms: ["r"] },
      { node: "s", type: "publish", id: "q2", to: ["q"] },
      { node: "s", type: "published", id: "q2" },
    ),
  };
  // "a leave before it": the rest is not for A either.
  right["a leave before it"] = without(right["a leave before it"] as Line[], { node: "a", id: "p3" });
  for (const [name, lines] of Object.entries(right)) {
    it(name, () => {
      expect(check(lines)).toEqual([]);
    });
  }

  it("is read from a stream, too", async () => {
    async function* lines() {
      for (const line of clean()) yield JSON.stringify(line);
    }
    expect(await checkHistory(lines())).toEqual([]);
  });
});

describe("an anomaly is found", () => {
  const wrong: [name: string, lines: Line[], kind: string, who: string, what: string][] = [
    ["an acknowledged publish is not handled", without(clean(), A2), "lost", "a", "p2"],
    [
      "without offsets, by the sender's order",
      without(clean(), A2).map(({ offset, ...line }) => line),
      "lost",
      "a",
      "p2",
    ],
    [
      "a publish that only others handled",
      without(without(clean(), A2), { id: "p2", type: "published" }),
      "skipped",
      "a",
      "p2",
    ],
    ["nothing came any more", without(clean(), { node: "a", id: "p3" }), "unseen", "a", "p3"],
    [
      "a gap that does not reach it",
      behind(
        [...without(clean(), A2), { node: "s", type: "cause", reason: "retention" }],
        { node: "a", id: "p1" },
        { node: "a", type: "gap", from: 10, to: 19, reason: "retention" },
      ),
      "lost",
      "a",
      "p2",
    ],
    [
      "a gap of another room",
      behind(
        [...without(clean(), A2), { node: "s", type: "cause", reason: "unauthorized" }],
        { node: "a", id: "p1" },
        { node: "a", type: "gap", from: 10, to: 20, reason: "unauthorized", room: "q" },
      ),
      "lost",
      "a",
      "p2",
    ],
    ["handled twice", behind(clean(), A2, { ...A2 }), "duplicate", "a", "p2"],
    [
      "handled in the wrong order",
      behind(without(clean(), A2), { node: "a", id: "p3" }, { ...A2, offset: 20 }),
      "out-of-order",
      "a",
      "p2",
    ],
    [
      "against the sender's order",
      behind(without(clean(), A2), { node: "a", id: "p3" }, A2).map(({ offset, ...line }) => line),
      "out-of-order",
      "a",
      "p2",
    ],
    ["nobody published it", behind(clean(), A2, { node: "a", type: "handled", id: "x" }), "phantom", "a", "x"],
    [
      "its publish was refused",
      [
        ...behind(clean(), { id: "p3", type: "published" }, { node: "s", type: "publish", id: "x", to: ["r"] }),
        { node: "s", type: "refused", id: "x" },
        { node: "a", type: "handled", id: "x" },
      ],
      "phantom",
      "a",
      "x",
    ],
    [
      "other content",
      clean().map((line) => (line.node === "a" && line.id === "p2" ? { ...line, data: 9 } : line)),
      "phantom",
      "a",
      "p2",
    ],
    [
      "not for this client",
      [
        ...clean(),
        { node: "s", type: "join", session: "B", room: "q" },
        { node: "s", type: "publish", id: "x", to: ["q"] },
        { node: "b", type: "handled", id: "x" },
        { node: "a", type: "handled", id: "x" },
      ],
      "phantom",
      "a",
      "x",
    ],
    [
      "excepted",
      [
        ...clean(),
        { node: "s", type: "join", session: "A", room: "q" },
        { node: "s", type: "publish", id: "x", to: ["r"], except: ["q"] },
        { node: "b", type: "handled", id: "x" },
        { node: "a", type: "handled", id: "x" },
      ],
      "phantom",
      "a",
      "x",
    ],
    [
      "from before the join, by offset",
      clean().map((line) => (line.type === "join" && line.session === "A" ? { ...line, offset: 10 } : line)),
      "phantom",
      "a",
      "p1",
    ],
    [
      "after the join, by offset",
      without(
        clean().map((line) => (line.type === "join" && line.session === "A" ? { ...line, offset: 9 } : line)),
        A2,
      ),
      "lost",
      "a",
      "p2",
    ],
    [
      "a gap over what was handled",
      behind([...clean(), { node: "s", type: "cause", reason: "retention" }], A2, {
        node: "a",
        type: "gap",
        from: 10,
        to: 20,
        reason: "retention",
      }),
      "false-gap",
      "a",
      "(10, 20] retention",
    ],
    [
      "a gap over what is delivered later",
      behind(
        [...clean(), { node: "s", type: "cause", reason: "retention" }],
        { node: "a", id: "p1" },
        {
          node: "a",
          type: "gap",
          from: 10,
          to: 20,
          reason: "retention",
        },
      ),
      "false-gap",
      "a",
      "(10, 20] retention",
    ],
    [
      "a gap without a cause",
      behind(
        without(clean(), A2),
        { node: "a", id: "p1" },
        { node: "a", type: "gap", from: 10, to: 20, reason: "epoch" },
      ),
      "false-gap",
      "a",
      "(10, 20] epoch",
    ],
    [
      "a gap beyond what was trimmed",
      behind(
        [...without(clean(), A2), { node: "s", type: "cause", reason: "retention", to: 15 }],
        { node: "a", id: "p1" },
        { node: "a", type: "gap", from: 10, to: 20, reason: "retention" },
      ),
      "false-gap",
      "a",
      "(10, 20] retention",
    ],
    [
      "damage where nothing is damaged",
      behind([...clean(), { node: "s", type: "cause", reason: "corrupt" }], A2, {
        node: "a",
        type: "gap",
        from: 24,
        to: 25,
        reason: "corrupt",
      }),
      "false-gap",
      "a",
      "(24, 25] corrupt",
    ],
    [
      "two offsets",
      clean().map((line) => (line.node === "b" && line.id === "p2" ? { ...line, offset: 21 } : line)),
      "inconsistent-offset",
      "b",
      "p2",
    ],
    [
      "an acknowledged emit was never handled",
      without(clean(), { node: "s", id: "e1", type: "handled" }),
      "lost",
      "a",
      "e1",
    ],
    [
      "an answered emit was never handled",
      without(without(clean(), { node: "s", id: "e2", type: "handled" }), { id: "e2", type: "acked" }),
      "unseen",
      "a",
      "e2",
    ],
    [
      "an emit was passed over",
      ["handled", "answered", "acked"].reduce((lines, type) => without(lines, { id: "e1", type }), clean()),
      "skipped",
      "a",
      "e1",
    ],
    [
      "an emit handled twice in one life",
      behind(clean(), { node: "s", id: "e1" }, { node: "s", t: 12, type: "handled", id: "e1", session: "A" }),
      "duplicate",
      "s",
      "e1",
    ],
    [
      "an emit handled again after it was acknowledged",
      behind(clean(), { id: "e2", type: "acked" }, KILLED, {
        node: "s",
        t: 30,
        type: "handled",
        id: "e2",
        session: "A",
      }),
      "duplicate",
      "a",
      "e2",
    ],
    [
      "emits handled in the wrong order",
      behind(
        without(clean(), { node: "s", id: "e1" }),
        { node: "s", id: "e2" },
        {
          node: "s",
          type: "handled",
          id: "e1",
          session: "A",
        },
      ),
      "out-of-order",
      "s",
      "e1",
    ],
    [
      "an emit handled as somebody else's",
      clean().map((line) => (line.node === "s" && line.id === "e1" ? { ...line, session: "B" } : line)),
      "phantom",
      "s",
      "e1",
    ],
    ["an emit nobody sent", [...clean(), { node: "s", type: "handled", id: "x", session: "A" }], "phantom", "s", "x"],
  ];
  for (const [name, lines, kind, who, what] of wrong) {
    it(`${kind}: ${name}`, () => {
      const found = check(lines);
      expect(found.map((anomaly) => [anomaly.kind, anomaly.who, anomaly.what])).toContainEqual([kind, who, what]);
      expect(new Set(found.map((anomaly) => anomaly.kind))).toEqual(new Set([kind]));
      for (const { lines: evidence } of found) {
        expect(evidence.length).toBeGreaterThan(0);
        for (const line of evidence) expect(lines[line - 1]).toBeDefined();
      }
    });
  }
});

describe("a line that is none", () => {
  for (const [text, message] of [
    ["{", "line 2 of the history is no JSON"],
    ["null", "unknown type"],
    ['{"node":"a","type":"constructor"}', "unknown type"],
    ['{"type":"begin"}', "which node"],
    ['{"node":"a","type":"publish","id":"x"}', '"to" is not a list of texts'],
    ['{"node":"a","type":"handled","id":"x","offset":"1"}', '"offset" is not a number'],
  ]) {
    it(`is refused: ${text}`, () => {
      expect(() => checkHistory(["", text as string])).toThrow(message as string);
    });
  }
});
