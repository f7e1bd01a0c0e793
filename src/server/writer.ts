/**
 * The one way into the store: everything that changes goes through one queue and is committed in its order.
 *
 * Rule: one batch is in flight; what arrives meanwhile is the next batch. A batch whose outcome is unknown is repeated as it was,
 * under the same number, until its outcome is known. Of one that was refused, what cannot wait (a publish whose caller wants to
 * know) is refused, and the rest is part of the next batch.
 */
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
import type { CommitId, Operation, Outcome, Store } from "../store/store.ts";

/** Told when an operation is through: its outcome (`undefined`: fenced, or the session is unknown), or why it was refused. */
export type Settled = (outcome: Outcome | undefined, error?: DeliveryError) => void;

/** How an operation is treated that cannot be done at once. */
export interface AddOptions {
  /** Waits for a store that fails, however long. @default true */
  readonly patient?: boolean;
  /** Is done all the same when the log has begun another life. @default false */
  readonly outlives?: boolean;
  /** Its size, which counts against the bound. @default 0 */
  readonly bytes?: number;
}

interface Item {
  /** Makes it, once, when its batch is made, so that it says what holds then. */
  readonly operation: () => Operation;
  made: Operation | undefined;
  readonly bytes: number;
  readonly patient: boolean;
  readonly outlives: boolean;
  readonly settled: Settled;
  /** Whether an attempt at it, in a batch that was given up, may have been kept. */
  unknown: boolean;
  /** Something in a batch with it cannot be kept: it is tried by itself. */
  suspect: boolean;
  /** Whether `settled` was called. */
  told: boolean;
}

interface Batch {
  readonly id: CommitId;
  readonly items: readonly Item[];
  readonly operations: readonly Operation[];
  /** Whether an attempt at it may have been kept. */
  unknown: boolean;
  /** Whether it was made for a life of the log that is over. */
  over: boolean;
}

/** Bounds and surroundings of a writer. */
export interface WriterOptions {
  readonly pendingEntries: number;
  readonly pendingBytes: number;
  /** A name that no other writer has, in no life of any process. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Runs a function after the present turn of the event loop. */
  readonly later: (run: () => void) => void;
  /** The store began to fail, or (`undefined`) works again. */
  readonly onHealth: (failing: DeliveryError | undefined) => void;
  /** A commit is through and every outcome of it was told. */
  readonly onCommitted: () => void;
}

/** At most this much in one commit. */
const BATCH_ITEMS = 1_000;
const BATCH_BYTES = 2 ** 20;
/** Unknown outcomes in a row after which impatient items are refused all the same. */
const UNKNOWN_TRIES = 3;
const RETRY = { minMs: 50, maxMs: 2_000 };
/** With these, nothing of the batch was kept. */
const REFUSED: ReadonlySet<DeliveryErrorCode> = new Set(["STORE_FULL", "STORE_READONLY", "STORE_BUSY"]);

/** The queue in front of a store. */
export class Writer {
  readonly #commit: Store["commit"];
  readonly #options: WriterOptions;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #batch: Batch | undefined;
  #batches = 0;
  #scheduled = false;
  #failures = 0;
  #failing: DeliveryError | undefined;
  #stopped: DeliveryError | undefined;
  #added = 0;
  #done = 0;
  #waiters: { readonly upTo: number; readonly wake: () => void }[] = [];

  constructor(commit: Store["commit"], options: WriterOptions) {
    this.#commit = commit;
    this.#options = options;
  }

  /** How many operations were ever added. */
  get added(): number {
    return this.#added;
  }

  /** How many of them are through. */
  get done(): number {
    return this.#done;
  }

  /** Whether a batch is with the store, or was and may have been kept. */
  get committing(): boolean {
    return this.#batch !== undefined;
  }

  /** The error that the store answers at present. */
  get failing(): DeliveryError | undefined {
    return this.#failing;
  }

  /** How many operations wait or are in flight. */
  get pending(): number {
    return this.#queue.length + (this.#batch?.items.length ?? 0);
  }

  /** Whether an append of this size is over the bound. */
  overloaded(bytes: number): boolean {
    return this.#queue.length >= this.#options.pendingEntries || this.#queuedBytes + bytes > this.#options.pendingBytes;
  }

  /** Puts an operation at the end of the queue. Bounded by the callers: appends ask {@link overloaded} first. */
  add(operation: () => Operation, settled: Settled, options: AddOptions = {}): void {
    const { patient = true, outlives = false, bytes = 0 } = options;
    this.#added++;
    const item: Item = {
      operation,
      made: undefined,
      bytes,
      patient,
      outlives,
      settled,
      unknown: false,
      suspect: false,
      told: false,
    };
    if (this.#stopped) {
      this.#through(item, undefined, this.#stopped);
      return;
    }
    this.#queue.push(item);
    this.#queuedBytes += bytes;
    this.#schedule();
  }

  /** The same, as a promise. */
  commit(operation: Operation): Promise<Outcome | undefined> {
    return new Promise((resolve, reject) => {
      this.add(
        () => operation,
        (outcome, error) => (error ? reject(error) : resolve(outcome)),
        { patient: false },
      );
    });
  }

  /** Resolves when everything added so far is through. */
  flushed(): Promise<void> {
    if (this.#done >= this.#added) return Promise.resolve();
    return new Promise((wake) => {
      this.#waiters.push({ upTo: this.#added, wake });
    });
  }

  /** Refuses what waits and what will come. */
  stop(error: DeliveryError): void {
    this.#stopped = error;
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const item of queue) this.#through(item, undefined, error);
    this.#wake();
  }

  /** The log has begun another life: what was to be done in the one before is refused, but for what outlives it. */
  renew(error: DeliveryError): void {
    if (this.#batch) {
      this.#batch.over = true;
      this.#outliving(this.#batch.items, error);
    }
    this.#queue = this.#outliving(this.#queue, error);
    this.#queuedBytes = this.#queue.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#wake();
  }

  #schedule(): void {
    if (this.#scheduled || this.#batch || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#options.later(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#batch || this.#queue.length === 0) return;
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && count < BATCH_ITEMS && bytes < BATCH_BYTES) {
      const item = this.#queue[count++] as Item;
      bytes += item.bytes;
      if (item.suspect) break;
    }
    const items = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#queuedBytes -= bytes;
    const operations = items.map((item) => {
      item.made ??= item.operation();
      return item.made;
    });
    const id = { writer: this.#options.name, number: ++this.#batches };
    this.#attempt({ id, items, operations, unknown: items.some(({ unknown }) => unknown), over: false });
  }

  #attempt(batch: Batch): void {
    this.#batch = batch;
    this.#commit(batch.operations, batch.id).then(
      (outcomes) => this.#committed(batch, outcomes),
      (error: unknown) => this.#failed(batch, error),
    );
  }

  #committed({ items }: Batch, outcomes: readonly (Outcome | undefined)[]): void {
    this.#failures = 0;
    items.forEach((item, i) => {
      this.#through(item, outcomes[i]);
    });
    this.#batch = undefined;
    if (this.#failing) this.#health(undefined);
    this.#options.onCommitted();
    this.#wake();
    this.#schedule();
  }

  #failed(batch: Batch, cause: unknown): void {
    const error =
      cause instanceof DeliveryError
        ? cause
        : new DeliveryError("STORE_FAILED", "the store failed; the same step is repeated.", { cause });
    if (error.code === "INVALID") {
      this.#isolate(batch.items, error);
      return;
    }
    this.#failures++;
    batch.over ||= error.code === "STORE_REPLACED";
    // A refusal says nothing of an attempt before it.
    batch.unknown ||= !REFUSED.has(error.code);
    if (this.#stopped) {
      this.#batch = undefined;
      for (const item of batch.items) this.#through(item, undefined, this.#stopped);
    } else if (batch.over) {
      this.#again(this.#outliving(batch.items, error), batch.unknown);
    } else if (batch.unknown) {
      if (this.#failures >= UNKNOWN_TRIES) this.#refuse(batch.items, unknownOutcome(error));
    } else {
      this.#again(this.#refuse(batch.items, error));
    }
    // A log with another life is no store that fails: the next attempt is in that life.
    if (error.code !== "STORE_REPLACED") this.#health(error);
    this.#wake();
    const { clock, random } = this.#options;
    this.#scheduled = true;
    clock.at(clock.now() + backoffMs(RETRY, this.#failures, random()), () => {
      this.#scheduled = false;
      if (!this.#batch) this.#next();
      else if (this.#stopped) this.#failed(this.#batch, this.#stopped);
      else if (this.#batch.over) {
        this.#again(
          this.#batch.items.filter(({ outlives }) => outlives),
          this.#batch.unknown,
        );
        this.#next();
      } else this.#attempt(this.#batch);
    });
  }

  /** The batch is given up; these of it are to be done in the next. @param unknown Whether it may have been kept. */
  #again(items: readonly Item[], unknown = false): void {
    this.#batch = undefined;
    const left = items.filter(({ told }) => !told);
    for (const item of left) {
      this.#queuedBytes += item.bytes;
      item.unknown ||= unknown;
    }
    this.#queue = [...left, ...this.#queue];
  }

  /** Tells those who belong to a life of the log that is over. Answers the others. */
  #outliving(items: readonly Item[], error: DeliveryError): Item[] {
    for (const item of items) if (!item.outlives) this.#through(item, undefined, error);
    return items.filter(({ outlives }) => outlives);
  }

  /** Tells those who cannot wait. Answers the others. */
  #refuse(items: readonly Item[], error: DeliveryError): Item[] {
    const patient: Item[] = [];
    for (const item of items) {
      if (item.patient) patient.push(item);
      else this.#through(item, undefined, error);
    }
    return patient;
  }

  /** One operation of the batch can never be kept. It alone is given up, and it shows when each is tried by itself. */
  #isolate(items: readonly Item[], error: DeliveryError): void {
    this.#batch = undefined;
    const [only, ...others] = items;
    if (only && others.length === 0) this.#through(only, undefined, error);
    else {
      for (const item of items) {
        item.suspect = true;
        this.#queuedBytes += item.bytes;
      }
      this.#queue = [...items, ...this.#queue];
    }
    this.#options.onCommitted();
    this.#wake();
    this.#schedule();
  }

  #through(item: Item, outcome: Outcome | undefined, error?: DeliveryError): void {
    if (item.told) return;
    item.told = true;
    this.#done++;
    item.settled(outcome, error);
  }

  #health(failing: DeliveryError | undefined): void {
    if (this.#failing?.code === failing?.code) return;
    this.#failing = failing;
    this.#options.onHealth(failing);
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter(({ upTo, wake }) => {
      if (this.#done < upTo) return true;
      wake();
      return false;
    });
  }
}

function unknownOutcome(error: DeliveryError): DeliveryError {
  if (error.code === "STORE_FAILED") return error;
  return new DeliveryError("STORE_FAILED", "whether the step was kept is unknown; it is repeated.", { cause: error });
}
