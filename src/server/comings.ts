/**
 * Who is coming back to which session, on this node.
 *
 * Rule: of two that come back to the same session only the later one counts, whichever is faster.
 */

/** Somebody who comes back to a session. */
export interface Coming {
  /** Whether to go on: nobody who came later has been faster. */
  first(): boolean;
  /** He is in, or gone again. */
  over(): void;
}

/** Those who are coming. */
export class Comings {
  /** Sessions that somebody is coming back to: how many, and whose coming goes on that came last. */
  readonly #expected = new Map<string, { waiting: number; last: number }>();
  #count = 0;

  /** Somebody comes back to a session. @param over Called when he is in, or gone again. */
  expect(session: string, over: () => void): Coming {
    const coming = ++this.#count;
    const those = this.#expected.get(session) ?? { waiting: 0, last: 0 };
    those.waiting++;
    this.#expected.set(session, those);
    return {
      first: () => {
        if (those.last > coming) return false;
        those.last = coming;
        return true;
      },
      over: () => {
        if (--those.waiting === 0) this.#expected.delete(session);
        over();
      },
    };
  }

  /** Whether anybody is. */
  has(session: string): boolean {
    return this.#expected.has(session);
  }
}
