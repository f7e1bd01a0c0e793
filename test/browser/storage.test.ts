/** Storage that fails, is closed, is full, is another's. */
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { chromiumAvailable } from "./chromium.ts";
import { it, sessionOf } from "./stage.ts";
import { empty, HAPPEN_MS, live, loaded, numbers, orders } from "./world.ts";

describe.skipIf(!chromiumAvailable)("a page's storage", () => {
  /** Chromium's quota override is not asked by its IndexedDB, so the page refuses writes itself, in the way in which Chromium does. */
  const full = (page: Page, now: boolean): Promise<void> =>
    page.evaluate((is) => {
      Object.assign(window, { full: is });
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (...given) {
        if ((window as { full?: boolean }).full) {
          Object.defineProperty(this.transaction, "error", {
            value: new DOMException("no space", "QuotaExceededError"),
          });
          setTimeout(() => {
            try {
              this.transaction.abort();
            } catch {
              // Another row of the transaction was refused before.
            }
          });
        }
        return put.apply(this, given);
      };
    }, now);
  const status = (page: Page) =>
    page.evaluate(() => {
      const { size, durable, error } = window.app.socket.delivery.outbox.status;
      return { size, durable, code: error?.code };
    });

  it("is closed by the browser again and again under load: goes on", async ({ page, world }) => {
    await page.goto(world.url());
    await live(page);
    for (let from = 0; from < 500; from += 50) {
      await page.evaluate((first) => {
        window.app.order("a", first, first + 25);
        window.app.closeDatabases();
        window.app.order("a", first + 25, first + 50);
      }, from);
      await world.publish(from, from + 50);
      await page.evaluate(() => window.app.closeDatabases());
    }
    await empty(page);
    expect(world.names()).toEqual(orders("a", 0, 500));
    await expect.poll(() => world.newsOf("tab"), { timeout: HAPPEN_MS }).toEqual(new Set(numbers(0, 500)));
    expect(await status(page)).toMatchObject({ durable: true });
    expect(await page.evaluate(() => window.app.errors)).toEqual([]);
  });

  it("is cleared by the user under load: goes on, and keeps what comes after it", async ({ browser, page, world }) => {
    await page.goto(world.url());
    await live(page);
    const client = await browser.context.newCDPSession(page);
    await page.evaluate(() => window.app.order("a", 0, 100));
    await client.send("Storage.clearDataForOrigin", { origin: new URL(world.url()).origin, storageTypes: "indexeddb" });
    await page.evaluate(() => window.app.order("a", 100, 200));
    await empty(page);
    expect(world.names()).toEqual(orders("a", 0, 200));
    await world.kill();
    await page.evaluate(() => window.app.order("b", 0, 50));
    await page.reload();
    await loaded(page);
    await world.start();
    await empty(page);
    expect(world.names()).toEqual([...orders("a", 0, 200), ...orders("b", 0, 50)]);
  });

  it("is full: says so, goes on in memory, and keeps everything again when there is space", async ({ page, world }) => {
    await page.goto(world.url());
    await live(page);
    const session = await sessionOf(page);
    await full(page, true);
    await page.evaluate(() => window.app.order("a", 0, 100));
    await empty(page);
    expect(world.names()).toEqual(orders("a", 0, 100));
    expect(await status(page)).toMatchObject({ durable: false, code: "STORE_FULL" });
    expect(await page.evaluate(() => window.app.errors)).toEqual([expect.stringContaining("STORE_FULL")]);
    await full(page, false);
    await world.kill();
    await page.evaluate(() => window.app.order("b", 0, 100));
    await loaded(page);
    expect(await status(page)).toMatchObject({ size: 100, durable: true, code: undefined });
    await page.reload();
    await loaded(page);
    await world.start();
    await empty(page);
    expect(world.names()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100)]);
    expect(await sessionOf(page)).toBe(session);
  });

  it("was full when the page ended: the next one uses no number twice", async ({ page, world }) => {
    await page.goto(world.url());
    await live(page);
    await full(page, true);
    await page.evaluate(() => window.app.order("a", 0, 100));
    await empty(page);
    expect(await status(page)).toMatchObject({ durable: false });
    await full(page, false);
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await loaded(page);
    await page.evaluate(() => window.app.order("b", 0, 100));
    await live(page);
    await empty(page);
    expect(world.names()).toEqual([...orders("a", 0, 100), ...orders("b", 0, 100)]);
  });

  it.for([
    ["is refused", 'throw new DOMException("no", "SecurityError")', "STORE_FAILED"],
    ["never opens", "return new EventTarget()", "STORE_FAILED"],
    ["belongs to a later version", "return open.call(this, name, 99)", "STORE_TOO_NEW"],
  ])("%s: memory it is, and that is said", async ([, body = "", code = ""], { page, world }) => {
    if (code === "STORE_TOO_NEW") {
      await page.goto(world.url({}, "127.0.0.1"));
      await page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open("later", 99);
            request.onsuccess = resolve;
            request.onerror = reject;
          }),
      );
    } else {
      await page.addInitScript(
        `{ const { open } = IDBFactory.prototype; IDBFactory.prototype.open = function (name) { ${body}; }; }`,
      );
    }
    await page.goto(world.url({ name: "later" }));
    await live(page);
    await page.evaluate(() => window.app.order("a", 0, 100));
    await world.publish(0, 100);
    await empty(page);
    expect(world.names()).toEqual(orders("a", 0, 100));
    await expect.poll(() => page.evaluate(() => window.app.news.length), { timeout: HAPPEN_MS }).toBe(100);
    expect(await status(page)).toMatchObject({ durable: false, code });
    expect(await page.evaluate(() => window.app.errors)).toEqual([expect.stringContaining(code)]);
  });

  it("holds last words of a page that somebody else has followed since: they do not count", async ({ page, world }) => {
    await page.goto(world.url());
    await live(page);
    await page.evaluate(() => window.app.order("a", 0, 10));
    await empty(page);
    await page.evaluate(() => {
      const [session] = Object.values({ ...sessionStorage }) as [string];
      const place = { cursor: 0, above: [], gaps: [], nextSeq: 2 };
      const message = { seq: 1, id: "old", args: ["order", "old:1"], wantsAnswer: false, bytes: 1, expiresAt: 9e15 };
      localStorage.setItem(`test ${session}`, JSON.stringify({ holder: "gone", place, changes: [[1, message]] }));
    });
    await page.reload();
    await live(page);
    await page.evaluate(() => window.app.order("b", 0, 10));
    await empty(page);
    expect(world.names()).toEqual([...orders("a", 0, 10), ...orders("b", 0, 10)]);
    expect(await page.evaluate(() => [window.app.socket.delivery.recovered, { ...localStorage }])).toEqual([true, {}]);
  });

  it("is taken by another page: begins a new session, says what it may have missed, and delivers what the other has not got", async ({
    page,
    world,
  }) => {
    await page.goto(world.url());
    await live(page);
    const session = await sessionOf(page);
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const request = indexedDB.open("test");
          request.onsuccess = () => {
            const sessions = request.result.transaction("sessions", "readwrite").objectStore("sessions");
            const cursor = sessions.openCursor();
            cursor.onsuccess = () => {
              const change = cursor.result?.update({ ...cursor.result.value, holder: "another" });
              if (change) change.onsuccess = () => resolve();
            };
          };
        }),
    );
    await page.evaluate(() => window.app.order("a", 0, 100));
    await empty(page);
    await live(page);
    expect(await sessionOf(page)).not.toBe(session);
    expect(world.names()).toEqual(orders("a", 0, 100));
    expect(await page.evaluate(() => window.app.gaps)).toMatchObject([{ reason: "session" }]);
    expect(await page.evaluate(() => window.app.errors)).toEqual([]);
  });
});
