/**
 * A log and its sessions in this process's memory: the executable meaning of `store.ts`.
 *
 * Rule: plain maps and arrays, and nothing clever. Where another engine and this one differ, this one is right.
 */
import { randomBytes } from "node:crypto";
import { DeliveryError } from "../core/error.ts";
import type { Epoch, Offset } from "../core/position.ts";
import { checkBatch, dataBytes, outcomesAgain, settledAbove } from "./batch.ts";
import { PageBuilder } from "./page.ts";
import type {
  AnswerList,
  AudienceKey,
  CommitId,
  DeadLetter,
  Entry,
  LogState,
  Membership,
  NewEntry,
  Operation,
  Outcome,
  Page,
  ReadQuery,
  Retention,
  Store,
  StoredSession,
  Tail,
} from "./store.ts";
import { Tails } from "./tails.ts";

/**
 * A store that lives as long as its object: for tests, for development, and where losing the log with the process is
 * acceptable.
 *
 * Unlike other engines it can be opened again after `close()`, and holds then what it held before: that is how tests
 * restart a server. Tails do not outlive `close()`.
 */
export function memory(): Store {
  return new MemoryStore();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface MemorySession extends Mutable<Omit<StoredSession, "memberships" | "answers">> {
  memberships: Mutable<Membership>[];
  readonly answers: Map<number, AnswerList>;
}

class MemoryStore implements Store {
  readonly durability = "memory" as const;

  readonly #epoch: Epoch = randomBytes(8).toString("hex");
  readonly #secret = new Uint8Array(randomBytes(32));
  readonly #entries: Entry[] = [];
  readonly #byId = new Map<string, Entry>();
  readonly #sessions = new Map<string, MemorySession>();
  /** The last batch of each writer. */
  readonly #writers = new Map<string, { readonly number: number; readonly headBefore: Offset }>();
  readonly #letters = new Map<string, DeadLetter>();
  readonly #tails = new Tails((after) => this.#readOn(after));
  #head: Offset = 0;
  #floor: Offset = 0;
  #bytes = 0;
  #opened = false;

  async open(): Promise<LogState> {
    if (this.#opened) throw new DeliveryError("INVALID", "the store is open already. Open it once.");
    this.#opened = true;
    return { epoch: this.#epoch, head: this.#head, floor: this.#floor, secret: this.#secret };
  }

  async commit(batch: readonly Operation[], id?: CommitId): Promise<readonly (Outcome | undefined)[]> {
    this.#requireOpen();
    // Nothing below can fail once the batch has been looked through: that makes it atomic.
    checkBatch(batch);
    const headBefore = this.#head;
    const last = id && this.#writers.get(id.writer);
    if (last && last.number === id.number) return this.#again(batch, last.headBefore);
    if (id) this.#writers.set(id.writer, { number: id.number, headBefore });
    const appended: Entry[] = [];
    const outcomes = batch.map((operation) => this.#perform(operation, appended));
    this.#tails.committed(headBefore, appended);
    return outcomes;
  }

  #again(batch: readonly Operation[], headBefore: Offset): readonly (Outcome | undefined)[] {
    return outcomesAgain(batch, {
      headBefore,
      offsetOf: (id) => this.#byId.get(id)?.offset,
      session: (id) => {
        const session = this.#sessions.get(id);
        return session && snapshot(session);
      },
    });
  }

  #perform(operation: Operation, appended: Entry[]): Outcome | undefined {
    switch (operation.kind) {
      case "append":
        return this.#append(operation.entry, appended);
      case "open":
        this.#sessions.set(operation.session, {
          id: operation.session,
          namespace: operation.namespace,
          principal: operation.principal,
          generation: 1,
          confirmed: 0,
          seenAt: operation.at,
          cursor: this.#head,
          arrived: this.#head,
          position: this.#head,
          memberships: [...new Set(operation.keys)].map((key) => ({ key, since: this.#head, until: null })),
          inboxSettled: operation.inboxSettled,
          inboxAbove: [],
          answers: new Map(),
        });
        break;
      case "resume": {
        const session = this.#sessions.get(operation.session);
        if (session?.generation !== operation.from) return undefined;
        session.generation = operation.next;
        session.seenAt = operation.at;
        return { offset: this.#head, session: snapshot(session) };
      }
      case "join": {
        const session = this.#fenced(operation);
        if (session === undefined) return undefined;
        this.#join(session, operation.key);
        break;
      }
      case "leave": {
        const session = this.#fenced(operation);
        if (session === undefined) return undefined;
        for (const membership of session.memberships) {
          if (membership.key !== operation.key || membership.until !== null) continue;
          membership.until = operation.until ?? this.#head;
        }
        session.memberships = session.memberships.filter(({ since, until }) => until === null || until > since);
        break;
      }
      case "progress": {
        const session = this.#fenced(operation);
        if (session === undefined) return undefined;
        const rewind = operation.rewind === true;
        session.cursor = rewind ? operation.cursor : Math.max(session.cursor, operation.cursor);
        session.arrived = rewind ? operation.arrived : Math.max(session.arrived, operation.arrived);
        session.position = Math.max(rewind ? 0 : session.position, operation.position, session.cursor, session.arrived);
        session.confirmed = Math.max(session.confirmed, operation.confirmed);
        session.seenAt = operation.at;
        const { cursor } = session;
        session.memberships = session.memberships.filter(({ until }) => until === null || until > cursor);
        break;
      }
      case "inbox": {
        const session = this.#fenced(operation);
        if (session === undefined) return undefined;
        session.inboxSettled = Math.max(session.inboxSettled, operation.settled);
        session.inboxAbove = settledAbove(session.inboxSettled, operation.above);
        const [first] = operation.answers;
        if (first) session.answers.set(first[0], operation.answers);
        for (const name of operation.drop) session.answers.delete(name);
        break;
      }
      case "forget":
        if (!this.#sessions.delete(operation.session)) return undefined;
        break;
      case "bury":
        this.#letters.set(operation.letter.id, { ...operation.letter });
        break;
      case "unbury":
        this.#letters.delete(operation.letter);
        break;
    }
    return { offset: this.#head };
  }

  #append(entry: NewEntry, appended: Entry[]): Outcome {
    const known = this.#byId.get(entry.id);
    if (known !== undefined) return { offset: known.offset, duplicate: true };
    const { id, data, publishedAt } = entry;
    const offset = this.#head + 1;
    const kept: Entry = { id, keys: [...entry.keys], except: [...entry.except], data, publishedAt, offset };
    this.#entries.push(kept);
    this.#byId.set(id, kept);
    this.#head = offset;
    this.#bytes += dataBytes(data);
    appended.push(kept);
    return { offset, duplicate: false };
  }

  /** The session, unless somebody else has taken it over. */
  #fenced(operation: { readonly session: string; readonly generation: number }): MemorySession | undefined {
    const session = this.#sessions.get(operation.session);
    return session?.generation === operation.generation ? session : undefined;
  }

  #join(session: MemorySession, key: AudienceKey): void {
    const same = session.memberships.filter((membership) => membership.key === key);
    if (same.some(({ until }) => until === null)) return;
    // One that began at this very place and was to end later simply goes on.
    const again = same.find(({ since }) => since === this.#head);
    if (again !== undefined) again.until = null;
    else session.memberships.push({ key, since: this.#head, until: null });
  }

  async read(query: ReadQuery): Promise<Page> {
    this.#requireOpen();
    const page = new PageBuilder(query);
    const wanted = ({ offset, keys }: Entry) =>
      query.keys.some(({ key, after, upTo }) => after < offset && offset <= upTo && keys.includes(key));
    const entries = query.reverse === true ? this.#entries.toReversed() : this.#entries;
    for (const entry of entries) {
      if (wanted(entry) && !page.take(entry.offset, entry)) break;
    }
    return page.finish(this.#floor, this.#head);
  }

  tail(after: Offset, sink: (entries: readonly Entry[]) => void): Tail {
    this.#requireOpen();
    return this.#tails.start(after, sink);
  }

  #readOn(after: Offset): { entries: Entry[]; end: Offset; more: boolean } {
    return { entries: this.#entries.filter(({ offset }) => offset > after), end: this.#head, more: false };
  }

  async check(offset: Offset, id: string): Promise<"match" | "trimmed" | "forked"> {
    this.#requireOpen();
    if (offset <= this.#floor) return "trimmed";
    return this.#byId.get(id)?.offset === offset ? "match" : "forked";
  }

  async session(id: string): Promise<StoredSession | undefined> {
    this.#requireOpen();
    const session = this.#sessions.get(id);
    return session === undefined ? undefined : snapshot(session);
  }

  async sessions(after: string, limit: number): Promise<readonly StoredSession[]> {
    this.#requireOpen();
    return inOrder(this.#sessions, after, limit).map(snapshot);
  }

  async sessionsOf(principal: string): Promise<{ readonly count: number; readonly oldest: string | undefined }> {
    this.#requireOpen();
    const own = this.#leastRecent().filter((session) => session.principal === principal);
    return { count: own.length, oldest: own[0]?.id };
  }

  async expire(seenBefore: number, limit: number): Promise<number> {
    this.#requireOpen();
    const expired = this.#leastRecent()
      .filter(({ seenAt }) => seenAt < seenBefore)
      .slice(0, limit);
    for (const { id } of expired) this.#sessions.delete(id);
    return expired.length;
  }

  #leastRecent(): MemorySession[] {
    return [...this.#sessions.values()].sort((a, b) => a.seenAt - b.seenAt || (a.id < b.id ? -1 : 1));
  }

  async trim(
    retention: Retention,
    now: number,
    limit: number,
  ): Promise<{ readonly floor: Offset; readonly more: boolean }> {
    this.#requireOpen();
    const beyond = () => {
      const oldest = this.#entries[0];
      if (oldest === undefined) return false;
      if (this.#entries.length > retention.maxEntries || this.#bytes > retention.maxBytes) return true;
      return oldest.publishedAt < now - retention.maxAgeMs;
    };
    for (let removed = 0; removed < limit && beyond(); removed++) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#byId.delete(oldest.id);
      this.#bytes -= dataBytes(oldest.data);
      this.#floor = oldest.offset;
    }
    return { floor: this.#floor, more: beyond() };
  }

  async deadLetters(after: string, limit: number): Promise<readonly DeadLetter[]> {
    this.#requireOpen();
    return inOrder(this.#letters, after, limit).map((letter) => ({ ...letter }));
  }

  async usage(): Promise<{ entries: number; bytes: number; sessions: number; deadLetters: number }> {
    this.#requireOpen();
    return {
      entries: this.#entries.length,
      bytes: this.#bytes,
      sessions: this.#sessions.size,
      deadLetters: this.#letters.size,
    };
  }

  async close(): Promise<void> {
    this.#tails.stop();
    this.#opened = false;
  }

  #requireOpen(): void {
    if (!this.#opened) throw new DeliveryError("CLOSED", "the store is not open. Open it before anything else.");
  }
}

function inOrder<T>(map: ReadonlyMap<string, T>, after: string, limit: number): T[] {
  return [...map]
    .filter(([id]) => id > after)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([, value]) => value);
}

/** The session as it is now; later commits do not change it. */
function snapshot(session: MemorySession): StoredSession {
  return {
    ...session,
    memberships: session.memberships.map((membership) => ({ ...membership })),
    inboxAbove: [...session.inboxAbove],
    answers: [...session.answers].sort(([a], [b]) => a - b).map(([, list]) => list),
  };
}
