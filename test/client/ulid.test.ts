import { decodeTime, isValid } from "ulid";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ulids } from "../../src/client/ulid.ts";

afterEach(() => void vi.unstubAllGlobals());

describe("ids of messages", () => {
  const make = (times: number[], random = Math.random): string[] => {
    let at = 0;
    const next = ulids({ now: () => times[at++] ?? 0, at: () => () => {} }, random);
    return times.map(() => next());
  };

  test("are ULIDs that tell the time", () => {
    for (const time of [1, 1_700_000_000_123, 2 ** 48 - 1]) {
      const [id = ""] = make([time]);
      expect(isValid(id)).toBe(true);
      expect(decodeTime(id)).toBe(time);
    }
  });

  test("ascend strictly, within a millisecond and when the clock steps back", () => {
    const times = [...Array(2_000).fill(1_000), 1_001, 500, 999, 1_001.2, 1_001.9, 1_000, 2_000, 3];
    const ids = make(times);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => isValid(id))).toBe(true);
  });

  test("go on when chance overflows, also into the time", () => {
    vi.stubGlobal("crypto", undefined);
    const ids = make([1_000, 1_000, 1_001, 1_002], () => 1 - 2 ** -52);
    expect(ids.map((id) => id.slice(10))).toEqual(Array(4).fill("Z".repeat(16)));
    expect(ids.map(decodeTime)).toEqual([1_000, 1_001, 1_002, 1_003]);
  });

  test("of two clients that begin in the same millisecond differ, with and without crypto", () => {
    expect(make([1_000])).not.toEqual(make([1_000]));
    expect(make([1_000], () => 0)).not.toEqual(make([1_000], () => 0));
    vi.stubGlobal("crypto", undefined);
    expect(make([1_000])).not.toEqual(make([1_000]));
    expect(isValid(make([1_000])[0] as string)).toBe(true);
  });
});
