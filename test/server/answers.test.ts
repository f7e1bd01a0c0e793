/** R32, R33: answers on their way from handlers to the client, and out of the store when they have arrived. */
import { describe, expect, it } from "vitest";
import { Answers } from "../../src/server/answers.ts";

const LARGE = 1_000;
const seqs = (some: readonly { readonly seq: number }[]) => some.map(({ seq }) => seq);

describe("R33: answers", () => {
  it("are carried when they are committed, once by a connection, and again by the next one", () => {
    const answers = new Answers();
    const [connection, next] = [{}, {}];
    expect(answers.give(1, "[1]") && answers.give(2, "[2]")).toBe(true);
    expect([seqs(answers.carry(connection, LARGE)), answers.left(connection)]).toEqual([[], false]);
    const change = answers.change();
    expect(change).toEqual({
      answers: [
        [1, "[1]"],
        [2, "[2]"],
      ],
      drop: [],
    });
    answers.committed(change.answers);
    expect([answers.left(connection), seqs(answers.carry(connection, LARGE))]).toEqual([true, [1, 2]]);
    expect([answers.left(connection), seqs(answers.carry(connection, LARGE))]).toEqual([false, []]);
    expect(seqs(answers.carry(next, LARGE))).toEqual([1, 2]);
    answers.recarry();
    expect(seqs(answers.carry(next, LARGE))).toEqual([1, 2]);
  });

  it("are removed from the store, list by list, when the client has all of one", () => {
    const answers = new Answers();
    const connection = {};
    for (const list of [[7, 5], [6]]) {
      for (const seq of list) answers.give(seq, "[]");
      answers.committed(answers.change().answers);
    }
    expect(seqs(answers.carry(connection, LARGE))).toEqual([7, 5, 6]);
    answers.confirmed(1);
    expect(answers.change().drop).toEqual([]);
    answers.confirmed(2);
    expect([answers.dropped, answers.change().drop, answers.dropped]).toEqual([2, [7, 6], 0]);
    expect(answers.left({})).toBe(false);
  });

  it("of an earlier life stand, and are carried", () => {
    const answers = new Answers([[[3, "[3]"]]]);
    expect([answers.give(3, "[4]"), answers.give(4, "[4]")]).toEqual([false, true]);
    expect(seqs(answers.carry({}, LARGE))).toEqual([3]);
  });

  it("go in frames of a bounded size, one with attachments alone", () => {
    const answers = new Answers([
      [
        [1, "x".repeat(600)],
        [2, "x".repeat(600)],
        [3, "x"],
        [4, Uint8Array.of(1)],
        [5, "x"],
      ],
    ]);
    const connection = {};
    const frames = [];
    while (answers.left(connection)) frames.push(seqs(answers.carry(connection, LARGE)));
    expect(frames).toEqual([[1, 2], [3], [4], [5]]);
  });
});
