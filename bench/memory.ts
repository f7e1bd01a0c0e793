/**
 * Memory of the server.
 *
 * Rule: what could be collected is collected before memory is compared; a peak is seen when it lasts for 10 ms.
 */
import { readFileSync } from "node:fs";
import { sleep } from "./time.ts";

const LOOK_EVERY_MS = 10;
const PAGE_BYTES = 4_096;

/** Resident memory of this process, and of a further one. */
export function rssBytes(pid?: number): number {
  const further = pid === undefined ? 0 : Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
  return process.memoryUsage.rss() + further;
}

/** What this process holds of JavaScript's: objects and buffers. */
export function javaScriptBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Collects what can be collected. The process has to run with `--expose-gc`. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await sleep(50);
  }
}

/** Watches memory grow. */
export class Growth {
  readonly #pid: number | undefined;
  readonly #before: number;
  readonly #looking: ReturnType<typeof setInterval>;
  #peak: number;

  constructor(pid: number | undefined) {
    this.#pid = pid;
    this.#before = rssBytes(pid);
    this.#peak = this.#before;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Stops. Answers the peak less what there was at the beginning, in MB. */
  endMb(): number {
    clearInterval(this.#looking);
    this.#look();
    return (this.#peak - this.#before) / 1e6;
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, rssBytes(this.#pid));
  }
}
