/**
 * What handlers do with an event, as the event itself says.
 *
 * Rule: an event carries its behaviour, so that a handler needs no memory of its own and a plan says everything.
 */

/** How a handler behaves. */
export type Behaviour =
  /** Returns at once, and has answered. */
  | "prompt"
  /** Waits for a little, then answers. */
  | "async"
  /** Takes longer than every timeout; has answered before. */
  | "slow"
  /** Throws the first time, then works. */
  | "throws once"
  /** Rejects the first time, then works. */
  | "rejects once"
  /** Throws every time. */
  | "poison"
  /** Works, and never answers. */
  | "mute"
  /** Publishes to a room, waits for a little, then works. */
  | "publishes"
  /** A middleware never lets it through. */
  | "swallowed";

/** Those a server's handler can have. */
export const SERVER_BEHAVIOURS: readonly Behaviour[] = [
  "prompt",
  "async",
  "slow",
  "throws once",
  "rejects once",
  "poison",
  "mute",
  "publishes",
  "swallowed",
];

/** Those a client's handler can have. */
export const CLIENT_BEHAVIOURS: readonly Behaviour[] = [
  "prompt",
  "async",
  "slow",
  "throws once",
  "rejects once",
  "poison",
];

/** How long a handler takes, milliseconds. */
export const TAKES_MS = { async: 40, publishes: 800, slow: 3_000 } as const;

/** Runs a behaviour. `works` is called where the handler has done its work. @param attempt 1 for the first run in this process. */
export function behave(
  behaviour: Behaviour,
  attempt: number,
  wait: (ms: number) => Promise<void>,
  works: () => void,
): void | Promise<void> {
  switch (behaviour) {
    case "async":
      return wait(TAKES_MS.async).then(works);
    case "publishes":
      return wait(TAKES_MS.publishes).then(works);
    case "slow":
      return wait(TAKES_MS.slow).then(works);
    case "throws once":
      if (attempt === 1) throw new Error("simulated: the handler throws.");
      return works();
    case "rejects once":
      if (attempt === 1) return Promise.reject(new Error("simulated: the handler rejects."));
      return works();
    case "poison":
      throw new Error("simulated: the handler always throws.");
    default:
      return works();
  }
}
