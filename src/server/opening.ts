/**
 * Opening a store that cannot always be reached: a server may be started before its Redis is.
 *
 * Rule: `STORE_BUSY` is tried again, until it is open or nobody wants it any more; with any other error it cannot be opened.
 */
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { DeliveryError } from "../core/error.ts";
import type { LogState, Store } from "../store/store.ts";

/** What surrounds it. */
export interface OpeningOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  /** See {@link Store.open}. */
  readonly replaced: (log: LogState) => void;
  /** The store is open. Called before anybody who waits goes on. */
  readonly opened: (log: LogState) => void;
  /** It could not be opened, and is tried again. Called once until it is open. */
  readonly failing: (error: DeliveryError) => void;
}

const RETRY = { minMs: 50, maxMs: 2_000 };

/** One store's way to being open. */
export class Opening {
  /** Resolves when the store is open; rejects when it cannot be. */
  readonly ready: Promise<void>;
  /** Why it is not open, when that is for good. */
  broken: DeliveryError | undefined;
  readonly #options: OpeningOptions;
  readonly #tried: Promise<void>;
  /** Why it is not open yet. */
  #failing: DeliveryError | undefined;
  #ended: DeliveryError | undefined;
  #wake: (() => void) | undefined;
  #begin: () => void = () => {};

  constructor(options: OpeningOptions) {
    this.#options = options;
    let first = () => {};
    this.#tried = new Promise((resolve) => {
      first = resolve;
    });
    this.ready = new Promise<void>((resolve) => {
      this.#begin = resolve;
    }).then(() => this.#run(first));
    this.ready.catch(() => {});
  }

  /** Tries it. Resolves when it was tried once. */
  begin(): Promise<void> {
    this.#begin();
    return this.#tried;
  }

  /** Resolves when it is open. Rejects when it is not, as soon as that is known; it may be open later. */
  async open(): Promise<void> {
    await this.#tried;
    const error = this.broken ?? this.#failing;
    if (error) throw error;
  }

  /** Nobody wants it any more. Resolves when nothing is under way. Answers whether it is open. */
  async end(error: DeliveryError): Promise<boolean> {
    this.#ended = error;
    this.#wake?.();
    return this.ready.then(
      () => true,
      () => false,
    );
  }

  async #run(first: () => void): Promise<void> {
    const { store, clock, random, replaced, opened, failing } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        opened(await store.open(replaced));
        this.#failing = undefined;
        first();
        return;
      } catch (cause) {
        const error =
          cause instanceof DeliveryError
            ? cause
            : new DeliveryError("STORE_FAILED", "the store could not be opened.", { cause });
        if (error.code !== "STORE_BUSY") this.broken = error;
        else if (!this.#failing) failing(error);
        this.#failing = error;
        first();
      }
      if (!this.broken && !this.#ended) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          clock.at(clock.now() + backoffMs(RETRY, failures, random()), resolve);
        });
      }
      this.broken ??= this.#ended;
      if (this.broken) throw this.broken;
    }
  }
}
