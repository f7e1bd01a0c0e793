/**
 * The chat as the command starts it, in a real browser: two people talk, while the server is killed, the network goes and pages are loaded again.
 *
 * Rule: the server and the database are only touched as they are in life: killed, and removed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, chromiumAvailable, startChromium } from "../../test/browser/chromium.ts";
import { SOON, User } from "./user.ts";

/** What the example says at each start of its server. */
interface Started {
  readonly url: string;
  readonly folder: string;
  readonly pid: number;
}

const HEADER = { "x-chat-control": "1" };
const LATER = { timeout: 40_000 };
const LIMIT_MS = 60_000;
/** What the button says. */
const SERIES = Array.from({ length: 20 }, (_, i) => `${i + 1} of 20`);

describe.skipIf(!chromiumAvailable)("the chat", { timeout: LIMIT_MS }, () => {
  let chat: ChildProcess;
  let browser: Browser;
  let ada: User;
  let ben: User;
  const starts: Started[] = [];
  const errors: Error[] = [];

  beforeAll(async () => {
    const { DATA_DIR: _, ...env } = process.env;
    chat = fork(fileURLToPath(new URL("chat.ts", import.meta.url)), {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...env, PORT: "0" },
    });
    chat.on("message", (started: Started) => starts.push(started));
    await Promise.race([once(chat, "message"), once(chat, "exit")]);
    expect(starts).toHaveLength(1);
    browser = await startChromium();
    browser.context.on("weberror", (error) => errors.push(error.error()));
    ada = await open("Ada");
    // Another origin, so another person.
    ben = await open("Ben", "localhost");
  }, LIMIT_MS);

  afterAll(async () => {
    await browser?.remove();
    await ended();
  });

  const server = () => starts.at(-1) as Started;

  const open = (name: string, host = "127.0.0.1"): Promise<User> =>
    User.open(browser.context, server().url.replace("127.0.0.1", host), name);

  async function ended(): Promise<void> {
    if (!chat || chat.exitCode !== null || chat.signalCode !== null) return;
    const gone = once(chat, "exit");
    chat.kill("SIGTERM");
    await gone;
  }

  it("shows what both say, once, in one order, and marks it as acked", async () => {
    await ada.say("Hello", "Is <b>anybody</b> here?");
    await ben.shows(["Hello", "Is <b>anybody</b> here?"]);
    await ben.say("I am");
    await ada.shows(["Hello", "Is <b>anybody</b> here?", "I am"]);
    await ada.shows(["Hello", "Is <b>anybody</b> here?"], "acked");
    await ben.shows(["I am"], "acked");
    expect(await ben.page.locator(".author").first().textContent()).toBe("Ada");
    await ada.badge();
  });

  it("shows a page that comes late, and one that joins again, what was said", async () => {
    const late = await open("nobody asks for it: Ada is known here");
    expect(await late.page.textContent("#name")).toBe("Ada");
    await late.shows(["Hello", "Is <b>anybody</b> here?", "I am"]);
    await late.click("#leave");
    await late.page.locator("h1:text('No room')").waitFor();
    await ben.say("Who left?");
    await ada.shows(["Hello", "Is <b>anybody</b> here?", "I am", "Who left?"]);
    await late.enter("kitchen");
    await late.shows([]);
    await late.enter("lobby");
    await late.shows(["Hello", "Is <b>anybody</b> here?", "I am", "Who left?"]);
    await late.page.close();
  });

  it("loses and doubles nothing when the server is killed while messages are sent", async () => {
    for (const user of [ada, ben]) await user.enter("kitchen");
    const { pid } = server();
    await ada.click("#series");
    await expect.poll(async () => (await ben.texts()).length, SOON).toBeGreaterThan(2);
    await ada.click("#kill");
    await expect.poll(() => server().pid, SOON).not.toBe(pid);
    await ben.shows(SERIES);
    await ada.shows(SERIES, "acked");
    // What was waiting has become what is in the log.
    await ada.shows(SERIES);
    expect(await ada.page.locator("#gap").isVisible()).toBe(false);
  });

  it("keeps what is said offline over a reload and a kill, and sends it once when it is online", async () => {
    const lines = ["one", "two", "three", "four", "five"];
    for (const user of [ada, ben]) await user.enter("garden");
    await ben.say("zero");
    await ada.shows(["zero"]);
    await ada.click("#network");
    await ada.is("offline");
    await ada.say(...lines);
    await ada.shows(lines, "stored");
    await ada.badge("5 waiting");

    const { pid } = server();
    await ben.click("#kill");
    await ada.page.reload();
    await ada.is("offline");
    await ada.badge("5 waiting");
    await ada.enter("garden");
    // Its history is at the server.
    await ada.shows(lines, "stored");
    await expect.poll(() => server().pid, SOON).not.toBe(pid);
    await ben.is("live");
    expect(await ben.texts()).toEqual(["zero"]);

    await ada.click("#network");
    await ben.shows(["zero", ...lines]);
    await ada.shows(lines, "acked");
    await ada.shows(["zero", ...lines]);
    await ada.badge();
  });

  it("has sent in order, and once, what was said before a page is loaded again in the middle of it", async () => {
    for (const user of [ada, ben]) await user.enter("workshop");
    await ada.click("#series");
    await expect.poll(async () => (await ben.texts()).length, SOON).toBeGreaterThan(2);
    await ada.page.reload();
    await ada.is("live");
    await ada.enter("workshop");
    await ada.badge();
    await ada.say("over");
    await expect.poll(async () => (await ben.texts()).at(-1), SOON).toBe("over");
    const said = (await ben.texts()).slice(0, -1);
    expect(said).toEqual(SERIES.slice(0, said.length));
    await ada.shows([...said, "over"], "acked");
    await ada.shows([...said, "over"]);
  });

  it("delivers what a closed tab had not sent", async () => {
    const closed = await open("Ada");
    for (const user of [closed, ben]) await user.enter("lobby");
    const before = await ben.texts();
    await closed.click("#network");
    await closed.is("offline");
    await closed.say("I am", "going");
    await closed.badge("2 waiting");
    await closed.shows(["I am", "going"], "stored");
    await closed.page.close();
    // It takes them over, unless the closed one is not gone yet: then another tab does, some seconds later.
    const next = await open("Ada");
    await expect.poll(() => ben.texts(), LATER).toEqual([...before, "I am", "going"]);
    await next.shows([...before, "I am", "going"]);
    await next.page.close();
  });

  it("says so when the server's log was replaced, and shows what there is", async () => {
    for (const user of [ada, ben]) await user.enter("garden");
    const { pid, folder } = server();
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    await ada.click("#kill");
    await expect.poll(() => server().pid, SOON).not.toBe(pid);
    await ada.page.locator("#gap").waitFor();
    await ada.is("live");
    await ada.say("six");
    await ada.shows(["zero", "one", "two", "three", "four", "five", "six"]);
    await ada.click("#reload");
    await ada.shows(["six"]);
    expect(await ada.page.locator("#gap").isVisible()).toBe(false);
  });

  it("has a button for its own page only", async () => {
    const { pid, url } = server();
    expect((await fetch(`${url}/kill`, { method: "POST" })).status).toBe(404);
    expect((await fetch(`${url}/kill`, { headers: HEADER })).status).toBe(404);
    expect(await post(`${url}/kill`, { ...HEADER, host: "attacker.example" })).toBe(404);
    await ben.say("still here");
    await ada.shows(["six", "still here"]);
    expect(server().pid).toBe(pid);
  });

  it("is gone when it is ended", async () => {
    await ended();
    expect(starts.filter(({ pid }) => alive(pid))).toEqual([]);
    expect(existsSync(server().folder)).toBe(false);
    expect(errors).toEqual([]);
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** With any header, which `fetch` does not send. */
async function post(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const sent = request(url, { method: "POST", headers }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}
