import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeyValue, keyValueStorage } from "../../src/client/key-value.ts";
import type { ClientChange, ClientState, StorageHost } from "../../src/client-storage.ts";
import type { Outgoing } from "../../src/core/outbox.ts";

const host: StorageHost = { scope: "", changed() {}, lost() {} };

const message = (seq: number, ...args: unknown[]): Outgoing => ({
  seq,
  id: `id${seq}`,
  args: ["e", ...args],
  wantsAnswer: false,
  bytes: 10,
  expiresAt: 1_000,
});
const change = (nextSeq: number, put: Outgoing[], remove: number[] = []): ClientChange => ({
  place: { session: "S", token: "T", epoch: "E", cursor: nextSeq, above: [], last: [1, "x"], gaps: [], nextSeq },
  put,
  remove,
});

/** Texts by key; `writes` is how many more are made before the process dies. */
function texts(): KeyValue & { readonly kept: Map<string, string>; writes: number } {
  const kept = new Map<string, string>();
  const write = (run: () => void): Promise<void> => {
    if (self.writes-- <= 0) return new Promise(() => {});
    run();
    return Promise.resolve();
  };
  const self = {
    kept,
    writes: Number.POSITIVE_INFINITY,
    getItem: (key: string) => Promise.resolve(kept.get(key) ?? null),
    setItem: (key: string, value: string) => write(() => kept.set(key, value)),
    removeItem: (key: string) => write(() => kept.delete(key)),
  };
  return self;
}

describe("keyValueStorage", () => {
  test("gives back what was saved, binary parts too; names are apart", async () => {
    const store = texts();
    const storage = keyValueStorage(store);
    expect(await storage.load(host)).toBeUndefined();
    const bytes = new Uint8Array([1, 2, 255]);
    await storage.save(change(4, [message(1), message(2, { bytes, n: [1, null] }), message(3, Buffer.from(bytes))]));
    await storage.save(change(5, [{ ...message(3), args: undefined }, message(4)], [1]));
    expect(await keyValueStorage(store).load(host)).toEqual({
      ...change(5, []).place,
      messages: [message(2, { bytes, n: [1, null] }), { ...message(3), args: undefined }, message(4)],
    });
    expect(await keyValueStorage(store, { name: "other" }).load(host)).toBeUndefined();
    // One key a message, one for the rest.
    expect(store.kept.size).toBe(4);
  });

  test("takes a store that answers at once", async () => {
    const kept = new Map<string, string>();
    const store: KeyValue = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
    const storage = keyValueStorage(store);
    await storage.save(change(2, [message(1)]));
    expect((await keyValueStorage(store).load(host))?.messages).toEqual([message(1)]);
  });

  test("cut short anywhere, a change was made, or was not, or is made again", async () => {
    const step = fc.record({ put: fc.nat({ max: 3 }), remove: fc.nat({ max: 3 }), writes: fc.nat({ max: 8 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const store = texts();
        let nextSeq = 1;
        let held = new Map<number, Outgoing>();
        for (const { put, remove, writes } of steps) {
          const storage = keyValueStorage(store);
          const state = (await storage.load(host)) as ClientState | undefined;
          // What a life begins with is what is there; nothing that was kept is missing.
          nextSeq = state?.nextSeq ?? nextSeq;
          held = new Map(state?.messages.map((each) => [each.seq, each]));
          const added = Array.from({ length: put }, (_, i) => message(nextSeq + i));
          const removed = [...held.keys()].slice(0, remove);
          store.writes = writes;
          let made = false;
          void Promise.resolve(storage.save(change(nextSeq + put, added, removed))).then(() => {
            made = true;
          });
          await new Promise(setImmediate);
          store.writes = Number.POSITIVE_INFINITY;
          const after = await keyValueStorage(store).load(host);
          const seqs = (after?.messages ?? []).map(({ seq }) => seq);
          const old = [...held.keys()];
          const wanted = [...old.filter((seq) => !removed.includes(seq)), ...added.map(({ seq }) => seq)];
          if (made) expect(seqs).toEqual(wanted);
          else if (after?.nextSeq === nextSeq + put) {
            // The rest was written: all that was put is there, and of what was removed something may be left.
            expect(seqs).toEqual(expect.arrayContaining(wanted));
            expect(seqs.filter((seq) => !wanted.includes(seq) && !removed.includes(seq))).toEqual([]);
          } else expect(seqs).toEqual(old);
        }
      }),
    );
  });
});
