/**
 * The example as its command starts it, in a real browser: two who chat, Strict Mode, hot reload, and what was built.
 *
 * Rule: what the page shows is judged by what the server counts and by what the other page gets; and each is waited for, never time.
 */
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Browser, chromiumAvailable, startChromium } from "../../test/browser/chromium.ts";
import { Copy, Example, Tab } from "./harness.ts";

const START_MS = 40_000;

describe.skipIf(!chromiumAvailable)("the chat in React", () => {
  let browser: Browser;
  let example: Example;
  const tabs: Tab[] = [];

  beforeAll(async () => {
    browser = await startChromium();
  }, START_MS);
  afterAll(() => browser?.remove());

  afterEach(async () => {
    const open = tabs.splice(0);
    for (const { page } of open) await page.close();
    // A test that failed has perhaps left it down.
    await example.ask("up");
    // A page that is gone is noticed by the server a little later.
    await expect.poll(() => example.connected(), { timeout: 10_000 }).toEqual({ sessions: [], sockets: 0 });
    expect(open.flatMap(({ errors }) => errors)).toEqual([]);
  });

  async function open(name: string, path = "/", online = true): Promise<Tab> {
    const tab = await Tab.open(browser.context, `${example.url}${path}?name=${name}`);
    tabs.push(tab);
    if (online) await tab.live();
    return tab;
  }

  async function gone({ pid, folder }: Example): Promise<void> {
    await example.end();
    expect(existsSync(folder)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow();
  }

  describe("from its source", () => {
    beforeAll(async () => {
      example = await Example.start();
    }, START_MS);
    afterAll(() => gone(example));

    it("brings each message to both once, and marks it", async () => {
      const [ada, grace] = [await open("Ada"), await open("Grace")];
      await ada.say("hello");
      await grace.shows("hello: acked");
      await grace.say("good morning");
      await ada.shows("hello: acked", "good morning: acked");
      await grace.shows("hello: acked", "good morning: acked");

      await example.ask("down");
      await ada.say("one", "two");
      await ada.page.getByText("2 waiting").waitFor();
      await ada.shows("hello: acked", "good morning: acked", "one: stored", "two: stored");
      await example.ask("up");
      for (const each of [ada, grace]) {
        await each.shows("hello: acked", "good morning: acked", "one: acked", "two: acked");
      }
      await ada.nothingWaits();

      await ada.say("x".repeat(501));
      await ada.page.locator('.message [data-status="failed"]').waitFor();
      await ada.page.reload();
      await ada.live();
      await ada.shows("hello: acked", "good morning: acked", "one: acked", "two: acked");
    });

    it("delivers what a closed window has left, from the next one", async () => {
      const ada = await open("Ada");
      await example.ask("down");
      await ada.say("left behind");
      await ada.page.locator('.message[data-status="stored"]').waitFor();
      await ada.page.close();
      const grace = await open("Grace", "/", false);
      await grace.page.getByText("1 waiting").waitFor();
      await example.ask("up");
      await grace.acked("left behind");
      await grace.nothingWaits();
    });

    it("tells of a gap, and loads the history", async () => {
      const ada = await open("Ada");
      const before = await ada.session();
      await ada.page.getByText("Lose my session").click();
      await ada.page.getByText("You may have missed messages").waitFor();
      expect(await ada.session()).not.toBe(before);
      await ada.page.getByText("Load the history").click();
      await ada.page.getByRole("alert").waitFor({ state: "detached" });
      await ada.acked("hello", "good morning", "one", "two");
    });

    for (const [where, path] of [
      ["a module", "/"],
      ["an effect", "/effect.html"],
    ] as const) {
      it(`has one session and one listener in Strict Mode, and takes it up when it is loaded again: the socket made in ${where}`, async () => {
        const ada = await open("Ada", path);
        const session = await ada.session();
        expect(await example.connected()).toEqual({ sessions: [session], sockets: 1 });
        expect(await ada.listeners()).toBe(1);
        await ada.say(`said in ${where}`);
        await ada.acked(`said in ${where}`);

        await example.ask("down");
        await ada.say(`written in ${where}`);
        await ada.page.locator('.message[data-status="stored"]').waitFor();
        await ada.page.reload();
        // Offline: from the browser's storage.
        await ada.page.getByText("1 waiting").waitFor();
        await ada.shows(`written in ${where}: stored`);
        await example.ask("up");
        await ada.live();
        await ada.acked(`said in ${where}`, `written in ${where}`);
        expect(await ada.session()).toBe(session);
        expect(await ada.page.evaluate(() => window.socket.delivery.recovered)).toBe(true);
        expect(await example.connected()).toEqual({ sessions: [session], sockets: 1 });
        expect(await ada.listeners()).toBe(1);
      });
    }
  });

  describe("reloaded hot", () => {
    let copy: Copy;
    let ada: Tab;
    let grace: Tab;

    beforeAll(async () => {
      copy = new Copy();
      example = await Example.start([], copy.root);
    }, START_MS);
    afterAll(async () => {
      await gone(example);
      copy.remove();
    });

    beforeEach(async () => {
      [ada, grace] = [await open("Ada"), await open("Grace")];
      // Not there any more if the whole page is loaded again.
      await ada.page.evaluate(() => Object.assign(window, { same: true }));
    });
    const same = (): Promise<unknown> => ada.page.evaluate(() => "same" in window);

    it("keeps state, session and listeners when a component is edited", async () => {
      const before = await ada.page.evaluateHandle(() => window.socket);
      await ada.say("before");
      await ada.acked("before");
      await ada.page.getByLabel("Message").fill("half a thou");

      copy.edit("src/composer.tsx", /Send$/m, "Post");
      await ada.page.getByRole("button", { name: "Post" }).waitFor();
      // A hook: what uses it is reloaded. It counts what it hears.
      copy.edit("src/use-chat.ts", "useGap(socket, setGap);", COUNTING, COUNTED);
      await ada.page.waitForFunction(() => "gaps" in window);

      expect(await ada.page.getByLabel("Message").inputValue()).toBe("half a thou");
      expect(await before.evaluate((socket) => socket === window.socket)).toBe(true);
      expect((await example.connected()).sockets).toBe(2);
      expect(await ada.listeners()).toBe(1);

      await ada.say("after");
      for (const each of [ada, grace]) await each.shows("before: acked", "after: acked");
      await ada.nothingWaits();
      await ada.page.getByText("Lose my session").click();
      await ada.page.getByText("You may have missed messages").waitFor();
      expect(await ada.page.evaluate(() => window.gaps)).toBe(1);
      expect(await same()).toBe(true);
    });

    it("takes the session up, with what waits, when the socket's module is edited", async () => {
      const [session, others] = [await ada.session(), await grace.session()];
      // Twice: connected, and not.
      await ada.otherSocket(() => copy.edit("src/socket.ts", /$/, "\n// Edited."));
      await ada.page.waitForFunction(() => window.socket.connected);
      expect(await ada.session()).toBe(session);

      await example.ask("down");
      await ada.say("waiting 1", "waiting 2");
      await ada.page.locator('.message[data-status="stored"]').nth(1).waitFor();
      await ada.otherSocket(() => copy.edit("src/socket.ts", /$/, "\n// Edited once more."));
      await ada.page.getByText("2 waiting").waitFor();
      await ada.say("waiting 3");
      await example.ask("up");
      for (const each of [ada, grace]) await each.acked("waiting 1", "waiting 2", "waiting 3");
      expect(await ada.session()).toBe(session);
      await expect
        .poll(() => example.connected(), { timeout: 10_000 })
        .toEqual({ sessions: expect.arrayContaining([session, others]), sockets: 2 });
      expect(await ada.listeners()).toBe(1);
      await ada.nothingWaits();
      expect(await ada.page.evaluate(() => window.before.connected)).toBe(false);
      expect(await same()).toBe(true);
    });

    it("freezes nothing when the module before lives on", async () => {
      // As somebody writes it who knows nothing of hot reload.
      const naive = () => copy.edit("src/socket.ts", /^(import\.meta\.hot\?|if \(import\.meta\.hot).*$/gm, "");
      await ada.otherSocket(naive);
      await ada.page.waitForFunction(() => window.socket.connected);
      const session = await ada.session();

      await example.ask("down");
      await ada.say("old 1", "old 2");
      await ada.page.locator('.message[data-status="stored"]').nth(1).waitFor();
      await ada.otherSocket(() => copy.edit("src/socket.ts", /$/, "\n// Edited again."));
      await ada.say("new 1", "new 2");
      await ada.page.getByText("2 waiting").waitFor();
      await example.ask("up");
      for (const each of [ada, grace]) await each.acked("old 1", "old 2", "new 1", "new 2");
      await ada.nothingWaits();
      // Each has a session of its own; the one before ends with the page.
      expect(await ada.page.evaluate(() => window.before.delivery.session)).toBe(session);
      expect(await ada.session()).not.toBe(session);
      // Three in each page: the first, and one for each edit.
      await expect.poll(() => example.connected(), { timeout: 10_000 }).toMatchObject({ sockets: 6 });
      expect(await ada.listeners()).toBe(1);
      expect(await same()).toBe(true);
    });
  });

  describe("built", () => {
    beforeAll(async () => {
      example = await Example.start(["--built"]);
    }, START_MS);
    afterAll(() => gone(example));

    it("works", async () => {
      const [ada, grace] = [await open("Ada"), await open("Grace", "/effect.html")];
      await ada.say("hello");
      for (const each of [ada, grace]) await each.shows("hello: acked");
      await ada.page.reload();
      await ada.shows("hello: acked");
      expect((await example.connected()).sockets).toBe(2);
    });
  });
});

/** What the hook of gaps is replaced with, and what is added below. */
const COUNTING = `useGap(socket, (now) => {
    window.gaps++;
    setGap(now);
  });`;
const COUNTED = "\nwindow.gaps = 0;\n";
