/**
 * Frames of a server, as the client checks them: the forms that are frames, and those that are none.
 *
 * Rule: a frame that does not follow docs/protocol.md is none of it, whatever part of it is wrong (R4).
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseServerFrame, type Welcome } from "../../src/core/wire.ts";

const WELCOME: Welcome = {
  v: 1,
  session: "S",
  token: "1.x",
  epoch: "E",
  offset: 100,
  resumed: true,
  received: 9,
  gaps: [
    { from: 50, to: 60, reason: "retention" },
    { from: 60, to: 100, reason: "unauthorized", room: "r" },
  ],
  window: 64,
  payloadBytes: 1_000_000,
};

const FRAMES = {
  welcome: [0, "w", WELCOME],
  batch: [
    1,
    "b",
    10,
    [
      [7, "01J7", ["news"]],
      [10, "01JA", ["news", { text: "hi" }, null]],
    ],
  ],
  gap: [2, "g", { from: 10, to: 20, reason: "overflow" }],
  state: [
    3,
    "a",
    9,
    5,
    [7, 9],
    [
      [7, ["yes", 1]],
      [9, null, "DEAD_LETTER"],
    ],
  ],
  restart: [4, "s", 20],
  end: [5, "x", "SUPERSEDED"],
};

type Name = keyof typeof FRAMES;
type Path = readonly (string | number)[];

/** The value with what lies at the path replaced. */
function changed(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  const copy: Record<string | number, unknown> = Array.isArray(value) ? [...value] : Object.assign({}, value);
  copy[key] = changed(copy[key], rest, to);
  return copy;
}

const parsed = (frame: unknown) => parseServerFrame(frame as unknown[]);

describe("R2: a frame of the server", () => {
  it.each(Object.entries(FRAMES))("is a %s", (_name, frame) => {
    expect(parsed(frame)).toBe(frame);
  });

  it.each([
    ["a batch without entries", [1, "b", 10, []]],
    ["a state without answers", [1, "a", 0, 0, [], []]],
    ["an answer without arguments", [1, "a", 1, 1, [], [[1, []]]]],
    ["a welcome without gaps", [0, "w", { ...WELCOME, gaps: [] }]],
    ["the end of a session that is gone", [1, "x", "SESSION_UNKNOWN"]],
  ])("may be %s", (_name, frame) => {
    expect(parsed(frame)).toBe(frame);
  });

  it.each([
    ["nothing", []],
    ["a number", [1]],
    ["a type that nobody knows", [1, "z", 10, []]],
    ["a welcome of another type", [0, "z", WELCOME]],
    ["a type without its number", ["b", 10, []]],
  ])("is not %s", (_name, frame) => {
    expect(parsed(frame)).toBe(undefined);
  });

  it("is a welcome only with number 0, so that a late one changes nothing", () => {
    expect(parsed([1, "w", WELCOME])).toBe(undefined);
  });
});

describe("R33: an answer", () => {
  it.each([
    ["has arguments, or null and a code", [9, "no", "DEAD_LETTER"]],
    ["without arguments has a code", [9, null]],
  ])("%s", (_rule, answer) => {
    expect(parsed(changed(FRAMES.state, [5, 1], answer))).toBe(undefined);
  });
});

describe("R5: a welcome of another version", () => {
  it.each([[0], [2], ["1"], [undefined]])("(%j) is none", (v) => {
    expect(parsed([0, "w", { ...WELCOME, v }])).toBe(undefined);
  });
});

describe("R20: the entries of a batch", () => {
  const entry = (offset: number) => [offset, `id${offset}`, ["e"]];

  it.each([
    ["are in log order", [7, 5]],
    ["are in log order, the last two too", [5, 8, 7]],
    ["are each there once", [7, 7]],
    ["do not lie above what the batch covers", [7, 11]],
  ])("%s", (_rule, offsets) => {
    expect(parsed([1, "b", 10, offsets.map(entry)])).toBe(undefined);
  });

  it("may have holes between them", () => {
    expect(parsed([1, "b", 10, [1, 5, 10].map(entry)])).toBeDefined();
  });
});

/** Values that are no offset, text, list or object, among them some that pass for one at a careless glance. */
const NONE = {
  offset: [-1, 1.5, Number.NaN, "1", [1], null, undefined, 2 ** 53],
  text: [1, ["text"], {}, null, undefined],
  list: ["text", 1, { length: 0 }, { 0: 1, 1: [], 2: ["e"] }, null, undefined],
  object: ["text", 1, null, undefined],
};

describe("R4: a frame is none", () => {
  const parts: [Name, string, keyof typeof NONE, Path][] = [
    ["welcome", "number", "offset", [0]],
    ["welcome", "content", "object", [2]],
    ["welcome", "session", "text", [2, "session"]],
    ["welcome", "token", "text", [2, "token"]],
    ["welcome", "epoch", "text", [2, "epoch"]],
    ["welcome", "offset", "offset", [2, "offset"]],
    ["welcome", "received", "offset", [2, "received"]],
    ["welcome", "window", "offset", [2, "window"]],
    ["welcome", "payloadBytes", "offset", [2, "payloadBytes"]],
    ["welcome", "gaps", "list", [2, "gaps"]],
    ["welcome", "second gap", "object", [2, "gaps", 1]],
    ["batch", "number", "offset", [0]],
    ["batch", "upTo", "offset", [2]],
    ["batch", "entries", "list", [3]],
    ["batch", "entry", "list", [3, 1]],
    ["batch", "entry's offset", "offset", [3, 1, 0]],
    ["batch", "entry's id", "text", [3, 1, 1]],
    ["batch", "entry's event and arguments", "list", [3, 1, 2]],
    ["batch", "entry's event", "text", [3, 1, 2, 0]],
    ["gap", "number", "offset", [0]],
    ["gap", "content", "object", [2]],
    ["gap", "from", "offset", [2, "from"]],
    ["gap", "to", "offset", [2, "to"]],
    ["gap", "reason", "text", [2, "reason"]],
    ["state", "number", "offset", [0]],
    ["state", "received", "offset", [2]],
    ["state", "settled", "offset", [3]],
    ["state", "above", "list", [4]],
    ["state", "number in above", "offset", [4, 1]],
    ["state", "answers", "list", [5]],
    ["state", "answer", "list", [5, 0]],
    ["state", "answer's number", "offset", [5, 0, 0]],
    ["state", "answer's arguments", "list", [5, 0, 1]],
    ["state", "answer's code", "text", [5, 1, 2]],
    ["restart", "number", "offset", [0]],
    ["restart", "offset", "offset", [2]],
    ["end", "number", "offset", [0]],
    ["end", "code", "text", [2]],
  ];

  it.each(parts)("when a %s's %s is no %s", (name, _part, kind, path) => {
    for (const value of NONE[kind]) expect(parsed(changed(FRAMES[name], path, value))).toBe(undefined);
  });

  it("and throws nothing, whatever is sent", () => {
    const frame = fc.tuple(
      fc.oneof(fc.nat(3), fc.anything()),
      fc.oneof(fc.constantFrom("w", "b", "g", "a", "s", "x"), fc.anything()),
    );
    fc.assert(
      fc.property(frame, fc.array(fc.anything(), { maxLength: 4 }), (head, rest) => {
        const raw = [...head, ...rest];
        expect([undefined, raw]).toContain(parseServerFrame(raw));
      }),
    );
  });

  it("and throws nothing, when one part of a good one is anything", () => {
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.anything(), ([name, , , path], value) => {
        const raw = changed(FRAMES[name], path, value);
        expect([undefined, raw]).toContain(parsed(raw));
      }),
    );
  });
});
