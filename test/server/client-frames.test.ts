import { describe, expect, it } from "vitest";
import { parseClientFrame } from "../../src/server/client-frames.ts";

describe("R4: a client's frames", () => {
  it("are refused at the first bad message, however many follow", () => {
    const untouchable = new Proxy([], {
      get() {
        throw new Error("looked at");
      },
    });
    expect(parseClientFrame(["m", 0, [[0], untouchable]])).toBeUndefined();
  });

  it("are taken with as many messages as a frame may have, and not with one more", () => {
    const messages = (count: number) => Array.from({ length: count }, (_, i) => [i + 1]);
    expect(parseClientFrame(["m", 0, messages(10_000)])).toEqual(["m", 0, messages(10_000)]);
    expect(parseClientFrame(["m", 0, messages(10_001)])).toBeUndefined();
  });
});
