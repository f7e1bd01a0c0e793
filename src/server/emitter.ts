/**
 * `gapless-io/emitter`: publishing from a process that has no Socket.IO server.
 *
 * Rule: what it publishes is what `io.delivery` of a server on the same store would have published. It reads nothing back, so it
 * needs no session, no tail and no socket.
 */
import * as z from "zod";
import { keepingClock } from "../clock.ts";
import type { Clock } from "../core/clock.ts";
import { DeliveryError } from "../core/error.ts";
import type { LogState, NewEntry, Store } from "../store/store.ts";
import { append } from "./append.ts";
import { remoteKeys } from "./audience.ts";
import { Codec } from "./codec.ts";
import type { DeliveryEvents } from "./delivery-events.ts";
import type { EventsOf } from "./event-types.ts";
import { Events } from "./events.ts";
import { check, DEFAULT_LIMITS, type Limits, limitsSchema } from "./limits.ts";
import { Opening } from "./opening.ts";
import { Publishing } from "./operator.ts";
import { clockSchema, storeSchema } from "./options.ts";
import { type PublishHost, ReceiptPublisher } from "./publisher.ts";
import { ulids } from "./token.ts";
import { type Settled, Writer } from "./writer.ts";

export type { Clock } from "../core/clock.ts";
export { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
export type { Operator, PublishOptions } from "./operator.ts";
export type { Receipt } from "./publisher.ts";

const LIMITS = ["payloadBytes", "depth", "pendingEntries", "pendingBytes"] as const;

/** Bounds of an emitter. Every one has a default. */
export type EmitterLimits = Pick<Limits, (typeof LIMITS)[number]>;

/** Options of `createEmitter(store, options)`. */
export interface EmitterOptions {
  /** @default as those of a server, and 1 MB for `payloadBytes`, which is not to be above the `maxHttpBufferSize` of the servers */
  readonly limits?: Partial<EmitterLimits>;
  /** The time. For simulations. @default the system's */
  readonly clock?: Clock;
}

/** What an application can be told of, with `emitter.on`. */
export type EmitterEvents = Pick<DeliveryEvents, "error" | "store">;

/**
 * Makes an emitter: publishes to the clients of every server that has its log in the same store.
 *
 * Arguments are kept as JSON and binary, as Socket.IO's own parser sends them. Call `close()` when there is nothing more to publish.
 *
 * @param store The servers' store, opened for this process: the same file, the same Redis.
 * @throws {DeliveryError} `INVALID` when an option cannot be used. That the store cannot be opened is told by `ready`, by every
 *   publish, and by the event "error".
 */
export function createEmitter<E extends EventsOf = EventsOf>(store: Store, options: EmitterOptions = {}): Emitter<E> {
  const schema = z.strictObject({
    store: storeSchema,
    limits: limitsSchema(LIMITS).optional(),
    clock: clockSchema.optional(),
  });
  check({ store, ...options }, schema, "createEmitter()");
  return new Emitter<E>(
    new Sender(store, { payloadBytes: 1e6, ...DEFAULT_LIMITS, ...options.limits }, options.clock ?? keepingClock),
  );
}

/** Publishes as `io.delivery` does. */
export class Emitter<E extends EventsOf = EventsOf> extends Publishing<E> {
  readonly #sender: Sender;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(sender: Sender) {
    super({
      publisher: new ReceiptPublisher(sender, sender.newId),
      keysOf: remoteKeys,
      ready: sender.ready,
      session: async (id) => {
        await sender.reached();
        if (sender.broken) throw sender.broken;
        return sender.store.session(id);
      },
    });
    this.#sender = sender;
  }

  /** Listens to what happens to the store. Answers the function that stops it. An error that nobody listens to is printed. */
  on<N extends keyof EmitterEvents>(event: N, listener: (value: EmitterEvents[N]) => void): () => void {
    return this.#sender.events.on(event, listener);
  }

  /** Publishes what was begun, takes no more, and closes the store. */
  close(): Promise<void> {
    this.#closing ??= this.#sender.close();
    return this.#closing;
  }
}

/** One process's way into the log. */
class Sender implements PublishHost {
  readonly store: Store;
  readonly codec: Codec;
  readonly events: Events<EmitterEvents> = new Events();
  readonly newId: () => string = ulids();
  readonly #writer: Writer;
  readonly #opening: Opening;
  #closed: DeliveryError | undefined;
  readonly #clock: Clock;
  #log: LogState | undefined;

  constructor(store: Store, limits: EmitterLimits, clock: Clock) {
    this.store = store;
    this.codec = new Codec(limits, true);
    this.#clock = clock;
    this.#writer = new Writer((batch, id) => this.#opening.open().then(() => store.commit(batch, id)), {
      name: this.newId(),
      pendingEntries: limits.pendingEntries,
      pendingBytes: limits.pendingBytes,
      clock,
      random: Math.random,
      later: (run) => void setImmediate(run),
      onHealth: (failing) => {
        this.events.emit("store", failing);
        if (failing && this.opened) this.events.emit("error", failing);
      },
      onCommitted: () => {},
    });
    this.#opening = new Opening({
      store,
      clock,
      random: Math.random,
      replaced: (log) => this.#replaced(log),
      opened: (log) => {
        this.#log = log;
      },
      failing: (error) => this.events.emit("error", error),
    });
    this.ready.catch((error: DeliveryError) => {
      this.#writer.stop(error);
      if (error.code !== "CLOSED") this.events.emit("error", error);
    });
    void this.#opening.begin();
  }

  get ready(): Promise<void> {
    return this.#opening.ready;
  }

  reached(): Promise<void> {
    return this.#opening.open();
  }

  get broken(): DeliveryError | undefined {
    return this.#closed ?? this.#opening.broken;
  }

  get opened(): boolean {
    return this.#log !== undefined && !this.broken;
  }

  get log(): LogState {
    if (!this.#log) throw new DeliveryError("CLOSED", "the store is not open; wait for emitter.ready.");
    return this.#log;
  }

  now(): number {
    return this.#clock.now();
  }

  append(entry: NewEntry, patient: boolean, settled: Settled): DeliveryError | undefined {
    return append(this.#writer, entry, patient, settled);
  }

  async close(): Promise<void> {
    const closed = new DeliveryError("CLOSED", "the emitter was closed.");
    if (!(await this.#opening.end(closed))) return;
    this.#closed = closed;
    // Every publish is answered before long, also while the store fails.
    await this.#writer.flushed();
    this.#writer.stop(closed);
    await this.store.close();
  }

  /** What is on its way goes into the log as it is now. */
  #replaced(log: LogState): void {
    this.#log = log;
    const error = new DeliveryError("STORE_REPLACED", "the log was replaced, or has lost its end. It has a new epoch.");
    this.#writer.renew(error);
    this.events.emit("error", error);
  }
}
