/** One timer for many that are waited for. */
import { describe, expect, it } from "vitest";
import { Waits } from "../../src/server/waits.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";

function world() {
  const clock = virtualClock();
  const over: string[] = [];
  const waits = new Waits<{ name: string; dueAt: number | undefined }>(clock, 100, ({ name }) =>
    over.push(`${name} at ${clock.now() - start}`),
  );
  const start = clock.now();
  const thing = (name: string) => ({ name, dueAt: undefined });
  return { clock, over, waits, thing };
}

describe("waits", () => {
  it("tell of each when its time is over, and of none that came", async () => {
    const { clock, over, waits, thing } = world();
    const [a, b, c, d] = ["a", "b", "c", "d"].map(thing) as ReturnType<typeof thing>[];
    if (!a || !b || !c || !d) return;
    waits.start(a);
    await clock.advance(10);
    waits.start(b);
    waits.start(c);
    await clock.advance(20);
    waits.start(d);
    expect([waits.stop(b), waits.stop(b)]).toEqual([true, false]);
    await clock.advance(200);
    expect(over).toEqual(["a at 100", "c at 110", "d at 130"]);
    expect(waits.stop(d)).toBe(false);
  });

  it("begin anew, after all were over or came", async () => {
    const { clock, over, waits, thing } = world();
    const a = thing("a");
    waits.start(a);
    waits.stop(a);
    await clock.advance(50);
    waits.start(a);
    await clock.advance(99);
    expect(over).toEqual([]);
    await clock.advance(1);
    expect(over).toEqual(["a at 150"]);
  });

  it("hold many, of which most came", async () => {
    const { clock, over, waits, thing } = world();
    const all = Array.from({ length: 5_000 }, (_, i) => thing(String(i)));
    for (const one of all) waits.start(one);
    for (const one of all.slice(0, 4_000)) waits.stop(one);
    await clock.advance(100);
    expect(over.length).toBe(1_000);
  });
});
