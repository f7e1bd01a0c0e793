/**
 * The judge of runs in which the log is replaced, shown small histories.
 *
 * Rule: each thing that it must see stands beside the nearest history that is right.
 */
import { expect, it } from "vitest";
import type { Line } from "./history.ts";
import { judge } from "./told.ts";

/** c0 is in r0 and r2, c1 in r1 and r3. */
const NAMES = ["c0", "c1"];
let t = 0;
const line = (what: object) => ({ t: t++, ...what }) as Line;
const begun = (id: string, to: readonly string[] = ["*"]) => line({ node: "n0", type: "publish", id, to });
const kept = (id: string, offset: number, epoch = "e0") => line({ node: "n0", type: "published", id, offset, epoch });
const handled = (node: string, id: string, offset: number) => line({ node, type: "handled", id, offset });
const gap = (node: string, from: number, to: number) => line({ node, type: "gap", from, to, reason: "epoch" });
const session = (node: string, name: string) => line({ node, type: "session", session: name });

const wrongOf = async (...lines: Line[]) => (await judge(lines, NAMES)).wrong;
/** Published and handled by both. */
const whole = (id: string, offset: number, epoch = "e0") => [
  begun(id),
  kept(id, offset, epoch),
  ...NAMES.map((name) => handled(name, id, offset)),
];

it("finds nothing wrong with a run in which nothing is", async () => {
  expect(await judge([...whole("a", 1), ...whole("b", 2)], NAMES)).toEqual({
    wrong: [],
    told: 0,
    repeated: 0,
    epochs: 1,
    gaps: 0,
  });
});

it("sees what was acknowledged, is missing, and was not told", async () => {
  const lost = [...whole("a", 1), begun("b"), kept("b", 2), handled("c0", "b", 2), ...whole("c", 3)];
  expect(await wrongOf(...lost)).toEqual(["c1 has not got b, acknowledged at 2 of epoch 0, and was not told"]);
  expect(await wrongOf(...lost, handled("c1", "b", 4))).toEqual([]);
  // Nobody was told that it is there.
  expect(await wrongOf(...whole("a", 1), begun("b"), handled("c0", "b", 2))).toEqual([]);
  // It is for c0 alone.
  expect(await wrongOf(begun("b", ["r0"]), kept("b", 2), handled("c0", "b", 2))).toEqual([]);
});

it("takes a gap for what lies in it: after its beginning in the old epoch, up to its end in the new one", async () => {
  const run = (from: number, to: number, ...had: readonly string[]) => [
    ...whole("a", 5),
    begun("old"),
    kept("old", 7),
    ...had.map((name) => handled(name, "old", 7)),
    begun("new"),
    kept("new", 3, "e1"),
    ...NAMES.map((name) => gap(name, from, to)),
    ...whole("b", 8, "e1"),
  ];
  expect(await judge(run(5, 3), NAMES)).toMatchObject({ wrong: [], told: 4, epochs: 2, gaps: 2 });
  expect(await wrongOf(...run(7, 3, "c0"))).toHaveLength(1);
  // Nobody has it: the log has lost it, which another server may notice after entries that followed it.
  expect(await wrongOf(...run(7, 3))).toEqual([]);
  expect(await wrongOf(...run(5, 2))).toHaveLength(2);
});

it("takes a gap of its epoch for what the log may have lost with its end, though others had it", async () => {
  const run = (killed: object[]) => [
    ...whole("a", 1),
    begun("b"),
    kept("b", 2),
    handled("c0", "b", 2),
    ...killed.map((what) => line(what)),
    ...whole("c", 3),
    gap("c0", 3, 10),
    gap("c1", 3, 10),
    ...whole("d", 11, "e1"),
  ];
  expect(await wrongOf(...run([{ node: "run", type: "redis killed" }]))).toEqual([]);
  expect(await wrongOf(...run([]))).toHaveLength(1);
  // The end is everything after some place: who has something later, of before the kill, has skipped it.
  const later = { node: "run", type: "redis killed", t: 1_000 };
  expect(await wrongOf(...run([]), later as Line)).toHaveLength(1);
});

it("takes a gap for an epoch that came and went meanwhile", async () => {
  const around = (...told: string[]) => [
    ...whole("a", 5),
    begun("x"),
    kept("x", 9, "e1"),
    ...told.map((name) => gap(name, 5, 10)),
    ...whole("b", 12, "e2"),
  ];
  expect(await wrongOf(...around("c0", "c1"))).toEqual([]);
  expect(await wrongOf(...around("c0"))).toContain("c1 was in epochs 0,2 without a gap between them");
});

it("sees what is handled twice, out of order, or after an epoch that had ended", async () => {
  expect(await wrongOf(...whole("a", 1), handled("c0", "a", 2))).toEqual(["c0 handled a 2 times"]);
  expect(await wrongOf(...whole("b", 2), ...whole("a", 1))).toHaveLength(2);
  const back = [...whole("a", 1), gap("c0", 1, 1), gap("c1", 1, 1), ...whole("b", 2, "e1")];
  expect(await wrongOf(...back)).toEqual([]);
  const returned = await wrongOf(...back, gap("c0", 2, 2), gap("c1", 2, 2), ...whole("c", 3));
  expect(returned[0]).toBe("c0 came back to epoch 0 (stretch 2)");
  // In two epochs it is no fault: its publish was under way when the first ended.
  const again = [...whole("a", 1), gap("c0", 1, 1), gap("c1", 1, 1), handled("c0", "a", 2)];
  expect(await judge(again, NAMES)).toMatchObject({ wrong: [], repeated: 1 });
});

it("sees what was handled though nobody published it, or it was said that it was not kept", async () => {
  expect(await wrongOf(handled("c0", "a", 1))).toEqual(["c0 handled a, which nobody published"]);
  const refused = line({ node: "n0", type: "refused", id: "a" });
  expect(await wrongOf(begun("a"), refused, handled("c0", "a", 1))).toHaveLength(1);
  expect(await wrongOf(begun("a"), refused)).toEqual([]);
});

it("sees a gap for another reason, and an order that was settled and never handled", async () => {
  const other = line({ node: "c0", type: "gap", from: 0, to: 1, reason: "retention" });
  expect(await wrongOf(other)).toEqual(["c0 was told a gap for the reason retention"]);
  const order = [line({ node: "c0", type: "emit", id: "o" }), line({ node: "c0", type: "acked", id: "o" })];
  expect(await wrongOf(...order)).toEqual(["o was settled and never handled"]);
  expect(await wrongOf(line({ node: "n0", type: "handled", id: "o" }), ...order)).toEqual([]);
});

it("accuses nobody of what was for a room that a new session had yet to join, and only then", async () => {
  const run = (...between: Line[]) => [
    session("c0", "s0"),
    ...whole("a", 1),
    gap("c0", 1, 1),
    gap("c1", 1, 1),
    ...between,
    begun("x", ["r0"]),
    kept("x", 3, "e1"),
    ...whole("b", 4, "e1"),
  ];
  expect(await wrongOf(...run())).toHaveLength(1);
  expect(await wrongOf(...run(session("c0", "s1")))).toEqual([]);
});
