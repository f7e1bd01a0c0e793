/**
 * Who has a session: one page at a time.
 *
 * Rule: it ends with the page, however that ends. What is held is told apart by name, across all pages of an origin. It prevents disturbance;
 * what makes it safe is the mark in the session's row, and the server's fencing.
 */

/** Something held. */
export interface Held {
  readonly name: string;
  release(): void;
}

/** How long a page that lives may take to say so, where there are no Web Locks. */
const ANSWER_MS = 200;

/** Holds a name; `undefined` when somebody else still has it after a while. Does not wait when `waitMs` is 0. */
export function hold(name: string, waitMs: number): Promise<Held | undefined> {
  return new Promise((resolve) => {
    // Only pages that came by https, or from this machine, have them.
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) {
      ask(name, resolve);
      return;
    }
    const none = (): void => resolve(undefined);
    locks
      .request(
        `gapless-io ${name}`,
        waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true },
        (lock) => lock && new Promise<void>((release) => resolve({ name, release })),
      )
      .then(none, none);
  });
}

/** Asks the other pages. */
function ask(name: string, resolve: (held: Held | undefined) => void): void {
  const channel = new BroadcastChannel("gapless-io");
  let mine = false;
  channel.onmessage = ({ data }) => {
    if (mine && data === `?${name}`) channel.postMessage(name);
    if (!mine && data === name) {
      channel.close();
      resolve(undefined);
    }
  };
  channel.postMessage(`?${name}`);
  setTimeout(() => {
    mine = true;
    resolve({ name, release: () => channel.close() });
  }, ANSWER_MS);
}
