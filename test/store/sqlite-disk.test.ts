/** A real disk that is full or read-only, and a lock that another process holds. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqlite } from "../../src/store/sqlite.ts";
import { append, codeOf, nthId } from "../../src/testing/store-suite/given.ts";
import { placeInMemory } from "./harness.ts";
import { bundled, type Program } from "./processes.ts";
import type { SmallDiskReport } from "./small-disk.ts";
import { eachOnItsOwnFile, kept, opened, path } from "./sqlite-bench.ts";

/** Mounts a tmpfs of three megabytes where only what follows sees it. */
const MOUNTING = ["-rm", "sh", "-c", 'mount -t tmpfs -o size=3m none "$0" && exec "$@"'];

/** Why nothing can be mounted here, in one line; `undefined` when it can. For root on CI there is no excuse. */
function whyNotMounted(): string | undefined {
  const place = mkdtempSync(join(placeInMemory(), "gapless-mount-"));
  const { status } = spawnSync("unshare", [...MOUNTING, place, "true"]);
  rmSync(place, { recursive: true });
  if (status === 0) return undefined;
  const advice = "full disk: not tested here; run as root, or allow unprivileged user namespaces, on Linux";
  if (process.env.CI && process.getuid?.() === 0) throw new Error(advice);
  return advice;
}

const whyNot = whyNotMounted();
if (whyNot !== undefined) console.warn(whyNot);

describe.skipIf(whyNot !== undefined)("a small disk", () => {
  let program: Program;
  let report: SmallDiskReport;
  beforeAll(async () => {
    program = await bundled("small-disk.ts");
    const place = mkdtempSync(join(placeInMemory(), "gapless-small-"));
    const { stdout, stderr } = spawnSync("unshare", [...MOUNTING, place, process.execPath, program.path, place], {
      env: program.environment,
      encoding: "utf8",
      timeout: 30_000,
    });
    rmSync(place, { recursive: true });
    expect(stderr).toBe("");
    report = JSON.parse(stdout) as SmallDiskReport;
  });
  afterAll(() => program?.remove());

  test("that is full refuses commits, keeps nothing of them, and still answers reads with all that was kept", () => {
    expect(report.fullAt).toBeGreaterThan(15);
    expect(report.full).toMatchObject({ commit: "STORE_FULL", again: "STORE_FULL", lost: 0 });
    expect(["ok", "STORE_FULL"]).toContain(report.full.trim);
  });

  test("that has space again takes the same batch, once, without a restart", () => {
    expect(report.freed).toEqual({ commit: "ok", duplicates: 0, lost: 0 });
    expect(report.reopened).toEqual({ batch: report.fullAt, lost: 0 });
  });

  test("that is read-only is refused at opening, is left as it is, and opens when it can be written again", () => {
    const { open, unchanged, afterwards } = report.readOnly;
    expect(["STORE_READONLY", "STORE_FAILED"]).toContain(open);
    expect([unchanged, afterwards]).toEqual([true, "ok"]);
  });
});

describe("a lock of another process", () => {
  eachOnItsOwnFile();

  test("keeps nothing of a commit and delays no read, and the same batch is taken once it is gone", async () => {
    const program = await bundled("holder.ts");
    const store = await opened(sqlite(path));
    await store.commit([append(1)]);
    const holder = spawn(process.execPath, [program.path, path], {
      stdio: ["pipe", "pipe", "inherit"],
      env: program.environment,
    });
    try {
      await once(holder.stdout, "data");
      expect(await codeOf(store.commit([append(2)]))).toBe("STORE_BUSY");
      expect(await kept(store)).toEqual([nthId(1)]);
      expect(await codeOf(sqlite(path).open())).toBe("STORE_BUSY");
      const ended = once(holder, "exit");
      holder.stdin.end();
      await ended;
      const [outcome] = await store.commit([append(2)]);
      expect(outcome?.duplicate).toBe(false);
      expect(await kept(store)).toEqual([nthId(1), nthId(2)]);
    } finally {
      holder.kill("SIGKILL");
      program.remove();
    }
  });
});
