/**
 * The example as the test uses it: its process, a copy of its source that may be edited, its pages.
 *
 * Rule: nothing waits for time to pass; what was started ends with `end`, and what was copied is removed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import type { Count } from "./controls.ts";
import type { ChatSocket } from "./src/chat-socket.ts";

declare global {
  interface Window {
    /** See `src/chat.tsx`. */
    socket: ChatSocket;
    /** The one before it, kept by a test. */
    before: ChatSocket;
    /** How many gaps an edited hook was told of. */
    gaps: number;
  }
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** In the repository, where packages are found; not in `node_modules`, where Vite looks for no changes. */
const COPIES = fileURLToPath(new URL("../../.tmp/", import.meta.url));

/** For one thing to happen. */
const STEP_MS = 15_000;

export class Example {
  readonly url: string;
  /** Its temporary folder. */
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #own: string;
  readonly #said: () => string;

  private constructor(
    process: ChildProcess,
    started: { url: string; folder: string },
    own: string,
    said: () => string,
  ) {
    this.#process = process;
    this.#own = own;
    this.#said = said;
    this.url = started.url;
    this.folder = started.folder;
  }

  /** As `npm run example:react` starts it. @param root Where the page's source is. */
  static async start(args: readonly string[] = [], root: string = HERE): Promise<Example> {
    const own = mkdtempSync(join(tmpdir(), "gapless-react-chat-test-"));
    let said = "";
    const process_ = fork(join(HERE, "start.ts"), args, {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // The test runner has set its own; Vite is to choose.
      env: { ...process.env, NODE_ENV: undefined, PORT: "0", CHAT_DB: join(own, "chat.db"), CHAT_ROOT: root },
    });
    process_.stderr?.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const [started] = await Promise.race([once(process_, "message"), once(process_, "exit")]);
    if (typeof started?.url !== "string") throw new Error(`the example did not start: ${said}`);
    return new Example(process_, started, own, () => said);
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** What it has printed about errors. */
  get said(): string {
    return this.#said();
  }

  async ask(question: "count"): Promise<Count>;
  async ask(question: "down" | "up"): Promise<void>;
  async ask(question: string): Promise<unknown> {
    const answered = once(this.#process, "message");
    this.#process.send(question);
    const [{ answer }] = await answered;
    return answer;
  }

  /** Sessions of the store that are connected, and connected sockets. */
  async connected(): Promise<{ readonly sessions: string[]; readonly sockets: number }> {
    const { sessions, sockets } = await this.ask("count");
    return { sessions: sessions.filter(({ connected }) => connected).map(({ id }) => id), sockets };
  }

  async end(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      await gone;
    }
    rmSync(this.#own, { recursive: true, force: true });
  }
}

/** A copy of the page's source. */
export class Copy {
  readonly root: string;

  constructor() {
    mkdirSync(COPIES, { recursive: true });
    this.root = mkdtempSync(join(COPIES, "react-chat-"));
    const left = /\.(test\.ts|db(-\w+)?|md)$/;
    cpSync(HERE, this.root, {
      recursive: true,
      filter: (path) => !left.test(basename(path)) && basename(path) !== "dist",
    });
  }

  /** Replaces text in a file, which must be there, and adds some at its end. */
  edit(file: string, from: string | RegExp, to: string, end = ""): void {
    const path = join(this.root, file);
    const text = readFileSync(path, "utf8");
    const edited = text.replace(from, to) + end;
    if (edited === text) throw new Error(`${file} has no ${from}`);
    writeFileSync(path, edited);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A page of the chat. */
export class Tab {
  readonly page: Page;
  /** What went wrong in it. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    // Before the test's own limit: it says what was waited for.
    page.setDefaultTimeout(STEP_MS);
    page.on("pageerror", ({ message }) => this.errors.push(message));
    page.on("console", (said) => {
      // What Chromium prints of a server that is down, and of a connection that was closed, is no error of the page's.
      if (said.type() === "error" && !/Failed to load resource|WebSocket /.test(said.text()))
        this.errors.push(said.text());
    });
  }

  /** Opens one. */
  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const tab = new Tab(await context.newPage());
    await tab.page.goto(url);
    return tab;
  }

  async live(): Promise<void> {
    await this.page.locator('.pill[data-state="live"]').waitFor();
  }

  async say(...texts: string[]): Promise<void> {
    for (const text of texts) {
      await this.page.getByLabel("Message").fill(text);
      await this.page.keyboard.press("Enter");
    }
  }

  /** Waits for these messages, each there once and nothing else: `"text: status"`. */
  async shows(...lines: string[]): Promise<void> {
    await this.page.waitForFunction((expected) => {
      const there = [...document.querySelectorAll<HTMLElement>(".message")].map(
        (line) => `${line.querySelector("p")?.textContent}: ${line.dataset.status}`,
      );
      return JSON.stringify(there) === JSON.stringify(expected);
    }, lines);
  }

  /** Waits until all these are sent, whatever else is there. */
  async acked(...texts: string[]): Promise<void> {
    for (const text of texts) {
      await this.page.locator('.message[data-status="acked"] p', { hasText: new RegExp(`^${text}$`) }).waitFor();
    }
  }

  /** Waits until the badge is gone. A message may come back, and so be shown as sent, before its answer has come. */
  async nothingWaits(): Promise<void> {
    await this.page.locator(".badge").waitFor({ state: "detached" });
  }

  session(): Promise<string | undefined> {
    return this.page.evaluate(() => window.socket.delivery.session);
  }

  /** Listeners for messages on the present socket. */
  listeners(): Promise<number> {
    return this.page.evaluate(() => window.socket.listeners("message").length);
  }

  /** Runs an edit, and waits until the page has another socket. */
  async otherSocket(edit: () => void): Promise<void> {
    await this.page.evaluate(() => {
      window.before = window.socket;
    });
    edit();
    await this.page.waitForFunction(() => window.before !== window.socket);
  }
}
