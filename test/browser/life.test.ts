/** The life of a page: hidden, frozen, left with messages in its outbox. */
import { describe, expect } from "vitest";
import { chromiumAvailable } from "./chromium.ts";
import { it, sessionOf } from "./stage.ts";
import { HAPPEN_MS, live, loaded, makeWorld, numbers } from "./world.ts";

describe.skipIf(!chromiumAvailable)("a page's life", () => {
  it("acknowledges at once when it is hidden", async ({ page, world }) => {
    const sent: string[] = [];
    page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(String(payload))));
    const LONG = "100000000";
    await page.goto(world.url({ transports: "websocket", ackDelay: LONG }));
    await live(page);
    await world.publish(0, 10);
    await expect.poll(() => world.newsOf("tab").size, { timeout: HAPPEN_MS }).toBe(10);
    const acks = () => sent.filter((frame) => /^42\["[^"]*","a",/.test(frame)).length;
    const before = acks();
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await expect.poll(acks, { timeout: HAPPEN_MS }).toBe(before + 1);
  });

  it("is frozen while its server dies and comes back: goes on when it is shown again", async ({
    browser,
    page,
    world,
  }) => {
    await page.goto(world.url());
    await live(page);
    const first = await sessionOf(page);
    const client = await browser.context.newCDPSession(page);
    await client.send("Page.setWebLifecycleState", { state: "frozen" });
    await world.kill();
    await world.start();
    await world.publish(0, 100);
    await client.send("Page.setWebLifecycleState", { state: "active" });
    await live(page);
    await expect.poll(() => world.newsOf("tab"), { timeout: HAPPEN_MS }).toEqual(new Set(numbers(0, 100)));
    expect(await sessionOf(page)).toBe(first);
  });

  it("notices, when it is shown again, that its connection is dead", async ({ page, onTestFinished }) => {
    // Nobody else notices in the time of this test.
    const world = await makeWorld({ pingMs: 600_000 });
    onTestFinished(() => world.remove());
    await page.goto(world.url({ transports: "websocket" }));
    await live(page);
    await page.evaluate(() => {
      // From now on nothing gets out, and nobody says so.
      WebSocket.prototype.send = () => {};
      document.dispatchEvent(new Event("resume"));
    });
    await expect.poll(() => page.evaluate(() => window.app.states.at(-1)), { timeout: HAPPEN_MS }).not.toBe("live");
  });

  it("asks before it is left with messages in its outbox, if it was told to", async ({ page, world }) => {
    await page.goto(world.url({ warn: "" }));
    await live(page);
    await page.getByText("here").click();
    const dialogs: string[] = [];
    page.on("dialog", (dialog) => {
      dialogs.push(dialog.type());
      void dialog.accept();
    });
    await page.reload();
    await live(page);
    await page.getByText("here").click();
    expect(dialogs).toEqual([]);
    await world.kill();
    await page.evaluate(() => window.app.order("a", 0, 1));
    await page.reload();
    expect(dialogs).toEqual(["beforeunload"]);
    await loaded(page);
    expect(await page.evaluate(() => window.app.socket.delivery.outbox.flush({ timeoutMs: 50 }))).toBe(false);
    await world.start();
    expect(await page.evaluate(() => window.app.socket.delivery.outbox.flush({ timeoutMs: 20_000 }))).toBe(true);
    expect(world.names()).toEqual(["a:0"]);
  });
});
