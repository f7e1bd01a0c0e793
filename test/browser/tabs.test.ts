/** Several tabs of one browser: each has a session of its own, and what a closed one left behind is delivered. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Browser, chromiumAvailable, startChromium } from "./chromium.ts";
import { sessionOf } from "./stage.ts";
import { empty, HAPPEN_MS, live, loaded, makeWorld, orders, type World } from "./world.ts";

/** A name of this machine's that browsers do not trust: pages from there have no Web Locks. */
const PLAIN = "plain.test";

describe.skipIf(!chromiumAvailable).each([
  ["with Web Locks", "127.0.0.1"],
  ["without Web Locks", PLAIN],
])("tabs, %s", (_, host) => {
  let browser: Browser;
  let world: World;
  beforeAll(async () => {
    browser = await startChromium([`--host-resolver-rules=MAP ${PLAIN} 127.0.0.1`]);
  });
  afterAll(() => browser?.remove());
  beforeEach(async () => {
    world = await makeWorld();
  });
  afterEach(async () => {
    for (const page of browser.context.pages().slice(1)) await page.close();
    await world.remove();
  });

  const open = async (tab: string): Promise<Page> => {
    const page = await browser.context.newPage();
    await page.goto(world.url({ tab }, host));
    await loaded(page);
    return page;
  };
  /** As a user does; resolves when it is gone. */
  const close = async (page: Page): Promise<void> => {
    const gone = page.waitForEvent("close");
    await page.close({ runBeforeUnload: true });
    await gone;
  };
  const states = (page: Page): Promise<string[]> => page.evaluate(() => window.app.states);
  const all = (): string[] => world.names().sort();
  const handled = (expected: string[]): Promise<void> =>
    expect.poll(all, { timeout: HAPPEN_MS }).toEqual(expected.sort());

  it("is what it says", async () => {
    const page = await open("a");
    expect(await page.evaluate(() => navigator.locks !== undefined)).toBe(host !== PLAIN);
  });

  for (const count of [2, 5]) {
    it(`${count} tabs: each is a session of its own, each message is handled once, everybody gets the news`, async () => {
      const pages: Page[] = [];
      for (let i = 0; i < count; i++) pages.push(await open(`t${i}`));
      await Promise.all(pages.map(live));
      await Promise.all(pages.map((page, i) => page.evaluate((n) => window.app.order(`t${n}`, 0, 100), i)));
      await world.publish(0, 100);
      await Promise.all(pages.map(empty));
      await handled(pages.flatMap((_, i) => orders(`t${i}`, 0, 100)));
      const sessions = await Promise.all(pages.map(sessionOf));
      expect(new Set(sessions).size).toBe(count);
      expect((await world.connections()).sort()).toEqual(sessions.sort());
      for (const [i, page] of pages.entries()) {
        await expect.poll(() => world.newsOf(`t${i}`).size, { timeout: HAPPEN_MS }).toBe(100);
        expect(await states(page)).toEqual(["live"]);
      }
    });
  }

  it("sockets of one page: a session each, over a reload, also two with the same address", async () => {
    const page = await open("a");
    const names = ["/", "/one", "/two", "/two"];
    const connect = (): Promise<string[]> =>
      page.evaluate(
        async ([url, ...paths]) => {
          const sockets = paths.map((path) => window.app.connect(`${url}${path}`));
          await Promise.all(sockets.map((socket) => socket.emitWithAck("order", "x")));
          return sockets.map(({ delivery }) => delivery.session as string);
        },
        [world.server, ...names],
      );
    const before = await connect();
    expect(new Set(before).size).toBe(names.length);
    await page.reload();
    await loaded(page);
    const after = await connect();
    expect(new Set(after).size).toBe(names.length);
    // The last of two with the same address is the one that the tab remembers.
    expect([after[1], after[2]]).toEqual([before[1], before[3]]);
  });

  it("a duplicated tab gets a session of its own, and both go on", async () => {
    const page = await open("a");
    await live(page);
    const first = await sessionOf(page);
    const opened = page.waitForEvent("popup");
    // What is opened this way begins with a copy of the session storage, as a duplicate does.
    await page.evaluate(() => void window.open(location.href));
    const copy = await opened;
    await live(copy);
    expect(await sessionOf(copy)).not.toBe(first);
    await Promise.all([
      page.evaluate(() => window.app.order("a", 0, 100)),
      copy.evaluate(() => window.app.order("b", 0, 100)),
    ]);
    await Promise.all([empty(page), empty(copy)]);
    await handled([...orders("a", 0, 100), ...orders("b", 0, 100)]);
    expect(await sessionOf(page)).toBe(first);
    // Loaded again, each is itself.
    const second = await sessionOf(copy);
    await Promise.all([page.reload(), copy.reload()]);
    await Promise.all([live(page), live(copy)]);
    expect([await sessionOf(page), await sessionOf(copy)]).toEqual([first, second]);
  });

  it("a tab is closed with 100 unsent messages, another one is opened: it takes them up, with the session", async () => {
    const page = await open("a");
    await live(page);
    const first = await sessionOf(page);
    await world.kill();
    await page.evaluate(() => window.app.order("a", 0, 100));
    await close(page);
    const next = await open("b");
    expect(await next.evaluate(() => window.app.socket.delivery.outbox.status)).toMatchObject({
      size: 100,
      durable: true,
    });
    await next.evaluate(() => window.app.order("b", 0, 10));
    await world.start();
    await empty(next);
    expect(await sessionOf(next)).toBe(first);
    // In order, too.
    expect(world.handled().map(({ order }) => order)).toEqual([...orders("a", 0, 100), ...orders("b", 0, 10)]);
  });

  it("a tab that lives keeps its messages, though another one is opened", async () => {
    const page = await open("a");
    await live(page);
    const first = await sessionOf(page);
    await world.kill();
    await page.evaluate(() => window.app.order("a", 0, 100));
    await expect.poll(() => world.told.stored.length, { timeout: HAPPEN_MS }).toBe(100);
    const next = await open("b");
    expect(await next.evaluate(() => window.app.socket.delivery.outbox.size)).toBe(0);
    await next.evaluate(() => window.app.order("b", 0, 100));
    await world.start();
    await Promise.all([empty(page), empty(next)]);
    await handled([...orders("a", 0, 100), ...orders("b", 0, 100)]);
    expect(await sessionOf(page)).toBe(first);
    expect(await sessionOf(next)).not.toBe(first);
    expect(await states(page)).toEqual(["live", "connecting", "live"]);
  });

  it("sessions that were not used for a day are forgotten, but for those of living tabs", async () => {
    const lives = await open("a");
    const closed = await open("b");
    await Promise.all([live(lives), live(closed)]);
    await close(closed);
    // As if nothing had happened for two days.
    const sessions = (): Promise<number> =>
      lives.evaluate(
        () =>
          new Promise<number>((resolve) => {
            const request = indexedDB.open("test");
            request.onsuccess = () => {
              const rows = request.result.transaction("sessions", "readwrite").objectStore("sessions");
              const count = rows.count();
              const cursor = rows.openCursor();
              cursor.onsuccess = () => {
                const row = cursor.result;
                if (row) {
                  row.update({ ...row.value, at: row.value.at - 2 * 86_400_000 });
                  row.continue();
                } else {
                  request.result.close();
                  resolve(count.result);
                }
              };
            };
          }),
      );
    expect(await sessions()).toBe(2);
    const first = await sessionOf(lives);
    await live(await open("c"));
    expect(await sessions()).toBe(2);
    await lives.reload();
    await live(lives);
    expect(await sessionOf(lives)).toBe(first);
  });

  it("several tabs are closed with unsent messages: the one that is left delivers for all, each as who it was", async () => {
    const pages = [await open("a"), await open("b"), await open("c")];
    await Promise.all(pages.map(live));
    const stays = await open("d");
    await live(stays);
    const sessions = await Promise.all([...pages, stays].map(sessionOf));
    await world.kill();
    for (const [i, page] of pages.entries()) {
      await page.evaluate((n) => window.app.order(`t${n}`, 0, 20), i);
      await close(page);
    }
    await stays.evaluate(() => window.app.order("d", 0, 20));
    await world.start();
    await handled([...orders("d", 0, 20), ...pages.flatMap((_, i) => orders(`t${i}`, 0, 20))]);
    for (const { session: by, order } of world.handled()) {
      expect(by).toBe(order.startsWith("d") ? sessions[3] : sessions[Number(order[1])]);
    }
    await expect.poll(() => world.connections(), { timeout: HAPPEN_MS }).toEqual([sessions[3]]);
  });
});
