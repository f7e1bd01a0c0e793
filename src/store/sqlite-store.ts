/**
 * The engine behind `sqlite()`: one connection, used from one thread.
 *
 * Rule: everything happens in {@link SqliteStore.#run}, whole and in the order it was asked for, never inside a transaction
 * of the application's, and on a connection that has not failed. What was written is synced beside the event loop, which goes on
 * meanwhile; nobody is told of it, and nobody reads, before that.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import { checkBatch, checkEntry, outcomesAgain } from "./batch.ts";
import { appendNested, type Connected, connect, perform } from "./sqlite-connected.ts";
import type { ConnectionSource } from "./sqlite-driver.ts";
import { storeError } from "./sqlite-error.ts";
import type { LogIdentity } from "./sqlite-schema.ts";
import type {
  CommitId,
  DeadLetter,
  Durability,
  Entry,
  LogState,
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
import { type Stretch, Tails } from "./tails.ts";

/** How often a tail looks for entries of other processes. An empty look costs a few microseconds. */
const POLL_MS = 25;
/** Entries a tail reads in one turn of the event loop. */
const STRETCH = 512;

/** A store in an SQLite file. {@link sqlite} makes it; the source of connections is apart so that tests can break them. */
export class SqliteStore implements Store {
  readonly durability: Durability;
  readonly shared: boolean;

  readonly #source: ConnectionSource;
  readonly #tails: Tails = new Tails((after) => this.#readOn(after), POLL_MS);
  readonly #unsettled = new Set<Promise<unknown>>();
  #state: "new" | "open" | "closed" = "new";
  #connected: Connected | undefined;
  #identity: LogIdentity | undefined;
  /** How many wait for a transaction of the application's to end, and the last of them. */
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: ConnectionSource, durability: "os" | "disk") {
    this.#source = source;
    this.durability = source.inMemory ? "memory" : durability;
    this.shared = !source.inMemory;
  }

  async open(): Promise<LogState> {
    if (this.#state !== "new") throw new DeliveryError("INVALID", "the store was opened before. Make a new one.");
    // Nothing is bound to the database yet, so a transaction that the application left open is waited for here.
    const given = this.#source.owned ? undefined : this.#source.connect(false);
    while (given?.inTransaction) await nextTurn();
    const { log, identity } = this.#connect("opening the store");
    this.#state = "open";
    const { epoch, secret } = identity;
    const { head, floor } = log.bounds();
    return { epoch, head, floor, secret };
  }

  async commit(batch: readonly Operation[], id?: CommitId): Promise<readonly (Outcome | undefined)[]> {
    let outcomes = new Array<Outcome | undefined>(batch.length);
    const appended = await this.#write("the commit", (connected) => {
      checkBatch(batch);
      if (batch.length === 0) return undefined;
      const { log, sessions, transactions } = connected;
      return transactions.write(() => {
        const appender = log.appender();
        const before = id && log.headBefore(id);
        if (before !== undefined) {
          outcomes = outcomesAgain(batch, {
            headBefore: before,
            offsetOf: (entry) => log.find(entry),
            session: (name) => sessions.get(name),
          });
          return appender;
        }
        if (id) log.remember(id, appender.headBefore);
        for (const [i, operation] of batch.entries()) outcomes[i] = perform(connected, appender, operation);
        appender.finish();
        return appender;
      });
    });
    if (appended) this.#tails.committed(appended.headBefore, appended.entries);
    return outcomes;
  }

  read(query: ReadQuery): Promise<Page> {
    return this.#read("reading the log", ({ log, replay, transactions }) =>
      transactions.read(() => replay.read(query, log.bounds())),
    );
  }

  tail(after: Offset, sink: (entries: readonly Entry[]) => void): Tail {
    this.#requireOpen();
    return this.#tails.start(after, sink);
  }

  check(offset: Offset, id: string): Promise<"match" | "trimmed" | "forked"> {
    return this.#read("reading the log", ({ log, transactions }) => transactions.read(() => log.check(offset, id)));
  }

  session(id: string): Promise<StoredSession | undefined> {
    return this.#read("reading a session", ({ sessions, transactions }) => transactions.read(() => sessions.get(id)));
  }

  sessions(after: string, limit: number): Promise<readonly StoredSession[]> {
    return this.#read("reading sessions", ({ sessions, transactions }) =>
      transactions.read(() => sessions.list(after, limit)),
    );
  }

  sessionsOf(principal: string): Promise<{ readonly count: number; readonly oldest: string | undefined }> {
    return this.#read("reading sessions", ({ sessions }) => sessions.of(principal));
  }

  expire(seenBefore: number, limit: number): Promise<number> {
    return this.#write("forgetting sessions", ({ sessions, transactions }) =>
      transactions.write(() => sessions.expire(seenBefore, limit)),
    );
  }

  trim(retention: Retention, now: number, limit: number): Promise<{ readonly floor: Offset; readonly more: boolean }> {
    return this.#write("trimming the log", ({ log, transactions }) =>
      transactions.write(() => log.trim(retention, now, limit)),
    );
  }

  deadLetters(after: string, limit: number): Promise<readonly DeadLetter[]> {
    return this.#read("reading dead letters", ({ letters }) => letters.list(after, limit));
  }

  usage(): Promise<{ entries: number; bytes: number; sessions: number; deadLetters: number }> {
    return this.#read("reading the usage", ({ log, sessions, letters, transactions }) =>
      transactions.read(() => {
        const { entries, bytes } = log.bounds();
        return { entries, bytes, sessions: sessions.count(), deadLetters: letters.count() };
      }),
    );
  }

  /**
   * Appends inside the transaction that the application has open on its connection. Throws, and leaves the transaction
   * as it was, when that is not possible: let it through, and the transaction is rolled back with it.
   */
  appendInTransaction(makeEntry: () => NewEntry): Promise<Outcome> | undefined {
    this.#requireOpen();
    const connected = this.#connected;
    if (this.#source.owned || connected === undefined || !connected.db.inTransaction) return undefined;
    const entry = makeEntry();
    checkEntry(entry);
    const outcome = appendNested(connected, entry);
    const settled = this.#whenKept(connected, entry.id, outcome);
    this.#unsettled.add(settled);
    const done = () => this.#unsettled.delete(settled);
    settled.then(done, done);
    return settled;
  }

  async close(): Promise<void> {
    if (this.#state !== "open") {
      this.#state = "closed";
      return;
    }
    await Promise.allSettled(this.#unsettled);
    await this.#last;
    await this.#connected?.wal?.caughtUp();
    this.#state = "closed";
    this.#tails.stop();
    this.#disconnect();
  }

  /** Runs a step at once, or, while the application has a transaction open on its connection, after that. */
  async #run<T>(doing: string, step: (connected: Connected) => T): Promise<T> {
    this.#requireOpen();
    if (this.#waiting === 0 && !this.#occupied()) return this.#step(doing, step);
    this.#waiting++;
    const turn = this.#last.then(async () => {
      try {
        while (this.#occupied()) await nextTurn();
        return this.#step(doing, step);
      } finally {
        this.#waiting--;
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #step<T>(doing: string, step: (connected: Connected) => T): T {
    const connected = this.#connected ?? this.#reconnect(doing);
    try {
      return step(connected);
    } catch (error) {
      throw storeError(error, doing);
    }
  }

  /** Runs a step that only reads, when all that it could see is on the disk. */
  #read<T>(doing: string, step: (connected: Connected) => T): Promise<T> {
    const wal = this.#connected?.wal;
    return wal?.behind ? wal.caughtUp().then(() => this.#read(doing, step)) : this.#run(doing, step);
  }

  /**
   * Runs a step that writes; resolves when that is on the disk. After a write whose outcome is unknown the connection is given up: a
   * disk that failed to take something may later claim to have it, and only what is read back from the file can be built on.
   */
  async #write<T>(doing: string, step: (connected: Connected) => T): Promise<T> {
    let used: Connected | undefined;
    let synced: Promise<void> | undefined;
    try {
      const result = await this.#run(doing, (connected) => {
        used = connected;
        const wrote = step(connected);
        synced = connected.wal?.synced();
        return wrote;
      });
      await synced;
      return result;
    } catch (error) {
      if (storeError(error, doing).code === "STORE_FAILED" && used === this.#connected) this.#disconnect();
      throw error;
    }
  }

  #occupied(): boolean {
    return !this.#source.owned && this.#connected?.db.inTransaction === true;
  }

  #connect(doing: string): Connected {
    try {
      this.#connected = connect(this.#source, this.durability, this.#identity);
      this.#identity = this.#connected.identity;
      return this.#connected;
    } catch (error) {
      throw storeError(error, doing);
    }
  }

  #reconnect(doing: string): Connected {
    try {
      return this.#connect(doing);
    } catch (error) {
      // An earlier attempt of the same batch may have been kept, so no code may be passed on that denies it.
      throw new DeliveryError(
        "STORE_FAILED",
        `${doing} failed: the file was given up after an earlier failure and could not be opened again. ` +
          "Whether that earlier attempt was kept is unknown: repeat it.",
        { cause: error },
      );
    }
  }

  #disconnect(): void {
    if (!this.#source.owned) return;
    const connected = this.#connected;
    this.#connected = undefined;
    try {
      connected?.wal?.close();
      connected?.db.close();
    } catch {
      // It is given up either way.
    }
  }

  /** What follows an offset, for tails; nothing while it cannot be read or could show what is not committed. */
  #readOn(after: Offset): Stretch | undefined {
    if (this.#state !== "open" || this.#occupied() || this.#connected?.wal?.behind) return undefined;
    try {
      return this.#connected?.log.after(after, STRETCH);
    } catch {
      // The next look tries again; whatever is wrong with the file, a commit or a page reports it.
      return undefined;
    }
  }

  async #whenKept(connected: Connected, id: string, { duplicate }: Outcome): Promise<Outcome> {
    await undefined;
    while (connected.db.inTransaction) await nextTurn();
    const offset = this.#step("looking for the event after its transaction", ({ log }) => log.find(id));
    if (offset === undefined) {
      throw new DeliveryError(
        "ROLLED_BACK",
        "the surrounding transaction did not keep the event. Publish it again if it is still to be delivered.",
      );
    }
    this.#tails.wake();
    return { offset, duplicate: duplicate === true };
  }

  #requireOpen(): void {
    if (this.#state === "open") return;
    throw new DeliveryError("CLOSED", "the store is not open. Nothing was kept; open it first, or make a new one.");
  }
}
