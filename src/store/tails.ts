/**
 * Hands entries to tails: those of this process from memory, all others by reading the log.
 *
 * Rule: a tail's position only grows, and everything it is handed was decided against that position. Entries from
 * memory are taken only when nothing can stand between the position and them; otherwise the log is read.
 */
import type { Offset } from "../core/position.ts";
import type { Entry, Tail } from "./store.ts";

/** A stretch of the log as it was read: `end` is the last offset considered, `more` says that the log goes on. */
export interface Stretch {
  readonly entries: readonly Entry[];
  readonly end: Offset;
  readonly more: boolean;
}

/** Reads what follows an offset; `undefined` when the log cannot be read right now and is to be tried again later. */
export type ReadOn = (after: Offset) => Stretch | undefined;

interface RunningTail {
  position: Offset;
  stopped: boolean;
  readonly sink: (entries: readonly Entry[]) => void;
  readonly queue: (readonly Entry[])[];
}

/** The tails of one store. */
export class Tails {
  readonly #readOn: ReadOn;
  readonly #pollMs: number | undefined;
  readonly #running = new Set<RunningTail>();
  #timer: NodeJS.Timeout | undefined;

  /** `pollMs`: how often to look for entries of other processes while there is a tail; without it, never. */
  constructor(readOn: ReadOn, pollMs?: number) {
    this.#readOn = readOn;
    this.#pollMs = pollMs;
  }

  /** Starts a tail; its first entries come in a later turn of the event loop. */
  start(after: Offset, sink: (entries: readonly Entry[]) => void): Tail {
    const tail: RunningTail = { position: after, stopped: false, sink, queue: [] };
    this.#running.add(tail);
    if (this.#pollMs !== undefined && this.#timer === undefined) {
      this.#timer = setInterval(() => this.#readAll(), this.#pollMs);
      // Looking for the entries of others is no reason to keep the process alive.
      this.#timer.unref();
    }
    setImmediate(() => this.#read(tail));
    return {
      stop: () => {
        tail.stopped = true;
        this.#running.delete(tail);
        if (this.#running.size === 0) this.#stopTimer();
      },
    };
  }

  /** Whether anybody listens: without, nothing needs to be gathered for {@link committed}. */
  get any(): boolean {
    return this.#running.size > 0;
  }

  /** Entries that this process has just committed, and the log's head before them. */
  committed(headBefore: Offset, entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const tail of this.#running) {
      if (tail.position === headBefore) {
        tail.position = last.offset;
        tail.queue.push(entries);
        // Two turns of the microtask queue: whoever awaits the commit learns of it before its entries come round.
        queueMicrotask(() => queueMicrotask(() => flush(tail)));
      } else if (tail.position < last.offset) {
        setImmediate(() => this.#read(tail));
      }
    }
  }

  /** Looks for new entries soon. */
  wake(): void {
    setImmediate(() => this.#readAll());
  }

  /** Stops all tails. */
  stop(): void {
    for (const tail of this.#running) tail.stopped = true;
    this.#running.clear();
    this.#stopTimer();
  }

  #readAll(): void {
    for (const tail of this.#running) this.#read(tail);
  }

  #read(tail: RunningTail): void {
    if (tail.stopped) return;
    const stretch = this.#readOn(tail.position);
    if (stretch === undefined || stretch.end <= tail.position) return;
    tail.position = stretch.end;
    tail.queue.push(stretch.entries);
    // One stretch a turn: a tail that starts far back leaves the event loop to others in between.
    if (stretch.more) setImmediate(() => this.#read(tail));
    flush(tail);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function flush(tail: RunningTail): void {
  while (!tail.stopped) {
    const entries = tail.queue.shift();
    if (entries === undefined) return;
    if (entries.length > 0) tail.sink(entries);
  }
}
