/** Histories over a network that keeps the order, as every transport of Socket.IO does. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { plans } from "../../src/testing/simulator/plan.ts";
import { run } from "../../src/testing/simulator/simulate.ts";
import { expectHits, histories, share } from "./histories.ts";

/** What must have happened in the runs below, or they prove nothing about it. */
const MUST_HAPPEN = [
  "cut",
  "half-open: the client knows",
  "half-open: the server knows",
  "black hole up",
  "black hole down",
  "lost in a black hole",
  "server crash",
  "crash before commit",
  "crash after commit",
  "client crash",
  "client crash in a handler",
  "client storage failed",
  "away",
  "away for long",
  "session expired",
  "session resumed",
  "session refused",
  "superseded",
  "hello stolen",
  "forged frame",
  "bad frame from a client",
  "commit refused: full",
  "commit refused: busy",
  "commit refused: readonly",
  "commit unknown, kept",
  "commit unknown, not kept",
  "commit repeated",
  "slow commit",
  "store restored",
  "trim",
  "clock set back",
  "clock set forward",
  "server stalls",
  "client stalls",
  "join",
  "leave",
  "emit not durable",
  "publish acknowledged",
  "publish found in the log",
  "publish refused",
  "message failed: DEAD_LETTER",
  "message failed: OUTBOX_FULL",
  "message failed: ACK_TIMEOUT",
  "message swallowed by a middleware",
  "entry given up",
  "answer",
  "gap: retention",
  "gap: session",
  "gap: epoch",
  "gap: unauthorized",
  "gap: overflow",
  "a client stays broken",
];

it("everything arrives, in order, once, or a gap says so", async () => {
  const hits = await histories({ runs: share(0.5), networks: ["ordered"] });
  if (share(0.5) >= 5_000) expectHits(hits, MUST_HAPPEN);
}, 300_000);

it("without a fault nothing is sent twice", async () => {
  await histories({ runs: share(0.05), networks: ["ordered"], faults: [] });
}, 100_000);

it("clients that change servers while the store cannot be written keep what they have", async () => {
  const faults = ["wander", "store", "slow store", "cut", "half-open", "client crash"] as const;
  await histories({ runs: share(0.1), networks: ["ordered"], faults });
}, 100_000);

it("a cut heals within 2.5 s, a crash of a server within 3.5 s", async () => {
  const within = (faults: readonly ("cut" | "server crash")[], mostMs: number) =>
    fc.assert(
      fc.asyncProperty(plans({ faults, networks: ["ordered"], maxSteps: 15 }), async (plan) => {
        const { violation, quietAfterMs } = await run({ ...plan, broken: false });
        expect(violation).toBeUndefined();
        expect(quietAfterMs).toBeLessThanOrEqual(mostMs);
      }),
      { numRuns: share(0.02), seed: 4 },
    );
  await within(["cut"], 2_500);
  await within(["server crash"], 3_500);
}, 100_000);
