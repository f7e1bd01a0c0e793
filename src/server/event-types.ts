/**
 * Types of events, as Socket.IO's generics declare them.
 *
 * Rule: an event with an acknowledgement cannot be logged for many receivers, so `publish` does not accept it.
 */

// biome-ignore lint/suspicious/noExplicitAny: Socket.IO's own constraint; a stricter one refuses event maps that are interfaces.
export type EventsOf = { [event: string]: any };

type IsAny<T> = 0 extends 1 & T ? true : false;
type Last<T extends readonly unknown[]> = T extends readonly [...unknown[], infer L] ? L : never;
// biome-ignore lint/suspicious/noExplicitAny: any function.
type AnyFunction = (...args: any[]) => any;

/** The arguments of an event. */
export type Args<M, N extends keyof M> =
  IsAny<M[N]> extends true ? Anything : M[N] extends AnyFunction ? Parameters<M[N]> : never;
// biome-ignore lint/suspicious/noExplicitAny: an untyped server's events take anything.
type Anything = any[];

/** Names of the events that take no acknowledgement. */
export type DurableNames<M> = {
  [N in keyof M & string]: IsAny<M[N]> extends true
    ? N
    : Last<Args<M, N>> extends infer L
      ? [L] extends [never]
        ? N
        : L extends AnyFunction
          ? never
          : N
      : never;
}[keyof M & string];
