/**
 * The inbox of a session: which of a client's messages are new, settled and answered.
 *
 * Rule: messages are handled in order and without holes, a settled one never again; an answer is kept until the client has it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inbox } from "../../src/core/inbox.ts";

describe("R31: a message", () => {
  it("is new when it is the next, seen when it came before, and ahead when one is missing", () => {
    const inbox = new Inbox({ settled: 5, above: [] });
    expect([5, 7, 6, 6, 8, 7].map((seq) => inbox.accept(seq))).toEqual([
      "seen",
      "ahead",
      "new",
      "seen",
      "ahead",
      "new",
    ]);
    expect(inbox.received).toBe(7);
  });

  it("that was settled before a restart is not handed out after it, although it comes again", () => {
    const inbox = new Inbox({ settled: 5, above: [7] });
    expect([6, 7, 8].map((seq) => inbox.accept(seq))).toEqual(["new", "seen", "new"]);
  });
});

describe("what another life of the session has settled meanwhile", () => {
  it("is settled here: what is below, what comes later, and not what is being handled already", () => {
    const inbox = new Inbox({ settled: 1, above: [] });
    expect([2, 3].map((seq) => inbox.accept(seq))).toEqual(["new", "new"]);
    inbox.settledElsewhere({ settled: 1, above: [3, 5, 6] });
    expect(inbox.state).toEqual({ settled: 1, above: [5, 6] });
    expect([4, 5, 6, 7].map((seq) => inbox.accept(seq))).toEqual(["new", "seen", "seen", "new"]);
    for (const seq of [2, 3, 4]) inbox.settle(seq);
    expect(inbox.state).toEqual({ settled: 6, above: [] });
  });

  it("moves on with it, and is forgotten when the client has gone past it", () => {
    const inbox = new Inbox({ settled: 0, above: [] });
    inbox.settledElsewhere({ settled: 4, above: [6] });
    expect([inbox.received, inbox.accept(4)]).toEqual([4, "seen"]);
    inbox.skipTo(8);
    expect(inbox.state).toEqual({ settled: 8, above: [] });
    expect(inbox.accept(9)).toBe("new");
  });
});

describe("R32: what is settled", () => {
  it("is everything up to a number, and some above it", () => {
    const inbox = new Inbox({ settled: 0, above: [] });
    for (const seq of [1, 2, 3, 4]) inbox.accept(seq);
    inbox.settle(4);
    inbox.settle(2);
    expect(inbox.state).toEqual({ settled: 0, above: [2, 4] });
    inbox.settle(1);
    expect(inbox.state).toEqual({ settled: 2, above: [4] });
    inbox.settle(3);
    expect(inbox.state).toEqual({ settled: 4, above: [] });
  });
});

describe("R17: the client's floor", () => {
  it("is where the messages of a new session begin", () => {
    const inbox = new Inbox({ settled: 0, above: [] });
    inbox.skipTo(20);
    expect([inbox.received, inbox.state]).toEqual([20, { settled: 20, above: [] }]);
    expect([20, 21].map((seq) => inbox.accept(seq))).toEqual(["seen", "new"]);
  });

  it("says nothing when it is below what came", () => {
    const inbox = new Inbox({ settled: 5, above: [] });
    inbox.accept(6);
    inbox.skipTo(3);
    inbox.skipTo(6);
    expect([inbox.received, inbox.state]).toEqual([6, { settled: 5, above: [] }]);
  });
});

describe("an inbox", () => {
  it("over any number of restarts settles each message once, in order of arrival", () => {
    const step = fc.record({
      kind: fc.constantFrom("send" as const, "send" as const, "settle" as const, "restart" as const),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let inbox = new Inbox({ settled: 0, above: [] });
        const settled: number[] = [];
        let handling: number[] = [];
        for (const { kind, pick } of steps) {
          if (kind === "send") {
            // A client sends what follows what the server has; anything may come again, and anything may be lost.
            const seq = 1 + (pick % (inbox.received + 3));
            const before = inbox.received;
            const verdict = inbox.accept(seq);
            expect(verdict === "ahead").toBe(seq > before + 1);
            expect(verdict === "new").toBe(seq === before + 1 && !settled.includes(seq));
            expect(inbox.received).toBe(seq === before + 1 ? seq : before);
            if (verdict === "new") handling.push(seq);
          } else if (kind === "settle" && handling.length > 0) {
            const [seq = 0] = handling.splice(pick % handling.length, 1);
            inbox.settle(seq);
            settled.push(seq);
          } else if (kind === "restart") {
            inbox = new Inbox(inbox.state);
            handling = [];
          }
          const { state } = inbox;
          expect(state.above).toEqual(settled.filter((seq) => seq > state.settled).sort((a, b) => a - b));
          for (let seq = 1; seq <= state.settled; seq++) expect(settled).toContain(seq);
          expect(new Set(settled).size).toBe(settled.length);
        }
      }),
    );
  });
});
