/** A page that shows noughts is worth something only if it would show anything else. */
import { expect, it } from "vitest";
import type { Acknowledged } from "./acknowledged.ts";
import { Ledger, type Tally } from "./ledger.ts";

const list: Acknowledged[] = [1, 2, 3, 4, 5].map((n) => [`1-a.${n}`, n * 10]);

/** Hands these to a client, tells it all of the list, and waits long enough. */
function count(numbers: readonly number[], ordered = true): { ledger: Ledger; client: Tally } {
  const ledger = new Ledger();
  const client = ledger.add(ordered);
  ledger.acknowledged([["1-a.0", 0]], 0);
  ledger.begin();
  for (const n of numbers) client.receive(`1-a.${n}`, n * 10);
  ledger.acknowledged(list, 0);
  ledger.acknowledged([], 2_000);
  return { ledger, client };
}

it("counts what came", () => {
  const { ledger, client } = count([1, 2, 3, 4, 5]);
  expect(ledger.published).toBe(5);
  expect(client).toMatchObject({ received: 5, missing: 0, onTheWay: 0, doubled: 0, inverted: 0 });
});

it("sees a message that is missing, and one that is on its way", () => {
  expect(count([1, 3, 4]).client).toMatchObject({ received: 3, missing: 1, onTheWay: 1 });
});

it("sees a message that came twice", () => {
  expect(count([1, 2, 2, 3, 4, 5]).client).toMatchObject({ received: 5, doubled: 1, inverted: 0 });
});

it.each([true, false])("sees a message that was overtaken (by the log's order: %s)", (ordered) => {
  expect(count([1, 3, 2, 4, 5], ordered).client).toMatchObject({ received: 5, missing: 0, inverted: 1 });
});

it("takes back that one is missing when it comes after all", () => {
  const { client } = count([1, 3]);
  expect(client.missing).toBe(1);
  client.receive("1-a.2", 20);
  expect(client).toMatchObject({ received: 3, missing: 0, inverted: 1 });
});

it("does not ask for what was acknowledged before it began, nor twice for the same", () => {
  const { ledger, client } = count([1, 2, 3, 4, 5]);
  ledger.acknowledged([["1-a.0", 0], ...list], 3_000);
  expect(ledger.published).toBe(5);
  expect(client.onTheWay).toBe(0);
});
