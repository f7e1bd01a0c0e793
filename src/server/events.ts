/**
 * Listeners of delivery events.
 *
 * Rule: a listener that throws harms nobody else, and an error that nobody listens to is printed, never swallowed.
 */

/** Event names and what their listeners get. */
export type EventMap = { [event: string]: unknown };

/** A small typed set of listeners. */
export class Events<M extends EventMap> {
  readonly #listeners = new Map<keyof M, Set<(value: never) => void>>();

  /** Adds a listener. Answers the function that removes it. */
  on<E extends keyof M>(event: E, listener: (value: M[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Whether anybody listens. */
  has(event: keyof M): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /** Calls the listeners. */
  emit<E extends keyof M>(event: E, value: M[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as (value: M[E]) => void)(value);
      } catch (error) {
        print(error);
      }
    }
    if (event === "error" && !this.has(event)) print(value);
  }
}

function print(error: unknown): void {
  // biome-ignore lint/suspicious/noConsole: the last place an error can go when no listener takes it.
  console.error("gapless-io:", error);
}
