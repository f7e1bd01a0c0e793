/**
 * Writing down where sessions stand.
 *
 * Rule: gathered and written once a second, never once an acknowledgement, and only so many at a time, so that writing them holds nobody
 * up; a cursor that is written late only means that more is sent again than had to be.
 */
import type { Clock } from "../core/clock.ts";
import type { Operation } from "../store/store.ts";
import type { Session } from "./session.ts";

/** How often cursors are written, milliseconds. */
const EVERY_MS = 1_000;
/** At most so many at a time, a few milliseconds' work, and how soon the next are. */
const AT_A_TIME = 250;
const NEXT_MS = 200;

/** What it needs of its node. */
interface CursorHost {
  readonly clock: Clock;
  readonly sessions: ReadonlyMap<string, Session>;
  write(session: Session, operation: () => Operation, then: () => void): void;
}

/** The cursors of a node's sessions. */
export class Cursors {
  readonly #host: CursorHost;
  readonly #moved = new Set<Session>();
  #scheduled = false;

  constructor(host: CursorHost) {
    this.#host = host;
  }

  /** The session's cursor moved; it is written soon. */
  moved(session: Session): void {
    this.#moved.add(session);
    this.#schedule(EVERY_MS);
  }

  #schedule(afterMs: number): void {
    if (this.#scheduled || this.#moved.size === 0) return;
    this.#scheduled = true;
    const { clock } = this.#host;
    clock.at(clock.now() + afterMs, () => {
      this.#scheduled = false;
      this.#saveSome();
      this.#schedule(NEXT_MS);
    });
  }

  /** Those that have waited longest. */
  #saveSome(): void {
    let left = AT_A_TIME;
    for (const session of this.#moved) {
      if (left-- === 0) return;
      this.save(session);
    }
  }

  /** Writes those that moved, now. */
  flush(): void {
    for (const session of this.#moved) this.save(session);
  }

  /** Writes one, now. */
  save(session: Session): void {
    this.#moved.delete(session);
    if (session.untidy) session.writeInbox();
    this.#host.write(
      session,
      () => session.progress(),
      () => {},
    );
  }

  /** Tells the store of the sessions that are here, before it trims what they have, or forgets them. @param ttlMs After which it forgets. */
  saveStale(ttlMs: number): void {
    for (const session of this.#host.sessions.values()) if (session.stale(ttlMs)) this.save(session);
    this.flush();
  }
}
