/**
 * Publishing: from an emit, which must not wait or fail, and from `publish`, whose caller wants to know.
 *
 * Rule: what can be made durable is; what cannot is sent as plain Socket.IO would, and reported. Nothing is dropped in silence.
 */
import { DeliveryError } from "../core/error.ts";
import type { Epoch, Offset } from "../core/position.ts";
import type { Durability, NewEntry, Outcome } from "../store/store.ts";
import { causes } from "./cause.ts";
import type { Encoded } from "./codec.ts";
import type { Hub } from "./hub.ts";
import { derivedId, ULID } from "./token.ts";

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

/** Publishes to the log of one hub. */
export class Publisher {
  readonly #hub: Hub;
  readonly #newId: () => string;

  constructor(hub: Hub, newId: () => string) {
    this.#hub = hub;
    this.#newId = newId;
  }

  /** Takes an emit. Answers false when it cannot be made durable: then the caller sends it as Socket.IO would. */
  emit({ keys, except }: Audience, args: readonly unknown[]): boolean {
    const hub = this.#hub;
    if (hub.broken) return false;
    let data: Encoded;
    try {
      data = hub.codec.encode(args);
    } catch (error) {
      hub.metrics.notDurable++;
      hub.failed(error);
      return false;
    }
    const refusal = hub.append(this.#entry(keys, except, data), true, (_outcome, error) => {
      if (error && error.code !== "CLOSED") hub.failed(error);
    });
    if (refusal) {
      hub.metrics.notDurable++;
      hub.failed(refusal);
      hub.lost(keys, "overflow");
      return false;
    }
    return true;
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
    const hub = this.#hub;
    if (hub.broken) return Promise.reject(hub.broken);
    let made: NewEntry | undefined;
    const make = () => {
      if (id !== undefined && !ULID.test(id)) {
        throw new DeliveryError(
          "INVALID",
          `"${String(id).slice(0, 40)}" is no ULID; leave the id out, or make one with the ulid package.`,
        );
      }
      if (typeof args[0] !== "string") throw new DeliveryError("INVALID", "an event's name is a string.");
      made = this.#entry(audience.keys, audience.except, hub.codec.encode(args), id);
      return made;
    };
    const nested = hub.opened ? hub.store.appendInTransaction?.(make) : undefined;
    try {
      const appended = nested ?? this.#append(make());
      return this.#receipt((made as NewEntry).id, appended);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #receipt(id: string, appended: Promise<Outcome>): Promise<Receipt> {
    const { offset, duplicate } = await appended;
    const { log, store } = this.#hub;
    return { id, offset, epoch: log.epoch, durability: store.durability, duplicate: duplicate === true };
  }

  #append(entry: NewEntry): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const refusal = this.#hub.append(entry, false, (outcome, error) => {
        if (outcome) resolve(outcome);
        else reject(error ?? new DeliveryError("CLOSED", "the server was closed before the event was stored."));
      });
      if (refusal) reject(refusal);
    });
  }

  #entry(keys: readonly string[], except: readonly string[], data: Encoded, id = this.#identity()): NewEntry {
    return { id, keys, except, data, publishedAt: this.#hub.now() };
  }

  #identity(): string {
    const cause = causes.getStore();
    if (!cause?.open()) return this.#newId();
    return derivedId(cause.session, cause.seq, `${cause.listener}.${cause.count++}`, cause.message);
  }
}
