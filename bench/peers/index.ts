/**
 * Every way that is compared.
 *
 * Rule: a peer is named here and nowhere else.
 */
import { acknowledged } from "./acknowledged.ts";
import { gaplessDisk, gaplessOs } from "./gapless.ts";
import { mosquitto } from "./mosquitto.ts";
import { nats } from "./nats.ts";
import type { Peer } from "./peer.ts";
import { plain } from "./plain.ts";
import { raw } from "./raw.ts";
import { recovery } from "./recovery.ts";
import { redisStreams } from "./redis.ts";
import { tutorial } from "./tutorial.ts";

/** What ratios are taken to. */
export const baseline: Peer = plain;

/** Ours, which have to be without a loss. */
export const ours: readonly Peer[] = [gaplessOs, gaplessDisk];

/** In the order of the table. */
export const peers: readonly Peer[] = [
  plain,
  gaplessOs,
  gaplessDisk,
  raw,
  recovery,
  tutorial,
  acknowledged,
  redisStreams,
  mosquitto,
  nats,
];
