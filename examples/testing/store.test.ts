/** Does this store keep the contract? First property by property, then under a whole delivery network with faults. */
import { deliverySuite, type StoreHarness, storeFaultSuite, storeSuite } from "gapless-io/testing";
import { describe, expect, it } from "vitest";
import { countingStore } from "./counting-store.ts";

/** A new store, and how to close and open it again with what it holds. */
async function makeStore(): Promise<StoreHarness> {
  const store = countingStore();
  return {
    store,
    async reopen() {
      await store.close();
      return store;
    },
    cleanup: () => store.close(),
  };
}

describe("the contract", () => {
  for (const { name, run } of storeSuite(makeStore)) it(name, run, 60_000);
});

describe("the contract, while calls fail or the process dies", () => {
  for (const { name, run } of storeFaultSuite(makeStore)) it(name, run, 120_000);
});

describe("delivery", () => {
  for (const { name, run } of deliverySuite({ store: countingStore, runs: 25 })) it(name, run, 60_000);
});

it("a store that says it has kept what it has not is found out", async () => {
  const forgetful = () => {
    const store = countingStore();
    const { commit } = store;
    store.commit = async (batch, id) => {
      const kept = batch.filter(({ kind }) => kind !== "append" || store.commits % 5 !== 4);
      const outcomes = await commit.call(store, kept, id);
      return batch.map((operation) => (kept.includes(operation) ? outcomes[kept.indexOf(operation)] : { offset: 1 }));
    };
    return store;
  };
  const [first] = deliverySuite({ store: forgetful, runs: 100, seed: 1 });
  await expect(first?.run()).rejects.toThrow("the store obeys");
}, 60_000);
