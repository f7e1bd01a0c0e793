/**
 * Somebody at a page, in the test.
 *
 * Rule: it looks and presses as a user does, and waits for what must happen, with a limit, never for time to pass.
 */
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";

/** For one thing to happen, on a machine that has much else to do. */
export const SOON: { readonly timeout: number } = { timeout: 20_000 };
/** Messages of the room that is shown. */
const SHOWN = ".messages:not([hidden]) li";

export class User {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the page, and says the name if it asks. Resolves when it is connected. */
  static async open(context: BrowserContext, url: string, name: string): Promise<User> {
    const page = await context.newPage();
    page.setDefaultTimeout(SOON.timeout);
    await page.goto(url);
    await page.locator("#who[open], #state[data-state=live]").first().waitFor();
    if (await page.locator("#who[open]").isVisible()) {
      await page.fill("#who input", name);
      await page.press("#who input", "Enter");
    }
    const user = new User(page);
    await user.is("live");
    return user;
  }

  /** Waits for this state of the connection. */
  is(state: string): Promise<void> {
    return this.page.locator(`#state[data-state=${state}]`).waitFor();
  }

  /** Waits for this badge; none: for it to be gone. */
  badge(text?: string): Promise<void> {
    const badge = this.page.locator("#badge");
    return text ? badge.filter({ hasText: text }).waitFor() : badge.waitFor({ state: "hidden" });
  }

  async click(button: string): Promise<void> {
    // A tab behind another one is drawn once a second.
    await this.page.bringToFront();
    await this.page.click(button);
  }

  enter(room: string): Promise<void> {
    return this.click(`nav button:text("${room}")`);
  }

  async say(...lines: string[]): Promise<void> {
    for (const line of lines) {
      await this.page.fill("#text", line);
      await this.page.press("#text", "Enter");
    }
  }

  /** What is shown of the room. @param status Only of one's own with this mark. */
  texts(status?: string): Promise<string[]> {
    const which = status ? `[data-status=${status}]` : "";
    return this.page.locator(`${SHOWN}${which} .text`).allTextContents();
  }

  /** Waits until exactly this is shown. */
  shows(expected: readonly string[], status?: string): Promise<void> {
    return expect.poll(() => this.texts(status), SOON).toEqual(expected);
  }
}
