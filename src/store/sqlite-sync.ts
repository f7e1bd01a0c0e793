/**
 * Syncing the write-ahead log of one connection beside the event loop.
 *
 * Rule: who waits, waits for a sync that began after he wrote; those who write meanwhile share the next. After one that failed a
 * later one proves nothing: the system takes what it could not write for clean. So all is written again before it is synced again;
 * when that fails, too, nothing is known any more. Nothing else may sync, or carry over, what nobody has synced here.
 */
import { DeliveryError } from "../core/error.ts";
import type { WalFile } from "./sqlite-driver.ts";

/** What is needed of the connection. */
interface Database {
  carryOver(): void;
  /** Runs something while nobody writes. */
  locked(run: () => void): void;
}

/** The syncs of one connection. */
export class WalSync {
  readonly #file: WalFile;
  readonly #limitBytes: number;
  readonly #database: Database;
  /** Whether something may be taken for clean that is not on the disk. */
  #doubtful = false;
  #waiting = 0;
  #present: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failed: DeliveryError | undefined;

  /** @param limitBytes When the log is larger, it is carried over into the main file. */
  constructor(file: WalFile, limitBytes: number, database: Database) {
    this.#file = file;
    this.#limitBytes = limitBytes;
    this.#database = database;
  }

  /** Whether something was written that is not known to be on the disk. */
  get behind(): boolean {
    return this.#waiting > 0;
  }

  /** Resolves when everything that was written by now is on the disk. Rejects with `STORE_FAILED`. */
  async synced(): Promise<void> {
    this.#waiting++;
    try {
      if (this.#present) this.#next ??= this.#present.then(() => this.#sync());
      await (this.#next ?? this.#sync());
    } finally {
      this.#waiting--;
    }
  }

  /** Resolves when nothing is written that is not on the disk, or may not be. */
  async caughtUp(): Promise<void> {
    while (this.#waiting > 0) await (this.#next ?? this.#present)?.catch(() => {});
  }

  /** Gives the file up. Who waits is told that it failed. */
  close(): void {
    this.#failed ??= failure("the connection was given up.");
    // A file that is being synced must not be closed: its number might be given to another one meanwhile.
    void Promise.resolve(this.#present).then(() => this.#file.close());
  }

  async #sync(): Promise<void> {
    this.#next = undefined;
    if (this.#failed) throw this.#failed;
    const sync = this.#try().catch((cause: unknown) => {
      this.#failed ??= failure("look at the disk and the system's log.", cause);
    });
    this.#present = sync;
    await sync;
    if (this.#present === sync) this.#present = undefined;
    if (this.#failed) throw this.#failed;
    if (this.#file.bytes() > this.#limitBytes) this.#empty();
  }

  async #try(): Promise<void> {
    try {
      if (this.#doubtful) this.#writeAgain();
      await this.#file.sync();
    } catch {
      this.#writeAgain();
      await this.#file.sync();
    }
    this.#doubtful = false;
  }

  #writeAgain(): void {
    // Without the lock, another process could be writing to it.
    this.#database.locked(() => this.#file.rewrite());
  }

  #empty(): void {
    try {
      this.#database.carryOver();
    } catch {
      // It begins by syncing what others have written since. The next attempt carries over all of it.
      this.#doubtful = true;
    }
  }
}

function failure(why: string, cause?: unknown): DeliveryError {
  const message = `syncing the write-ahead log failed: ${why} Whether what was written is kept is unknown: repeat it.`;
  return new DeliveryError("STORE_FAILED", message, { cause });
}
