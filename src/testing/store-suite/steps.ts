/**
 * Random steps for an engine and the memory engine.
 *
 * Rule: names and numbers come from small sets, so that steps meet each other: the same id, session and key again.
 */
import fc from "fast-check";
import type { Operation } from "../../store/store.ts";
import { nthId } from "./given.ts";

/** One step. Offsets in it are ranks. */
export type Step =
  | { readonly do: "commit"; readonly batch: readonly Operation[]; readonly named: boolean; readonly again: boolean }
  | {
      readonly do: "read";
      readonly keys: readonly Bounds[];
      readonly limit: number;
      readonly maxBytes: number;
      readonly reverse: boolean;
    }
  | {
      readonly do: "trim";
      readonly entries: number;
      readonly bytes: number;
      readonly age: number;
      readonly limit: number;
    }
  | { readonly do: "expire"; readonly before: number; readonly limit: number }
  | { readonly do: "reopen" };

interface Bounds {
  readonly key: string;
  readonly after: number;
  readonly upTo: number;
}

const small = fc.nat({ max: 12 });
const key = fc.constantFrom("a", "b", "c", "d");
const session = fc.constantFrom("s", "t", "u");
const generation = fc.integer({ min: 1, max: 3 });
const data = fc.oneof(fc.string({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }));
const id = fc.nat({ max: 60 }).map(nthId);
const keys = fc.array(key, { minLength: 1, maxLength: 3 });

const appending = fc.record({
  kind: fc.constant("append" as const),
  entry: fc.record({ id, keys, except: fc.array(key, { maxLength: 2 }), data, publishedAt: small }),
});

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: appending },
  fc.record({
    kind: fc.constant("open" as const),
    session,
    namespace: fc.constantFrom("/", "/chat"),
    principal: fc.constantFrom("ann", "bob", null),
    keys: fc.array(key, { maxLength: 3 }),
    inboxSettled: small,
    at: small,
  }),
  fc
    .record({ session, from: generation, next: generation, at: small })
    .map((step) => ({ ...step, kind: "resume" as const, next: step.from + step.next })),
  fc.record({ kind: fc.constant("join" as const), session, generation, key }),
  fc.record({ kind: fc.constant("leave" as const), session, generation, key }),
  fc.record({ kind: fc.constant("leave" as const), session, generation, key, until: small }),
  fc.record({
    kind: fc.constant("progress" as const),
    session,
    generation,
    cursor: small,
    arrived: small,
    position: small,
    confirmed: small,
    at: small,
    rewind: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("inbox" as const),
    session,
    generation,
    settled: small,
    above: fc.array(small, { maxLength: 4 }),
    answers: fc.array(fc.tuple(small, data), { maxLength: 2 }),
    drop: fc.array(small, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("forget" as const), session }),
  fc.record({
    kind: fc.constant("bury" as const),
    letter: fc.record({
      id,
      session,
      direction: fc.constantFrom("to-client" as const, "to-server" as const),
      namespace: fc.constant("/"),
      message: id,
      data,
      attempts: small,
      reason: fc.string({ maxLength: 5 }),
      at: small,
    }),
  }),
  fc.record({ kind: fc.constant("unbury" as const), letter: id }),
);

/** Any step. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("commit" as const),
      batch: fc.array(operation, { maxLength: 8 }),
      named: fc.boolean(),
      again: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      keys: fc.array(fc.record({ key, after: fc.nat({ max: 30 }), upTo: fc.nat({ max: 60 }) }), { maxLength: 4 }),
      limit: fc.integer({ min: 1, max: 6 }),
      maxBytes: fc.nat({ max: 60 }),
      reverse: fc.boolean(),
    }),
  },
  fc.record({
    do: fc.constant("trim" as const),
    entries: fc.nat({ max: 30 }),
    bytes: fc.nat({ max: 300 }),
    age: fc.nat({ max: 20 }),
    limit: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ do: fc.constant("expire" as const), before: small, limit: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant("reopen" as const) }),
);
