/**
 * A test with a page: its browser, its world, and the page.
 *
 * Rule: one browser for a file, a world and a page for each test.
 */
import type { Page } from "playwright-core";
import { it as plain, type TestAPI } from "vitest";
import { type Browser, startChromium } from "./chromium.ts";
import { makeWorld, type World } from "./world.ts";

/** What a test may ask for. */
export interface Stage {
  readonly browser: Browser;
  readonly world: World;
  /** Nothing is loaded in it yet. */
  readonly page: Page;
}

export const it: TestAPI<Stage> = plain.extend<Stage>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads what is needed from the pattern.
    async ({}, use) => {
      const browser = await startChromium();
      await use(browser);
      await browser.remove();
    },
    { scope: "file" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: see above.
  world: async ({}, use) => {
    const world = await makeWorld();
    await use(world);
    await world.remove();
  },
  page: async ({ browser }, use) => {
    const page = await browser.context.newPage();
    await use(page);
    await page.close();
  },
});

/** The session of a page. */
export const sessionOf = (page: Page): Promise<string | undefined> =>
  page.evaluate(() => window.app.socket.delivery.session);
