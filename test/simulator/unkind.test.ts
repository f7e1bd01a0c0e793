/** Histories over a network that loses, doubles and delays, which no transport of Socket.IO does. */
import { it } from "vitest";
import { expectHits, histories, share } from "./histories.ts";

const MUST_HAPPEN = [
  "frame lost",
  "frame doubled",
  "frame delayed",
  "cut",
  "server crash",
  "client crash",
  "session resumed",
];

it("everything arrives, in order, once, or a gap says so", async () => {
  const hits = await histories({ runs: share(0.41), networks: ["unkind"] });
  if (share(0.41) >= 5_000) expectHits(hits, MUST_HAPPEN);
}, 300_000);
