/**
 * The messages.
 *
 * Rule: every message is 200 bytes of JSON, whatever its numbers are.
 */
import type { Payload } from "./peers/peer.ts";

const BYTES = 200;
const FILLER = "abcdefghij".repeat(BYTES / 10);
const REST = JSON.stringify({ n: "", from: "", at: "", filler: "" }).length - '""""""'.length;

/** Message number `n` of a sender. */
export function payload(n: number, from = 0, at = 0): Payload {
  const rest = REST + String(n).length + String(from).length + String(at).length;
  return { n, from, at, filler: FILLER.slice(0, BYTES - rest) };
}

/** A moment that all processes of this machine tell alike. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.round(nanoseconds / 1e3);
}
