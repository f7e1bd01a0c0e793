import { describe, expect, test } from "vitest";
import type { Message } from "../../src/client/outbox.ts";
import type { ClientChange, ClientState, ClientStorage } from "../../src/client-storage.ts";
import type { Outgoing } from "../../src/core/outbox.ts";
import { settled } from "../../src/testing/virtual-clock.ts";
import { bench } from "./bench.ts";

/** A storage whose saves the test lets through or fails. */
function scripted(
  state?: ClientState,
): ClientStorage & { readonly pending: { ok(): void; fail(): void }[]; kept: ClientState } {
  const messages = new Map<number, Outgoing>(state?.messages.map((message) => [message.seq, message]));
  const self = {
    durable: true,
    pending: [] as { ok(): void; fail(): void }[],
    kept: state as ClientState,
    load: () => Promise.resolve(state),
    save: ({ place, put, remove }: ClientChange) =>
      new Promise<void>((resolve, reject) => {
        const ok = (): void => {
          for (const message of put) messages.set(message.seq, message);
          for (const seq of remove) messages.delete(seq);
          self.kept = { ...place, messages: [...messages.values()] };
          resolve();
        };
        self.pending.push({ ok, fail: () => reject(new Error("disk")) });
      }),
    close() {},
  };
  return self;
}

describe("durable storage", () => {
  test("emits before it is loaded are kept; nothing is sent or acknowledged before it is saved", async () => {
    const storage = scripted();
    const b = bench({ storage });
    const sending = b.link.outbox.emit(["e", 1], false) as Message;
    b.link.outbox.emit(["e", 2], false);
    expect(sending.seq).toBe(0);
    await settled();
    expect(sending.seq).toBe(1);
    await b.connect();
    expect(b.take()).toEqual([]);
    expect(storage.pending.length).toBe(1);
    storage.pending[0]?.ok();
    await settled();
    // The session that the welcome gave was not part of that change.
    expect(b.take()).toEqual([]);
    storage.pending[1]?.ok();
    await settled();
    expect(b.messages().map(([seq]) => seq)).toEqual([1, 2]);
  });

  test("what is kept is what was emitted, whatever becomes of the arguments", async () => {
    const storage = scripted();
    const b = bench({ storage });
    await settled();
    const data = new Uint8Array([1]);
    // No storage can take a function.
    b.link.outbox.emit(["e", { at: new Date(0), f() {}, price: { toJSON: () => "1.50" } }, data], false);
    const other = { n: 1 };
    b.link.outbox.emit(["e", other], false);
    other.n = 2;
    await settled();
    storage.pending.shift()?.ok();
    expect(storage.kept.messages.map(({ args }) => args)).toEqual([
      ["e", { at: new Date(0).toJSON(), price: "1.50" }, data],
      ["e", { n: 1 }],
    ]);
  });

  test("a failing save is reported and made again; meanwhile nothing goes out", async () => {
    const storage = scripted();
    const b = bench({ storage });
    await settled();
    await b.connect();
    b.link.outbox.emit(["e", 1], false);
    await settled();
    storage.pending.shift()?.ok();
    await settled();
    b.take();
    storage.pending.shift()?.fail();
    await settled();
    b.link.outbox.emit(["e", 2], false);
    await b.clock.advance(10);
    expect(b.errors.length).toBe(1);
    expect(b.take()).toEqual([]);
    await b.clock.advance(1_000);
    storage.pending.shift()?.ok();
    await settled();
    expect(b.messages().map(([seq]) => seq)).toEqual([1, 2]);
    expect(storage.kept.messages.length).toBe(2);
  });

  test("after a restart: session, cursor and what is settled above it, outbox and numbers", async () => {
    const storage = scripted({
      session: "S",
      token: "7.x",
      epoch: "E",
      cursor: 100,
      above: [102],
      last: [103, "C"],
      gaps: [],
      nextSeq: 6,
      messages: [
        { seq: 4, id: "m4", args: ["e", 4], wantsAnswer: true, bytes: 10, expiresAt: Number.POSITIVE_INFINITY },
        { seq: 5, id: "", args: undefined, wantsAnswer: false, bytes: 0, expiresAt: Number.POSITIVE_INFINITY },
      ],
    });
    const b = bench({ storage });
    await settled();
    const seen: unknown[] = [];
    b.on("e", (n) => void seen.push(n));
    b.link.outbox.emit(["e", 6], false);
    const hello = await b.connect({ resumed: true, received: 4 });
    expect(hello).toEqual({ v: 1, session: "S", token: "7.x", epoch: "E", offset: 100, last: [103, "C"], floor: 3 });
    for (let save = storage.pending.shift(); save; save = storage.pending.shift()) {
      save.ok();
      await settled();
    }
    expect(b.messages()).toEqual([[5], [6, "id1", 0, ["e", 6]]]);
    await b.entries([101, "A", ["e", "a"]], [102, "B", ["e", "b"]], [103, "C", ["e", "c"]]);
    expect(seen).toEqual(["a", "c"]);
  });

  test("a resync that did not settle before the end is run again", async () => {
    const storage = scripted();
    const b = bench({ storage, resync: () => new Promise(() => {}) });
    await settled();
    await b.connect();
    await b.say("g", { from: 100, to: 200, reason: "overflow" });
    await b.clock.advance(1_000);
    for (let save = storage.pending.shift(); save; save = storage.pending.shift()) {
      save.ok();
      await settled();
    }
    expect(storage.kept.cursor).toBe(200);
    const calls: unknown[] = [];
    const again = bench({ storage: scripted(storage.kept), resync: (gap) => void calls.push(gap) });
    await settled();
    expect(calls).toEqual([{ from: 100, to: 200, reason: "overflow" }]);
    expect(again.link.reader.place().gaps).toEqual([]);
  });

  test("ending releases timers", async () => {
    const b = bench();
    await b.connect();
    b.link.outbox.emit(["e"], false, () => {}, 1_000);
    b.link.end();
    expect(b.clock.timers).toBe(0);
    expect(b.link.delivery.state).toBe("offline");
  });
});
