/** What survives the end of a page: loading it again, its process being killed, its database being closed. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chance } from "../chance.ts";
import { type Browser, chromiumAvailable, startChromium } from "./chromium.ts";
import { sessionOf } from "./stage.ts";
import { empty, HAPPEN_MS, live, loaded, makeWorld, orders, type World } from "./world.ts";

const SEED = Number(process.env.BROWSER_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.KILLS ?? 12);

describe.skipIf(!chromiumAvailable)("a page that ends", () => {
  let browser: Browser;
  let world: World;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser?.remove());
  beforeEach(async () => {
    world = await makeWorld();
  });
  afterEach(() => world.remove());

  it("is loaded again in the middle of sending 500 and receiving 500: all handled once, all received, in order, one session", async () => {
    const page = await browser.context.newPage();
    await page.goto(world.url());
    await live(page);
    const session = await sessionOf(page);
    const publishing: Promise<void>[] = [];
    for (let from = 0; from < 500; from += 50) {
      publishing.push(world.publish(from, from + 50));
      await loaded(page);
      await page.evaluate((first) => window.app.order("a", first, first + 50), from);
      await page.reload();
    }
    await Promise.all(publishing);
    await empty(page);
    await live(page);
    expect(await sessionOf(page)).toBe(session);
    expect(world.names()).toEqual(orders("a", 0, 500));
    await expect.poll(() => world.newsOf("tab").size, { timeout: HAPPEN_MS }).toBe(500);
    expect(await page.evaluate(() => [window.app.gaps, window.app.errors])).toEqual([[], []]);
    await page.close();
  });

  it(`is killed ${KILLS} times while it sends: nothing that was stored is lost, nothing is handled twice (seed ${SEED})`, async () => {
    const random = chance(SEED);
    for (let i = 0; i < KILLS; i++) {
      const page = await browser.context.newPage();
      await page.goto(world.url());
      await loaded(page);
      if (random(10) < 7) await live(page);
      const gone = page.waitForEvent("crash");
      await page.evaluate((name) => {
        let n = 0;
        const more = (): void => {
          window.app.order(name, n, n + 5);
          n += 5;
          setTimeout(more, 1);
        };
        more();
      }, `k${i}`);
      await page.waitForTimeout(random(120));
      for (const pid of await browser.renderers()) process.kill(pid, "SIGKILL");
      await gone;
      await page.close();
    }
    const page = await browser.context.newPage();
    await page.goto(world.url());
    await live(page);
    await empty(page);
    const handled = world.names();
    await expect
      .poll(() => world.told.stored.filter((order) => !world.handled().some((each) => each.order === order)), {
        timeout: HAPPEN_MS,
      })
      .toEqual([]);
    expect(new Set(handled).size).toBe(handled.length);
    console.log(handled.length, world.told.stored.length);
    await page.close();
  }, 120_000);

  it("ends with its whole browser, which is killed while the server is away: the next browser delivers what was stored", async () => {
    const page = await browser.context.newPage();
    await page.goto(world.url());
    await live(page);
    const session = await sessionOf(page);
    await world.kill();
    await page.evaluate(() => window.app.order("a", 0, 100));
    await expect.poll(() => world.told.stored.length, { timeout: HAPPEN_MS }).toBe(100);
    await browser.restart();
    const next = await browser.context.newPage();
    await next.goto(world.url());
    await loaded(next);
    await world.start();
    await live(next);
    await empty(next);
    expect(world.handled()).toEqual(orders("a", 0, 100).map((order) => ({ session, order })));
    await next.close();
  });
});
