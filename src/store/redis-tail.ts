/**
 * Following the log by blocking reads.
 *
 * Rule: every entry names the head before it, so an entry whose predecessor lies before the tail's own place proves that the log has lost
 * what the tail has seen. Nothing is handed out after that.
 */
import type { Offset } from "../core/position.ts";
import { decodeRow, list } from "./redis-codec.ts";
import type { RedisConnection } from "./redis-wire.ts";
import type { Entry, Tail } from "./store.ts";

/** Entries in one read. */
const COUNT = 512;
/** How long a read waits for entries, milliseconds. After it the tail looks whether the log is still what it was. */
const BLOCK_MS = 1_000;
/** After a failure, milliseconds. */
const RETRY_MS = 100;

/** What a tail needs of its store. */
export interface TailHost {
  /** The key of the stream. */
  readonly logKey: string;
  readonly connection: RedisConnection;
  /** The life of the log that the store is in. */
  readonly epoch: string;
  /** Head and floor, after it was made sure that the log is that of the tail's life. */
  bounds(): Promise<{ readonly head: Offset; readonly floor: Offset }>;
  /** The log has lost entries that were in it: a new life begins, and tails end. */
  rolledBack(): Promise<void>;
}

/** A running tail. */
export class RedisTail implements Tail {
  readonly #host: TailHost;
  readonly #sink: (entries: readonly Entry[]) => void;
  #position: Offset;
  /** Whether the position is one that the log had. The one that it was started with need not be. */
  #anchored: boolean;
  #stopped = false;

  constructor(host: TailHost, after: Offset, anchored: boolean, sink: (entries: readonly Entry[]) => void) {
    this.#host = host;
    this.#position = after;
    this.#anchored = anchored;
    this.#sink = sink;
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step();
      } catch {
        // Commits and reads tell of a store that fails; here it is only tried again.
        await new Promise((resolve) => {
          setTimeout(resolve, RETRY_MS);
        });
      }
    }
  }

  async #step(): Promise<void> {
    const { logKey, connection } = this.#host;
    const read = ["XREAD", "COUNT", `${COUNT}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", logKey, `${this.#position}-0`];
    const [reply] = await connection.send(logKey, [read], BLOCK_MS);
    if (this.#stopped) return;
    const [stream] = list(reply);
    if (!stream) {
      const { head } = await this.#host.bounds();
      if (head < this.#position && !this.#stopped) await this.#host.rolledBack();
      return;
    }
    const rows = list(list(stream)[1]).map(decodeRow);
    // What was appended in another life is of one that is over, or of one that others have begun: then this throws, and nothing is handed out.
    if (rows.some(({ epoch, entry }) => entry && epoch !== this.#host.epoch)) await this.#host.bounds();
    if (this.#stopped) return;
    const entries: Entry[] = [];
    for (const { offset, before, entry } of rows) {
      if (this.#anchored && entry && before < this.#position) {
        this.#hand(entries);
        await this.#host.rolledBack();
        return;
      }
      this.#position = offset;
      this.#anchored = true;
      if (entry) entries.push(entry);
    }
    this.#hand(entries);
  }

  #hand(entries: readonly Entry[]): void {
    if (entries.length > 0 && !this.#stopped) this.#sink(entries);
  }
}
