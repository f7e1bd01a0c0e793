/**
 * The messages.
 *
 * Rule: every message is 200 bytes of JSON, whatever its numbers are.
 */
import type { Payload } from "./peers/peer.ts";

const BYTES = 200;
const FILLER = "abcdefghij".repeat(BYTES / 10);
const REST = JSON.stringify({ n: "", from: "", filler: "" }).length - '""""'.length;

/** Message number `n` of a sender. */
export function payload(n: number, from = 0): Payload {
  return { n, from, filler: FILLER.slice(0, BYTES - REST - String(n).length - String(from).length) };
}
