/**
 * Which sessions of this node an audience has.
 *
 * Rule: a superset, exact membership is asked of the session; and one that left stays until the log is dispatched up to where it
 * left, or it would miss what was published before.
 */
import type { Offset } from "../core/position.ts";
import type { Session } from "./session.ts";

/** Sessions by audience key. */
export class Roster {
  readonly #members = new Map<string, Set<Session>>();
  #leaving: { readonly key: string; readonly session: Session; readonly until: Offset }[] = [];

  /** Sessions that may belong to an audience. */
  of(key: string): Iterable<Session> {
    return this.#members.get(key) ?? [];
  }

  /** The session is, or was, a member. */
  add(key: string, session: Session): void {
    const members = this.#members.get(key);
    if (members) members.add(session);
    else this.#members.set(key, new Set([session]));
  }

  /** The session is no member after `until`. */
  leave(key: string, session: Session, until: Offset): void {
    this.#leaving.push({ key, session, until });
  }

  /** The log is dispatched up to here: those who left before are taken out. */
  dispatched(offset: Offset): void {
    if (this.#leaving.length === 0) return;
    this.#leaving = this.#leaving.filter(({ key, session, until }) => {
      if (until > offset) return true;
      if (!session.memberships.has(key)) this.#remove(key, session);
      return false;
    });
  }

  /** The node has nothing to do with the session any more. */
  drop(session: Session): void {
    for (const { key } of session.memberships.all()) this.#remove(key, session);
    this.#leaving = this.#leaving.filter((leaving) => {
      if (leaving.session !== session) return true;
      this.#remove(leaving.key, session);
      return false;
    });
  }

  #remove(key: string, session: Session): void {
    const members = this.#members.get(key);
    if (members?.delete(session) && members.size === 0) this.#members.delete(key);
  }
}
