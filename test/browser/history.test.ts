/**
 * A page that is left and come back to: browsers put it aside as it is, if they like to.
 *
 * Rule: a browser that did not like to has loaded it again, and that is all right too.
 */
import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Browser, chromiumAvailable, startChromium } from "./chromium.ts";
import { sessionOf } from "./stage.ts";
import { empty, HAPPEN_MS, live, loaded, makeWorld, numbers, orders, type World } from "./world.ts";

describe.skipIf(!chromiumAvailable)("a page that is put aside", () => {
  let browser: Browser;
  let world: World;
  let page: Page;
  beforeEach(async () => {
    // One of its own each: a browser that did it once seems to be less inclined to.
    browser = await startChromium();
    world = await makeWorld();
    page = await browser.context.newPage();
  });
  afterEach(async () => {
    await browser.remove();
    await world.remove();
  });

  /** Leaves the page by a link, and comes back by the history. */
  const leave = (): Promise<unknown> => page.goto(`${new URL(world.url()).origin}/blank`);
  const back = async (): Promise<boolean> => {
    // Playwright's own `goBack` waits for a page that is loaded.
    await page.evaluate(() => history.back());
    await page.waitForFunction(() => window.app !== undefined);
    const { persisted } = await page.evaluate(() => window.app);
    if (!persisted) console.warn("Chromium loaded the page again");
    return persisted;
  };

  it("is put aside and comes back: the same page, the same session, nothing lost", async () => {
    await page.goto(world.url());
    await live(page);
    const first = await sessionOf(page);
    await page.evaluate(() => window.app.order("a", 0, 100));
    await leave();
    await world.publish(0, 100);
    const persisted = await back();
    await live(page);
    await page.evaluate(() => window.app.order("b", 0, 100));
    await empty(page);
    expect(await page.evaluate(() => window.app.states)).toEqual(persisted ? ["live", "connecting", "live"] : ["live"]);
    expect(world.names()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100)]);
    expect(await sessionOf(page)).toBe(first);
    await expect.poll(() => world.newsOf("tab"), { timeout: HAPPEN_MS }).toEqual(new Set(numbers(0, 100)));
    expect(await page.evaluate(() => [window.app.gaps, window.app.errors])).toEqual([[], []]);
  });

  it("is put aside, another tab takes up its messages, and it comes back: each is handled once, and it has a session of its own", async () => {
    // Nor one that is connecting.
    await page.goto(world.url({ delay: "600000" }));
    await live(page);
    const first = await sessionOf(page);
    await world.kill();
    await page.evaluate(() => window.app.order("a", 0, 100));
    // A page that has a request under way is not put aside.
    await expect.poll(() => world.told.stored.length, { timeout: HAPPEN_MS }).toBe(100);
    await leave();
    const other = await browser.context.newPage();
    await other.goto(world.url({ tab: "other" }));
    await loaded(other);
    await world.start();
    const persisted = await back();
    await loaded(page);
    await page.evaluate(() => window.app.order("b", 0, 100));
    await Promise.all([empty(page), empty(other), live(page), live(other)]);
    const all = world.names();
    expect([...all].sort()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100)].sort());
    expect(await sessionOf(other)).toBe(first);
    expect(await sessionOf(page)).not.toBe(first);
    expect(await page.evaluate(() => window.app.gaps)).toMatchObject(persisted ? [{ reason: "session" }] : []);
    await other.close();
  });
});
