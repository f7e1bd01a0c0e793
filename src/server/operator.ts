/**
 * Where a publish goes: Socket.IO's `to`, `in` and `except`, ending in `publish`.
 *
 * Rule: operators are immutable, as Socket.IO's are.
 */
import { DeliveryError } from "../core/error.ts";
import type { StoredSession } from "../store/store.ts";
import { namespaceKey, sessionKey } from "./audience.ts";
import type { Args, DurableNames, EventsOf } from "./event-types.ts";
import type { Receipt, ReceiptPublisher } from "./publisher.ts";

/** Options of one publish. */
export interface PublishOptions {
  /** The event's identity, a ULID: publishing it again publishes nothing. @default a new one */
  readonly id?: string;
}

/** Where a publish goes. Operators are immutable, as Socket.IO's are. */
export interface Operator<E extends EventsOf> {
  /** Also to this room, or these. */
  to(room: string | readonly string[]): Operator<E>;
  /** The same as {@link to}. */
  in(room: string | readonly string[]): Operator<E>;
  /** Not to members of this room, or these; a socket's id is a room. */
  except(room: string | readonly string[]): Operator<E>;
  /** The same audience with options for the publish. */
  with(options: PublishOptions): Operator<E>;
  /** Resolves once the event is durable; see {@link ReceiptPublisher.publish} for the errors. */
  publish<N extends DurableNames<E>>(event: N, ...args: Args<E, N>): Promise<Receipt>;
}

/** Turns a room, or a socket's id, into audience keys. */
export type KeysOf = (namespace: string, room: string) => string[];

/** An operator for a namespace. */
export function operator<E extends EventsOf>(
  publisher: ReceiptPublisher,
  keysOf: KeysOf,
  namespace: string,
  rooms: readonly string[] = [],
  except: readonly string[] = [],
  options: PublishOptions = {},
): Operator<E> {
  const more = (given: string | readonly string[]) => (typeof given === "string" ? [given] : given);
  const next = (...to: [rooms: readonly string[], except: readonly string[], options: PublishOptions]) =>
    operator<E>(publisher, keysOf, namespace, ...to);
  const self: Operator<E> = {
    to: (room) => next([...rooms, ...more(room)], except, options),
    in: (room) => self.to(room),
    except: (room) => next(rooms, [...except, ...more(room)], options),
    with: (given) => next(rooms, except, { ...options, ...given }),
    publish: (event, ...args) => {
      const keys = rooms.length === 0 ? [namespaceKey(namespace)] : rooms.flatMap((room) => keysOf(namespace, room));
      const without = except.flatMap((room) => keysOf(namespace, room));
      return publisher.publish({ keys, except: without }, [event, ...args], options.id);
    },
  };
  return self;
}

/** What an object that publishes is made of. */
export interface PublishingParts {
  readonly publisher: ReceiptPublisher;
  readonly keysOf: KeysOf;
  /** Resolves when the store is open. */
  readonly ready: Promise<void>;
  /** A session; `true`: it is here. */
  session(id: string): true | Promise<StoredSession | undefined>;
}

/** Publishes: in every namespace, to rooms and to sessions. */
export class Publishing<E extends EventsOf> implements Operator<E> {
  /** Resolves when the store is open; rejects with a `STORE_*` or `DRIVER_UNSUPPORTED` error when it cannot be opened. */
  readonly ready: Promise<void>;
  readonly #parts: PublishingParts;

  /** @internal */
  constructor(parts: PublishingParts) {
    this.#parts = parts;
    this.ready = parts.ready;
  }

  /** Another namespace. @default the main one, "/" */
  of(namespace: string): Operator<E> {
    return operator(this.#parts.publisher, this.#parts.keysOf, namespace);
  }

  to(room: string | readonly string[]): Operator<E> {
    return this.of("/").to(room);
  }

  in(room: string | readonly string[]): Operator<E> {
    return this.to(room);
  }

  except(room: string | readonly string[]): Operator<E> {
    return this.of("/").except(room);
  }

  with(options: PublishOptions): Operator<E> {
    return this.of("/").with(options);
  }

  /** To everybody in the main namespace. */
  publish<N extends DurableNames<E>>(event: N, ...args: Args<E, N>): Promise<Receipt> {
    return this.of("/").publish(event, ...args);
  }

  /** To one session, also while its client is away. Rejects with `SESSION_UNKNOWN` when there is none of this id. */
  toSession(session: string): Pick<Operator<E>, "publish"> {
    const { publisher } = this.#parts;
    const known = (event: string, args: readonly unknown[]) =>
      publisher.publish({ keys: [sessionKey(session)], except: [] }, [event, ...args]);
    const asked = async (stored: Promise<StoredSession | undefined>, event: string, args: readonly unknown[]) => {
      if (await stored) return known(event, args);
      throw new DeliveryError("SESSION_UNKNOWN", `there is no session "${session.slice(0, 40)}"; it may have expired.`);
    };
    const publish = (event: string, ...args: unknown[]) => {
      const found = this.#parts.session(session);
      return found === true ? known(event, args) : asked(found, event, args);
    };
    return { publish } as unknown as Pick<Operator<E>, "publish">;
  }
}
