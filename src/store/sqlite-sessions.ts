/**
 * Sessions in SQLite, and the dead letters.
 *
 * Rule: a step that carries a generation finds the session by id and generation together; when that finds none, it
 * changes nothing.
 */
import type { Offset } from "../core/position.ts";
import { decodeAnswers, encodeAnswers } from "./answer-text.ts";
import { settledAbove } from "./batch.ts";
import { prepare, prepareRows, prepareValue, type SqliteDatabase, type SqliteStatement } from "./sqlite-driver.ts";
import type { DeadLetter, Membership, Operation, StoredSession } from "./store.ts";

type Step<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

type SessionRow = readonly [
  id: string,
  namespace: string,
  principal: string | null,
  generation: number,
  confirmed: number,
  seen: number,
  cursor: number,
  arrived: number,
  position: number,
  inboxSettled: number,
  inboxAbove: string,
];

const UPDATE = "UPDATE gapless_session SET";
const FENCED = "WHERE id = ? AND generation = ?";

/** Sessions on one connection. Methods run inside a transaction of the caller's. */
export class SqliteSessions {
  readonly #insert: SqliteStatement;
  readonly #one: SqliteStatement;
  readonly #page: SqliteStatement;
  readonly #ofPrincipal: SqliteStatement;
  readonly #expired: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #removeMemberships: SqliteStatement;
  readonly #removeAnswers: SqliteStatement;
  readonly #resume: SqliteStatement;
  readonly #owned: SqliteStatement;
  readonly #progress: SqliteStatement;
  readonly #rewind: SqliteStatement;
  readonly #dropEnded: SqliteStatement;
  readonly #inbox: SqliteStatement;
  readonly #inboxBehind: SqliteStatement;
  readonly #inboxSettled: SqliteStatement;
  readonly #answer: SqliteStatement;
  readonly #dropAnswer: SqliteStatement;
  readonly #answers: SqliteStatement;
  readonly #memberships: SqliteStatement;
  readonly #lasting: SqliteStatement;
  readonly #join: SqliteStatement;
  readonly #end: SqliteStatement;
  readonly #dropMembership: SqliteStatement;
  readonly #count: SqliteStatement;

  constructor(db: SqliteDatabase) {
    this.#insert = prepare(db, "INSERT INTO gapless_session VALUES (?, ?, ?, 1, 0, ?, ?, ?, ?, ?, '[]')");
    this.#one = prepareRows(db, "SELECT * FROM gapless_session WHERE id = ?");
    this.#page = prepareRows(db, "SELECT * FROM gapless_session WHERE id > ? ORDER BY id LIMIT ?");
    this.#ofPrincipal = prepareValue(db, "SELECT id FROM gapless_session WHERE principal = ? ORDER BY seen, id");
    this.#expired = prepareValue(db, "SELECT id FROM gapless_session WHERE seen < ? ORDER BY seen, id LIMIT ?");
    this.#remove = prepare(db, "DELETE FROM gapless_session WHERE id = ?");
    this.#removeMemberships = prepare(db, "DELETE FROM gapless_membership WHERE session = ?");
    this.#removeAnswers = prepare(db, "DELETE FROM gapless_answers WHERE session = ?");
    this.#resume = prepare(db, `${UPDATE} generation = ?, seen = ? ${FENCED}`);
    this.#owned = prepareValue(db, `SELECT 1 FROM gapless_session ${FENCED}`);
    this.#progress = prepareValue(
      db,
      `${UPDATE} cursor = max(cursor, ?), arrived = max(arrived, ?), position = max(position, cursor, arrived, ?, ?, ?),
        confirmed = max(confirmed, ?), seen = ? ${FENCED} RETURNING cursor`,
    );
    this.#rewind = prepareValue(
      db,
      `${UPDATE} cursor = ?, arrived = ?, position = max(?, ?, ?), confirmed = max(confirmed, ?), seen = ?
        ${FENCED} RETURNING cursor`,
    );
    this.#dropEnded = prepare(db, "DELETE FROM gapless_membership WHERE session = ? AND until <= ?");
    this.#inboxSettled = prepareValue(db, `SELECT inbox_settled FROM gapless_session ${FENCED}`);
    this.#inbox = prepare(db, `${UPDATE} inbox_settled = ?, inbox_above = ? ${FENCED} AND inbox_settled <= ?`);
    this.#inboxBehind = prepare(db, `${UPDATE} inbox_above = ? WHERE id = ?`);
    this.#answer = prepare(db, "INSERT OR REPLACE INTO gapless_answers VALUES (?, ?, ?)");
    this.#dropAnswer = prepare(db, "DELETE FROM gapless_answers WHERE session = ? AND first = ?");
    this.#answers = prepareValue(db, "SELECT answers FROM gapless_answers WHERE session = ? ORDER BY first");
    this.#memberships = prepareRows(db, "SELECT key, since, until FROM gapless_membership WHERE session = ?");
    this.#lasting = prepareValue(
      db,
      "SELECT since FROM gapless_membership WHERE session = ? AND key = ? AND until IS NULL",
    );
    this.#join = prepare(
      db,
      "INSERT INTO gapless_membership VALUES (?, ?, ?, NULL) ON CONFLICT (session, key, since) DO UPDATE SET until = NULL",
    );
    this.#end = prepare(db, "UPDATE gapless_membership SET until = ? WHERE session = ? AND key = ? AND since = ?");
    this.#dropMembership = prepare(db, "DELETE FROM gapless_membership WHERE session = ? AND key = ? AND since = ?");
    this.#count = prepareValue(db, "SELECT count(*) FROM gapless_session");
  }

  open({ session, namespace, principal, keys, inboxSettled, at }: Step<"open">, head: Offset): void {
    this.forget(session);
    this.#insert.run(session, namespace, principal, at, head, head, head, inboxSettled);
    for (const key of keys) this.#join.run(session, key, head);
  }

  resume({ session, from, next, at }: Step<"resume">): StoredSession | undefined {
    return this.#resume.run(next, at, session, from).changes === 0 ? undefined : this.get(session);
  }

  join({ session, generation, key }: Step<"join">, head: Offset): boolean {
    if (this.#owned.get(session, generation) === undefined) return false;
    // One that began at this very place and was to end later simply goes on: the statement sees to that.
    if (this.#lasting.get(session, key) === undefined) this.#join.run(session, key, head);
    return true;
  }

  leave({ session, generation, key, until }: Step<"leave">, head: Offset): boolean {
    if (this.#owned.get(session, generation) === undefined) return false;
    const since = this.#lasting.get(session, key) as Offset | undefined;
    if (since === undefined) return true;
    const end = until ?? head;
    if (end <= since) this.#dropMembership.run(session, key, since);
    else this.#end.run(end, session, key, since);
    return true;
  }

  progress({ session, generation, cursor, arrived, position, confirmed, at, rewind }: Step<"progress">): boolean {
    const statement = rewind === true ? this.#rewind : this.#progress;
    const now = statement.get(cursor, arrived, cursor, arrived, position, confirmed, at, session, generation);
    if (now === undefined) return false;
    this.#dropEnded.run(session, now);
    return true;
  }

  inbox({ session, generation, settled, above, answers, drop }: Step<"inbox">): boolean {
    const beyond = JSON.stringify(settledAbove(settled, above));
    if (this.#inbox.run(settled, beyond, session, generation, settled).changes === 0) {
      const further = this.#inboxSettled.get(session, generation) as number | undefined;
      if (further === undefined) return false;
      this.#inboxBehind.run(JSON.stringify(settledAbove(further, above)), session);
    }
    const [first] = answers;
    if (first) this.#answer.run(session, first[0], encodeAnswers(answers));
    for (const name of drop) this.#dropAnswer.run(session, name);
    return true;
  }

  forget(session: string): boolean {
    if (this.#remove.run(session).changes === 0) return false;
    this.#removeMemberships.run(session);
    this.#removeAnswers.run(session);
    return true;
  }

  expire(seenBefore: number, limit: number): number {
    const ids = this.#expired.all(seenBefore, limit) as string[];
    for (const id of ids) this.forget(id);
    return ids.length;
  }

  get(id: string): StoredSession | undefined {
    const row = this.#one.get(id) as SessionRow | undefined;
    return row === undefined ? undefined : this.#whole(row);
  }

  list(after: string, limit: number): StoredSession[] {
    return (this.#page.all(after, limit) as SessionRow[]).map((row) => this.#whole(row));
  }

  of(principal: string): { readonly count: number; readonly oldest: string | undefined } {
    const ids = this.#ofPrincipal.all(principal) as string[];
    return { count: ids.length, oldest: ids[0] };
  }

  count(): number {
    return this.#count.get() as number;
  }

  #whole(row: SessionRow): StoredSession {
    const [
      id,
      namespace,
      principal,
      generation,
      confirmed,
      seenAt,
      cursor,
      arrived,
      position,
      inboxSettled,
      inboxAbove,
    ] = row;
    const memberships = this.#memberships.all(id) as [string, Offset, Offset | null][];
    return {
      id,
      namespace,
      principal,
      generation,
      confirmed,
      seenAt,
      cursor,
      arrived,
      position,
      memberships: memberships.map(([key, since, until]): Membership => ({ key, since, until })),
      inboxSettled,
      inboxAbove: JSON.parse(inboxAbove) as number[],
      answers: (this.#answers.all(id) as string[]).map(decodeAnswers),
    };
  }
}

const LETTER_COLUMNS = "id, session, direction, namespace, message, data, attempts, reason, at";

/** Dead letters on one connection. */
export class SqliteLetters {
  readonly #put: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #page: SqliteStatement;
  readonly #count: SqliteStatement;

  constructor(db: SqliteDatabase) {
    this.#put = prepare(
      db,
      `INSERT OR REPLACE INTO gapless_dead_letter (${LETTER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#remove = prepare(db, "DELETE FROM gapless_dead_letter WHERE id = ?");
    this.#page = prepare(db, `SELECT ${LETTER_COLUMNS} FROM gapless_dead_letter WHERE id > ? ORDER BY id LIMIT ?`);
    this.#count = prepareValue(db, "SELECT count(*) FROM gapless_dead_letter");
  }

  bury({ letter }: Step<"bury">): void {
    const { id, session, direction, namespace, message, data, attempts, reason, at } = letter;
    this.#put.run(id, session, direction, namespace, message, data, attempts, reason, at);
  }

  unbury({ letter }: Step<"unbury">): void {
    this.#remove.run(letter);
  }

  list(after: string, limit: number): DeadLetter[] {
    return this.#page.all(after, limit) as DeadLetter[];
  }

  count(): number {
    return this.#count.get() as number;
  }
}
