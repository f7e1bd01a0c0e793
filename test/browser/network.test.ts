/** Bad networks, all transports, and the builds for pages without a bundler. OFFLINE_MS: how long to stay offline. */
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { chromiumAvailable } from "./chromium.ts";
import { it } from "./stage.ts";
import { empty, HAPPEN_MS, live, loaded, numbers, orders } from "./world.ts";

const OFFLINE_MS = Number(process.env.OFFLINE_MS ?? 0);

describe.skipIf(!chromiumAvailable)("a page on a network", () => {
  const state = (page: Page): Promise<string> => page.evaluate(() => window.app.socket.delivery.state);

  it(
    "is offline while 1,000 news are missed and 100 orders written: all are there after it, in order, and the badge counts down to 0",
    async ({ browser, page, world }) => {
      await page.goto(world.url());
      await live(page);
      await browser.context.setOffline(true);
      await expect.poll(() => state(page)).toBe("connecting");
      await world.publish(0, 1_000);
      await page.evaluate(() => window.app.order("a", 0, 100));
      if (OFFLINE_MS > 0) await page.waitForTimeout(OFFLINE_MS);
      expect(await page.evaluate(() => window.app.socket.delivery.outbox.size)).toBe(100);
      await page.evaluate(() => window.app.sizes.splice(0));
      await browser.context.setOffline(false);
      await live(page);
      await empty(page);
      await expect.poll(() => page.evaluate(() => window.app.news.length), { timeout: HAPPEN_MS }).toBe(1_000);
      expect(await page.evaluate(() => window.app.news)).toEqual(numbers(0, 1_000));
      expect(world.names()).toEqual(orders("a", 0, 100));
      const sizes = await page.evaluate(() => window.app.sizes);
      expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
      expect(sizes.at(-1)).toBe(0);
      expect(await page.evaluate(() => [window.app.gaps, window.app.socket.delivery.recovered])).toEqual([[], true]);
    },
    60_000 + OFFLINE_MS,
  );

  it("comes back at once when it is online again, whatever the pause between two attempts", async ({
    browser,
    page,
    world,
  }) => {
    await page.goto(world.url({ delay: "600000" }));
    await live(page);
    await browser.context.setOffline(true);
    await expect.poll(() => state(page)).toBe("connecting");
    await browser.context.setOffline(false);
    await live(page);
    expect(await page.evaluate(() => window.app.states)).toEqual(["live", "connecting", "live"]);
  });

  for (const transports of ["polling", "websocket", "polling,websocket"]) {
    it(`${transports}: goes on over a reload and a killed server`, async ({ page, world }) => {
      await page.goto(world.url({ transports }));
      await live(page);
      await page.evaluate(() => window.app.order("a", 0, 100));
      await page.reload();
      await loaded(page);
      // What is being handled when its server is killed may be handled again.
      await empty(page);
      await world.kill();
      await page.evaluate(() => window.app.order("b", 0, 100));
      await world.start();
      await world.publish(0, 100);
      await live(page);
      await empty(page);
      expect(world.names()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100)]);
      await expect.poll(() => world.newsOf("tab").size, { timeout: HAPPEN_MS }).toBe(100);
      const name = await page.evaluate(
        () => (window.app.socket.io.engine as unknown as { transport: { name: string } }).transport.name,
      );
      expect(transports.split(",")).toContain(name);
    });
  }

  for (const build of ["script", "module"] as const) {
    it(`the ${build} build, beside Socket.IO's own: goes on over a reload, a cut and a killed server`, async ({
      browser,
      page,
      world,
    }) => {
      await page.goto(world.url({}, "127.0.0.1", build));
      await live(page);
      await page.evaluate(() => window.app.order("a", 0, 100));
      await page.reload();
      await live(page);
      await browser.context.setOffline(true);
      await page.evaluate(() => window.app.order("b", 0, 100));
      await world.publish(0, 50);
      await browser.context.setOffline(false);
      await live(page);
      // What is being handled when its server is killed may be handled again.
      await empty(page);
      await world.kill();
      await page.evaluate(() => window.app.order("c", 0, 100));
      await world.start();
      await world.publish(50, 100);
      await empty(page);
      expect(world.names()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100), ...orders("c", 0, 100)]);
      await expect.poll(() => world.newsOf("tab"), { timeout: HAPPEN_MS }).toEqual(new Set(numbers(0, 100)));
      expect(await page.evaluate(() => [window.app.gaps, window.app.errors])).toEqual([[], []]);
    });
  }
});
