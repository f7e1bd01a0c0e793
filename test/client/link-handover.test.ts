/** What a client's session goes through in a browser: its storage is another's by now, is older than the server, or has no time left. */
import { describe, expect, test } from "vitest";
import { type Message, unsent } from "../../src/client/outbox.ts";
import type { ClientChange, ClientState, ClientStorage, StorageHost } from "../../src/client-storage.ts";
import type { Outgoing } from "../../src/core/outbox.ts";
import { settled } from "../../src/testing/virtual-clock.ts";
import { type Bench, bench } from "./bench.ts";

/** A durable storage that saves when it is told to. */
function storageOf(state?: ClientState) {
  const self = {
    durable: true,
    host: undefined as unknown as StorageHost,
    changes: [] as ClientChange[],
    last: undefined as ClientChange | undefined,
    closed: false,
    waiting: [] as (() => void)[],
    load(host: StorageHost) {
      self.host = host;
      return Promise.resolve(state);
    },
    save(change: ClientChange) {
      self.changes.push(change);
      return new Promise<void>((resolve) => void self.waiting.push(resolve));
    },
    close() {
      self.closed = true;
    },
  };
  const storage: ClientStorage = {
    get durable() {
      return self.durable;
    },
    load: self.load,
    save: self.save,
    close: self.close,
    last(change) {
      self.last = change;
    },
  };
  /** Lets all saves through. */
  const saved = async (): Promise<void> => {
    await settled();
    for (let save = self.waiting.shift(); save; save = self.waiting.shift()) {
      save();
      await settled();
    }
  };
  return { self, storage, saved };
}

const KEPT: ClientState = {
  session: "S",
  token: "7.x",
  epoch: "E",
  cursor: 100,
  above: [],
  gaps: [],
  nextSeq: 6,
  messages: [outgoing(4), outgoing(5)],
};

function outgoing(seq: number): Outgoing {
  return { seq, id: `m${seq}`, args: ["e", seq], wantsAnswer: false, bytes: 10, expiresAt: Number.POSITIVE_INFINITY };
}

const emit = (b: Bench, n: unknown, ack?: (...args: unknown[]) => void): Message =>
  b.link.outbox.emit(["e", n], false, ack) as Message;

describe("durable storage", () => {
  test("a message is pending, then stored, then sent; one of an earlier life is stored from the beginning", async () => {
    const { self, storage, saved } = storageOf(KEPT);
    const b = bench({ storage });
    const told: string[] = [];
    b.link.delivery.on("status", ({ id, status }) => told.push(`${id} ${status}`));
    let outboxTold = 0;
    b.link.delivery.on("outbox", () => void outboxTold++);
    await settled();
    expect(b.link.outbox.messages.get(4)?.status).toBe("stored");
    expect([b.link.outbox.messages.values().filter(unsent).length, outboxTold]).toEqual([2, 1]);
    const message = emit(b, 6);
    await settled();
    expect([message.status, self.changes.length]).toEqual(["pending", 1]);
    await saved();
    expect([message.status, told]).toEqual(["stored", ["id1 stored"]]);
    await b.connect({ session: "S", token: "8.x", resumed: true, received: 3 });
    await saved();
    expect(told).toEqual(["id1 stored", "m4 sent", "m5 sent", "id1 sent"]);
  });

  test("a storage that is not durable stores nothing, and what it missed is stored when it is again", async () => {
    const { self, storage, saved } = storageOf();
    const b = bench({ storage });
    await settled();
    self.durable = false;
    const first = emit(b, 1);
    await saved();
    expect(first.status).toBe("pending");
    self.durable = true;
    const second = emit(b, 2);
    await saved();
    expect([first.status, second.status]).toEqual(["stored", "stored"]);
  });

  test("the end waits for the last save, and not for ever", async () => {
    for (const works of [true, false]) {
      const { self, storage, saved } = storageOf();
      const b = bench({ storage });
      await settled();
      emit(b, 1);
      await settled();
      emit(b, 2);
      b.link.end();
      expect(self.closed).toBe(false);
      if (works) {
        await saved();
        expect(self.changes.map(({ put }) => put.map(({ seq }) => seq))).toEqual([[1], [2]]);
      } else await b.clock.advance(1_000);
      expect(self.closed).toBe(true);
    }
  });

  test("a page that goes away keeps what is being saved and what came after it, but for what is not text", async () => {
    const { self, storage, saved } = storageOf();
    const b = bench({ storage });
    await settled();
    b.link.keep();
    expect(self.last).toBeUndefined();
    emit(b, 1);
    await settled();
    emit(b, 2);
    emit(b, new Uint8Array([1]));
    b.link.keep();
    expect(self.last).toMatchObject({ put: [{ seq: 1 }, { seq: 2 }], place: { nextSeq: 4 } });
    await saved();
    // It came back.
    self.last = undefined;
    b.link.keep();
    expect(self.last).toBeUndefined();
  });
});

describe("a session that another page has taken", () => {
  test("a new one is begun: what was kept is the other's, what was not goes with the new one", async () => {
    const { self, storage, saved } = storageOf(KEPT);
    const b = bench({ storage });
    await settled();
    await b.connect({ session: "S", token: "8.x", resumed: true, received: 3, offset: 150 });
    await saved();
    b.take();
    const answers: unknown[] = [];
    const kept = emit(b, 6, (...args) => answers.push(args));
    await saved();
    expect(kept.status).toBe("sent");
    const ended: string[] = [];
    kept.ended = (status) => ended.push(status);
    const late = emit(b, 7);
    await settled();
    self.host.lost();
    expect([kept.status, ended, b.closes]).toEqual(["stored", ["stored"], 1]);
    await saved();
    expect(late.status).toBe("stored");
    // What still comes on the old connection is nobody's.
    await b.say("a", 6, 6, [], []);
    b.take();
    const hello = await b.connect({ session: "T", token: "1.y", received: 0, offset: 200 });
    expect(hello).toMatchObject({ session: undefined, token: undefined, epoch: "E", offset: 150, floor: 6 });
    await saved();
    expect(b.messages()).toEqual([[7, late.id, 0, ["e", 7]]]);
    const { place, put } = self.changes.at(-1) as ClientChange;
    expect(place).toMatchObject({ session: "T", token: "1.y", nextSeq: 8 });
    expect(put.filter(({ seq }) => seq < 7)).toEqual([]);
    await b.say("a", 7, 7, [], []);
    expect(late.status).toBe("acked");
  });

  test("a superseded page that finds out why connects again", async () => {
    const { self, storage, saved } = storageOf(KEPT);
    const b = bench({ storage });
    await settled();
    await b.connect({ session: "S", token: "8.x", resumed: true, received: 5 });
    await saved();
    await b.say("x", "SUPERSEDED");
    expect(b.link.delivery.state).toBe("superseded");
    expect(b.again).toBe(0);
    self.host.lost();
    expect(b.again).toBe(1);
  });
});

describe("a storage that is older than what the server knows", () => {
  test("no number is used twice: what is new gets numbers that the server does not know", async () => {
    const { self, storage, saved } = storageOf(KEPT);
    const b = bench({ storage });
    await settled();
    const [one, two] = [emit(b, "one"), emit(b, "two")];
    await saved();
    expect([one.seq, two.seq]).toEqual([6, 7]);
    // In the time that the storage has forgotten, 6, 7 and 8 were sent.
    await b.connect({ session: "S", token: "8.x", resumed: true, received: 8 });
    expect([one.seq, two.seq]).toEqual([9, 10]);
    await saved();
    expect(b.messages()).toEqual([
      [9, one.id, 0, ["e", "one"]],
      [10, two.id, 0, ["e", "two"]],
    ]);
    const numbers = new Set<number>();
    for (const { put, remove } of self.changes) {
      for (const seq of remove) numbers.delete(seq);
      for (const { seq } of put) numbers.add(seq);
    }
    expect([...numbers]).toEqual([9, 10]);
    await b.say("a", 8, 8, [], []);
    expect([one.status, two.status]).toEqual(["sent", "sent"]);
    await b.say("a", 10, 10, [], []);
    expect([one.status, two.status, b.link.outbox.messages.size]).toEqual(["acked", "acked", 0]);
  });
});
