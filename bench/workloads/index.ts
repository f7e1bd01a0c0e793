/**
 * Everything that is measured.
 *
 * Rule: dimensions and targets are written here and nowhere else.
 */
import { ratio, value } from "../figures.ts";
import { fanOut } from "./fan-out.ts";
import { idle } from "./idle.ts";
import { ingest } from "./ingest.ts";
import { latency } from "./latency.ts";
import { reconnect } from "./reconnect.ts";
import { replayFromFile, replayFromMemory } from "./replay.ts";
import { randomRooms } from "./rooms.ts";
import { stalled } from "./stalled.ts";
import type { Workload } from "./workload.ts";

const LINK_MS = 50;

/** In the order of the tables. */
export const workloads: readonly Workload[] = [
  fanOut({ clients: 500, perTurn: 8, outstanding: 64, rate: [ratio(3.5)], serverUs: [ratio(0.23)], quick: true }),
  fanOut({ clients: 50, perTurn: 16, outstanding: 128, rate: [ratio(4)] }),
  fanOut({ clients: 2_000, perTurn: 2, outstanding: 16, rate: [ratio(1.4)] }),
  fanOut({ clients: 5, perTurn: 16, outstanding: 512, serverUs: [ratio(0.6)] }),
  fanOut({ clients: 500, perTurn: 1, outstanding: 64, rate: [ratio(0.95)] }),
  ingest({ clients: 50, outstanding: 16, rate: [ratio(1.3)], p99: [ratio(1)], quick: true }),
  ingest({ clients: 1, outstanding: 64, linkMs: LINK_MS, share: [value(0.93)] }),
  ingest({
    clients: 1,
    outstanding: 640,
    linkMs: LINK_MS,
    share: [value(0.93)],
    note: "; ours with `outbox: { windowEntries: 1280 }`, by default it has 256 under way",
  }),
  reconnect({ clients: 500, groups: 1, perGroup: 200, caughtUpMs: [ratio(1.5)], growthMb: [value(30)] }),
  reconnect({ clients: 500, groups: 100, perGroup: 4, caughtUpMs: [ratio(1.5)], growthMb: [value(30)] }),
  latency({ clients: 100, everyMs: 5, p50: [ratio(1.1, "os"), ratio(1.35)], serverUs: [ratio(1.25)] }),
  idle({ clients: 5_000, rssKb: [ratio(1.15)] }),
  stalled({
    others: 10,
    messages: 200_000,
    perTurn: 16,
    outstanding: 256,
    rate: [ratio(1.5)],
    growthMb: [value(20)],
  }),
  replayFromMemory({ missed: 100_000, rate: [value(300_000)] }),
  replayFromFile({ missed: 100_000, times: 10, effort: "full", rate: [value(150_000)], share: [value(0.8)] }),
  replayFromFile({ missed: 100_000, times: 100, effort: "large", rate: [value(150_000)], share: [value(0.8)] }),
  randomRooms({ rooms: 10_000, clients: 1_000, perClient: 20, perTurn: 64, outstanding: 2_048, rate: [ratio(1)] }),
];
