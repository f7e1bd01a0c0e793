/** The same scripts see the same on every pair of supported versions. */
import { describe, test } from "vitest";
import { BOTH_WRAPPED, compare, RAW_AND_WRAPPED, title, WRAPPED_AND_PLAIN } from "./compare.ts";
import { type Place, VERSIONS } from "./harness.ts";
import { SCRIPTS } from "./scripts.ts";

for (const server of VERSIONS) {
  for (const client of VERSIONS) {
    if (server === "4.8" && client === "4.8") continue;
    describe(`drop-in, client ${client}, server ${server}`, () => {
      const place: Place = { server, client, transport: "websocket" };
      for (const script of SCRIPTS.filter(({ core }) => core)) {
        for (const pairing of [WRAPPED_AND_PLAIN, BOTH_WRAPPED, RAW_AND_WRAPPED]) {
          test(title(script, place, pairing), () => compare(script, place, pairing));
        }
      }
    });
  }
}
