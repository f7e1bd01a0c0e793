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
  readonly #members = new Map<string, Some<Session>>();
  /** The same the other way round: what a session's memberships say is forgotten with time. */
  readonly #keys = new Map<Session, Some<string>>();
  #leaving: { readonly key: string; readonly session: Session; readonly until: Offset }[] = [];

  /** Audiences that somebody here may belong to. */
  get size(): number {
    return this.#members.size;
  }

  /** Sessions that may belong to an audience. */
  of(key: string): Iterable<Session> {
    return this.#members.get(key) ?? [];
  }

  /** The session is a member, or was or will be one. */
  add(key: string, session: Session): void {
    put(this.#members, key, session);
    put(this.#keys, session, key);
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
      // It may have come back, also to leave again, or be about to.
      if (!session.has(key) && !session.memberships.reaches(key, offset)) this.#remove(key, session);
      return false;
    });
  }

  /** The node has nothing to do with the session any more. */
  drop(session: Session): void {
    for (const key of [...(this.#keys.get(session) ?? [])]) this.#remove(key, session);
    this.#leaving = this.#leaving.filter((leaving) => leaving.session !== session);
  }

  #remove(key: string, session: Session): void {
    take(this.#members, key, session);
    take(this.#keys, session, key);
  }
}

/** A few as an array, which takes a fraction of a set's memory; most audiences are one session, and most sessions have few keys. */
type Some<V> = V[] | Set<V>;
const FEW = 8;

function put<K, V>(map: Map<K, Some<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (!values) map.set(key, [value]);
  else if (values instanceof Set) values.add(value);
  else if (!values.includes(value))
    map.set(key, values.length < FEW ? [...values, value] : new Set([...values, value]));
}

function take<K, V>(map: Map<K, Some<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (!values) return;
  if (values instanceof Set) values.delete(value);
  else
    map.set(
      key,
      values.filter((other) => other !== value),
    );
  const left = map.get(key);
  if ((left instanceof Set ? left.size : left?.length) === 0) map.delete(key);
}
