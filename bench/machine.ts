/**
 * On what it was measured.
 *
 * Rule: whatever the figures rest on is said with them.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "./statistics.ts";

/** The packages whose versions matter. */
const PACKAGES = ["socket.io", "socket.io-client", "ws", "better-sqlite3"];
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The machine and the versions, in a line or two. */
export function machine(): string {
  const [cpu] = cpus();
  const versions = PACKAGES.map((name) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8"));
    return `${name} ${version}`;
  });
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}`,
    `fdatasync of 4 KiB ${flushUs().toFixed(0)} µs (median of 50)`,
    `Node ${process.version}`,
    ...versions,
  ].join(", ");
}

/** What `disk` rests on: how long this disk takes to say that it has something. */
function flushUs(): number {
  const dir = mkdtempSync(join(tmpdir(), "gapless-bench-"));
  const file = openSync(join(dir, "flush"), "w");
  try {
    const page = Buffer.alloc(4_096, 1);
    const took = Array.from({ length: 50 }, () => {
      const start = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return (performance.now() - start) * 1_000;
    });
    return median(took);
  } finally {
    closeSync(file);
    rmSync(dir, { recursive: true, force: true });
  }
}
