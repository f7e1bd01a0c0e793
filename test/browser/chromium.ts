/**
 * A real browser, driven by the tests.
 *
 * Rule: Debian's Chromium, with a profile of its own on the disk; under CI a missing one is a failure, elsewhere the suites say how to get it.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type Browser as Chromium, chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = PLACES.find((path) => path && existsSync(path));
const MISSING = "Chromium is missing: install it (Debian: apt-get install chromium), or set CHROMIUM to its path";

export const chromiumAvailable: boolean = executablePath !== undefined;
if (!chromiumAvailable) {
  if (process.env.CI === "true") throw new Error(MISSING);
  console.warn(MISSING);
}

/** A browser with its profile. */
export interface Browser {
  readonly context: BrowserContext;
  /** Processes that show pages. */
  renderers(): Promise<number[]>;
  /** Kills it, with all its processes, and starts it again with its profile. */
  restart(): Promise<void>;
  /** Ends it, and forgets the profile. */
  remove(): Promise<void>;
}

/** Starts one. @param flags More for its command line. */
export async function startChromium(flags: readonly string[] = []): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "gapless-chromium-"));
  const start = () =>
    chromium.launchPersistentContext(profile, {
      executablePath: executablePath as string,
      headless: true,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        ...flags,
      ],
      // Pages that are left are to be put aside, as in a user's browser.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
      viewport: { width: 1200, height: 800 },
    });
  let context = await start();
  /** Its processes of one kind. */
  const processes = async (kind: string): Promise<number[]> => {
    const session = await (context.browser() as Chromium).newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.filter(({ type }) => type === kind).map(({ id }) => id);
  };
  return {
    get context() {
      return context;
    },
    renderers: () => processes("renderer"),
    async restart() {
      const [pid] = await processes("browser");
      const gone = new Promise((resolve) => context.once("close", resolve));
      process.kill(pid as number, "SIGKILL");
      await gone;
      context = await start();
    },
    async remove() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
