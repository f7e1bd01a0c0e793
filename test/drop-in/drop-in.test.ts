/** The same scripts on raw and on wrapped objects see the same. */
import { describe, test } from "vitest";
import {
  BOTH_WRAPPED,
  BOTH_WRAPPED_SQLITE,
  compare,
  MIXED,
  RAW_AND_WRAPPED,
  title,
  WRAPPED_AND_IO,
  WRAPPED_AND_PLAIN,
} from "./compare.ts";
import type { Pairing, Place } from "./harness.ts";
import type { Script } from "./scripts/script.ts";
import { SCRIPTS } from "./scripts.ts";

const run = (script: Script, place: Place, pairing: Pairing) =>
  test(title(script, place, pairing), () => compare(script, place, pairing));
const now = { server: "4.8", client: "4.8" } as const;

describe("drop-in, every script", () => {
  for (const script of SCRIPTS) {
    const place: Place = { ...now, transport: "websocket" };
    for (const pairing of [WRAPPED_AND_PLAIN, BOTH_WRAPPED, RAW_AND_WRAPPED, WRAPPED_AND_IO]) {
      run(script, place, pairing);
    }
    if (script.mixed) for (const pairing of MIXED) run(script, place, pairing);
    if (script.core) run(script, place, BOTH_WRAPPED_SQLITE);
  }
});

describe("drop-in, every script over polling and through an upgrade", () => {
  for (const transport of ["polling", "upgrade"] as const) {
    for (const script of SCRIPTS) {
      const place: Place = { ...now, transport };
      run(script, place, BOTH_WRAPPED);
      if (script.core) run(script, place, WRAPPED_AND_PLAIN);
    }
  }
});
