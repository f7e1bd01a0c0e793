/**
 * Where a publish goes: Socket.IO's `to`, `in` and `except`, ending in `publish`.
 *
 * Rule: operators are immutable, as Socket.IO's are.
 */
import { namespaceKey } from "./audience.ts";
import type { Args, DurableNames, EventsOf } from "./event-types.ts";
import type { Publisher, Receipt } from "./publisher.ts";

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
  /** Resolves once the event is durable; see {@link Publisher.publish} for the errors. */
  publish<N extends DurableNames<E>>(event: N, ...args: Args<E, N>): Promise<Receipt>;
}

/** Turns a room, or a socket's id, into audience keys. */
export type KeysOf = (namespace: string, room: string) => string[];

/** An operator for a namespace. */
export function operator<E extends EventsOf>(
  publisher: Publisher,
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
