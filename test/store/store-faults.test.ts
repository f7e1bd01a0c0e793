/** The faulty store does what its plan says, and the suite over it notices stores that do not keep the contract. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { memory } from "../../src/store/memory.ts";
import type { Entry, Operation, Store } from "../../src/store/store.ts";
import { type FaultyStore, faultyStore, type StoreFaultPlan } from "../../src/testing/store-faults.ts";
import { append, codeOf, everything, ids, nthId, until } from "../../src/testing/store-suite/given.ts";
import { type MakeStore, storeFaultSuite } from "../../src/testing/store-suite.ts";

async function given(plan: StoreFaultPlan): Promise<{ inner: Store; store: FaultyStore }> {
  const inner = memory();
  const store = faultyStore(inner, plan);
  await store.open();
  return { inner, store };
}

async function kept(store: Store): Promise<string[]> {
  return ids((await store.read(everything())).entries);
}

/** Whether a promise has settled, or does within some turns of the event loop. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  return settled;
}

describe("a faulty store", () => {
  test("refuses the n-th call of a method and keeps nothing of it", async () => {
    const { store } = await given({ faults: [{ at: 2, on: "commit", kind: "refused" }] });
    await store.commit([append(1)]);
    expect(await codeOf(store.commit([append(2)]))).toBe("STORE_BUSY");
    expect(await kept(store)).toEqual([nthId(1)]);
    await store.commit([append(2)]);
    expect(await kept(store)).toEqual([nthId(1), nthId(2)]);
  });

  test("fails the n-th call of all after it was performed, with the error that was given", async () => {
    const { store } = await given({ faults: [{ at: 2, kind: "unknown", error: new Error("the cable") }] });
    await expect(store.commit([append(1)])).rejects.toThrow("the cable");
    expect(await kept(store)).toEqual([nthId(1)]);
    expect(await store.commit([append(1)])).toMatchObject([{ duplicate: true }]);
    expect(store.calls).toBe(4);
  });

  test("opens at the second call when the first failed though it was performed", async () => {
    const store = faultyStore(memory(), { faults: [{ at: 1, on: "open", kind: "unknown" }] });
    expect(await codeOf(store.open())).toBe("STORE_FAILED");
    expect((await store.open()).head).toBe(0);
  });

  test.each(["crash", "crash after"] as const)("after a %s nothing settles and nobody is told", async (kind) => {
    const { inner, store } = await given({ faults: [{ at: 2, on: "commit", kind }] });
    const seen: Entry[] = [];
    store.tail(0, (entries) => seen.push(...entries));
    await store.commit([append(1)]);
    await until(() => seen.length === 1);
    const [last, later] = [store.commit([append(2)]), store.read(everything())];
    await store.whenCrashed;
    expect([await settles(last), await settles(later), await settles(store.close())]).toEqual([false, false, false]);
    expect(await kept(inner)).toEqual(kind === "crash" ? [nthId(1)] : [nthId(1), nthId(2)]);
    await inner.commit([append(3)]);
    expect(await settles(last)).toBe(false);
    expect(ids(seen)).toEqual([nthId(1)]);
  });

  test("is as slow as its gate, and what is under way at a crash is never heard of again", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { inner, store } = await given({ gate: (method) => (method === "commit" ? held : undefined) });
    const slow = store.commit([append(1)]);
    expect(await settles(slow)).toBe(false);
    expect(await kept(store)).toEqual([]);
    store.crash();
    release();
    expect(await settles(slow)).toBe(false);
    expect(await kept(inner)).toEqual([]);
  });

  test("hands nothing to a tail that it did not give", async () => {
    const { store } = await given({ faults: [{ at: 1, on: "tail", kind: "unknown" }] });
    const seen: Entry[][] = [[], []];
    expect(() => store.tail(0, (entries) => seen[0]?.push(...entries))).toThrow(/^STORE_FAILED/);
    store.tail(0, (entries) => seen[1]?.push(...entries));
    await store.commit([append(1)]);
    await until(() => seen[1]?.length === 1);
    expect(seen[0]).toEqual([]);
  });

  test("has no transactions where the store within has none", async () => {
    expect((await given({})).store.appendInTransaction).toBeUndefined();
  });
});

/** The memory engine with one thing wrong. */
function broken(change: (store: Store) => Partial<Store>): MakeStore {
  return async () => {
    const inner = memory();
    const store: Store = Object.assign(Object.create(inner), bound(inner), change(inner));
    return {
      store,
      async reopen() {
        await inner.close();
        return store;
      },
      cleanup: () => inner.close(),
    };
  };
}

/** The methods of a store that keeps its state in private fields, usable from another object. */
function bound(store: Store): Partial<Store> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(store)) as (keyof Store)[];
  const methods = names.map((name) => [name, store[name]] as const).filter(([, value]) => typeof value === "function");
  return Object.fromEntries(methods.map(([name, value]) => [name, (value as () => unknown).bind(store)]));
}

const STORES: readonly (readonly [string, MakeStore])[] = [
  [
    "appends again what is repeated",
    broken((store) => {
      const known = new Map<string, number>();
      const renamed = (id: string) => {
        known.set(id, (known.get(id) ?? 0) + 1);
        return known.get(id) === 1 ? id : `7${id.slice(1, 20)}${String(known.get(id)).padStart(6, "0")}`;
      };
      return {
        commit: (batch) =>
          store.commit(
            batch.map((one) =>
              one.kind === "append" ? { ...one, entry: { ...one.entry, id: renamed(one.entry.id) } } : one,
            ),
          ),
      };
    }),
  ],
  [
    "begins a membership anew when a join is repeated",
    broken((store) => ({
      commit: (batch) =>
        store.commit(
          batch.flatMap((one): Operation[] => (one.kind === "join" ? [{ ...one, kind: "leave" }, one] : [one])),
        ),
    })),
  ],
  [
    "hands a tail more than it asked for",
    broken((store) => ({ tail: (after, sink) => store.tail(Math.max(0, after - 1), sink) })),
  ],
];

describe("the suite with faults", () => {
  test.each(STORES)("notices a store that %s", async (_, makeStore) => {
    const results = await Promise.allSettled(storeFaultSuite(makeStore).map(({ run }) => run()));
    expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  });
});
