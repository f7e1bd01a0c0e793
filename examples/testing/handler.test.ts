/** Is this handler idempotent? Delivery is at least once: it may be called again after a failure, or a crash, before its work was recorded. */
import { deliverySuite, type Handlers } from "gapless-io/testing";
import { describe, expect, it } from "vitest";

/** Books a payment. Asks its own database, in the same step, whether it has done so already. */
function ledger(): Handlers {
  const booked = new Map<number, number>();
  let balance = 0;
  return {
    message({ n }) {
      if (booked.has(n)) return;
      booked.set(n, 1);
      balance += 1;
    },
    check({ acknowledged }) {
      expect(acknowledged.filter((n) => !booked.has(n))).toEqual([]);
      expect(balance).toBe(booked.size);
    },
  };
}

describe("a ledger that remembers what it has booked", () => {
  const faults = ["cut", "server crash", "handlers", "store"] as const;
  for (const { name, run } of deliverySuite({ handlers: ledger, faults, runs: 40 })) it(name, run, 60_000);
});

describe("a ledger that does not", () => {
  function naive(): Handlers {
    const booked = new Set<number>();
    let balance = 0;
    return {
      message({ n }) {
        booked.add(n);
        balance += 1;
      },
      check() {
        expect(balance).toBe(booked.size);
      },
    };
  }

  it("is found out when handlers fail, with the shortest history that shows it", async () => {
    const suite = deliverySuite({ handlers: naive, faults: ["handlers"], runs: 200, seed: 1 });
    const all = suite.find(({ name }) => name === "over all of it at once");
    await expect(all?.run()).rejects.toThrow(/AssertionError|expected/);
  }, 60_000);
});
