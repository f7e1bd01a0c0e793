/**
 * Publishing: from an emit, which must not wait or fail, and from `publish`, whose caller wants to know.
 *
 * Rule: what can be made durable is; what cannot is sent as plain Socket.IO would, and reported. Nothing is dropped in silence.
 */
import { DeliveryError } from "../core/error.ts";
import type { Epoch, Offset } from "../core/position.ts";
import type { GapReason } from "../core/resume.ts";
import type { Durability, LogState, NewEntry, Outcome, Store } from "../store/store.ts";
import { causes } from "./cause.ts";
import type { Codec, Encoded } from "./codec.ts";
import { derivedId, ULID } from "./token.ts";
import type { Settled } from "./writer.ts";

/** Where a published event is, and what it survives. */
export interface Receipt {
  /** The event's identity, a ULID. */
  readonly id: string;
  /** Its place in the log. */
  readonly offset: Offset;
  readonly epoch: Epoch;
  /** The level of durability that was reached. */
  readonly durability: Durability;
  /** An event of this id was in the log already; nothing was published again. */
  readonly duplicate: boolean;
}

/** Who a publish is for. */
export interface Audience {
  readonly keys: readonly string[];
  readonly except: readonly string[];
}

/** What a publisher needs of the node, or the emitter, that it publishes for. */
export interface PublishHost {
  readonly store: Store;
  readonly codec: Codec;
  /** Why nothing can be published: the store could not be opened, or is closed. */
  readonly broken: DeliveryError | undefined;
  /** Whether the store is open. */
  readonly opened: boolean;
  readonly log: LogState;
  now(): number;
  /** Appends to the log. Answers why not, when too much waits already. */
  append(entry: NewEntry, patient: boolean, settled: Settled): DeliveryError | undefined;
}

/** What emits need besides: nobody waits for them. */
export interface EmitHost extends PublishHost {
  readonly metrics: { notDurable: number };
  failed(error: unknown): void;
  /** Something for these audiences could not be made durable. */
  lost(keys: readonly string[], reason: GapReason): void;
}

/** Publishes to the log, and gives a receipt. */
export class ReceiptPublisher {
  readonly #host: PublishHost;
  readonly #newId: () => string;

  constructor(host: PublishHost, newId: () => string) {
    this.#host = host;
    this.#newId = newId;
  }

  /**
   * Resolves once the event is durable. Rejects with `PAYLOAD_TOO_LARGE`, `PAYLOAD_TOO_DEEP`, `TOO_MANY_ATTACHMENTS`,
   * `OVERLOADED`, `ROLLED_BACK`, `INVALID`, `CLOSED` or a `STORE_*` code; nothing was published then, except that after
   * `STORE_FAILED` it is unknown: publish again with the same `id`.
   *
   * Called inside a transaction that the application has open on the connection it gave to the store, it appends inside that
   * transaction, and throws at once when it cannot, so that the transaction is rolled back with it.
   */
  publish(audience: Audience, args: readonly unknown[], id?: string): Promise<Receipt> {
    const host = this.#host;
    if (host.broken) return Promise.reject(host.broken);
    let made: NewEntry | undefined;
    const make = () => {
      if (id !== undefined && !ULID.test(id)) {
        throw new DeliveryError(
          "INVALID",
          `"${String(id).slice(0, 40)}" is no ULID; leave the id out, or make one with the ulid package.`,
        );
      }
      if (typeof args[0] !== "string") throw new DeliveryError("INVALID", "an event's name is a string.");
      made = this.entry(audience, host.codec.encode(args), id);
      return made;
    };
    const nested = host.opened ? host.store.appendInTransaction?.(make) : undefined;
    try {
      const appended = nested ?? this.#append(make());
      return this.#receipt((made as NewEntry).id, appended);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #receipt(id: string, appended: Promise<Outcome>): Promise<Receipt> {
    const { offset, duplicate } = await appended;
    const { log, store } = this.#host;
    return { id, offset, epoch: log.epoch, durability: store.durability, duplicate: duplicate === true };
  }

  #append(entry: NewEntry): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const refusal = this.#host.append(entry, false, (outcome, error) => {
        if (outcome) resolve(outcome);
        else reject(error ?? new DeliveryError("CLOSED", "the server was closed before the event was stored."));
      });
      if (refusal) reject(refusal);
    });
  }

  /** An entry for the log. @default id a new one, or one that follows from the message whose handler publishes */
  protected entry({ keys, except }: Audience, data: Encoded, id: string = this.#identity()): NewEntry {
    return { id, keys, except, data, publishedAt: this.#host.now() };
  }

  #identity(): string {
    const cause = causes.getStore();
    if (!cause?.open()) return this.#newId();
    return derivedId(cause.session, cause.seq, `${cause.listener}.${cause.count++}`, cause.message);
  }
}

/** Publishes for a server: emits, too. */
export class Publisher extends ReceiptPublisher {
  readonly #host: EmitHost;

  constructor(host: EmitHost, newId: () => string) {
    super(host, newId);
    this.#host = host;
  }

  /** Takes an emit. Answers false when it cannot be made durable: then the caller sends it as Socket.IO would. */
  emit(audience: Audience, args: readonly unknown[]): boolean {
    const host = this.#host;
    if (host.broken) return false;
    let data: Encoded;
    try {
      data = host.codec.encode(args);
    } catch (error) {
      host.metrics.notDurable++;
      host.failed(error);
      return false;
    }
    const refusal = host.append(this.entry(audience, data), true, (_outcome, error) => {
      if (error && error.code !== "CLOSED") host.failed(error);
    });
    if (refusal) {
      host.metrics.notDurable++;
      host.failed(refusal);
      host.lost(audience.keys, "overflow");
      return false;
    }
    return true;
  }
}
