/**
 * Storage of a page: IndexedDB, in which every tab has a session of its own.
 *
 * Rule: a session's row names its holder, and only the holder changes anything of that session. A tab that is loaded again takes up its own; a
 * new one takes up one whose tab is gone and that has messages to deliver. What cannot be kept is not a reason to stand still: the client
 * goes on in memory, and says so.
 */
import type { ClientChange, ClientPlace, ClientState, ClientStorage, StorageHost } from "../client-storage.ts";
import type { DeliveryError } from "../core/error.ts";
import type { Outgoing } from "../core/outbox.ts";
import { type Durability, database } from "./database.ts";
import { type Held, hold } from "./holding.ts";

/** Options of {@link indexedDb}. */
export interface IndexedDbOptions {
  /** The database. Give each user of a shared browser one of their own: what one has not sent is delivered in the name of who opens it next. Default: `"gapless-io"`. */
  readonly name?: string;
  /** What a message that is kept survives: `"strict"` a power cut, `"relaxed"` the end of the browser, and is faster. Default: `"strict"`. */
  readonly durability?: Durability;
}

/** How long a page that is loaded again waits for its predecessor to be gone. */
const PREDECESSOR_MS = 1_000;
/** When a session that has nothing to deliver is forgotten, as servers do by then. */
const UNUSED_MS = 86_400_000;

/** A row of `sessions`. */
interface Row {
  readonly holder: string;
  /** When it was last saved, milliseconds since 1970. */
  readonly at: number;
  readonly place: ClientPlace | undefined;
}

/** What a page could not save any more. */
interface LastWords {
  /** Whoever held the session then. They count as long as nobody else has. */
  readonly holder: string;
  readonly place: ClientPlace;
  /** By number; `null`: it is removed. */
  readonly changes: readonly (readonly [seq: number, message: Outgoing | null])[];
}

/** What this page holds: two sockets with the same address are not each other's predecessors. */
const here = new Set<string>();

/**
 * Keeps a page's cursor, session and outbox in IndexedDB, so that they survive reload, crash and closing the tab. The default where there is
 * IndexedDB. Where it fails (no space, private windows of some browsers), what it would keep is kept in memory, `outbox.durable` is
 * `false`, `outbox.status.error` says why, and what cannot be kept now is kept when it can. A database that does not open is asked again by the next page.
 */
export function indexedDb(options: IndexedDbOptions = {}): ClientStorage {
  return createStorage(options);
}

function createStorage(
  { name = "gapless-io", durability = "strict" }: IndexedDbOptions,
  adopted?: Held,
): ClientStorage {
  const db = database(name);
  const holder = unique();
  let host: StorageHost;
  let held = adopted;
  let durable = false;
  let problem: unknown;
  /** What is to be written: messages that are put, and those that are removed. It stays here until it is. */
  const changes = new Map<number, Outgoing | undefined>();
  /** Whether there are last words of this page. */
  let spoken = false;
  /** What is under way. */
  let work: Promise<unknown> | undefined;

  /** The name of this tab's session, which a duplicated tab remembers too. */
  const tab = (session?: string): string | null | undefined =>
    note(() => sessionStorage, `${name} ${host.scope}`, session);
  /** The last words of a page of a session. */
  const words = (session: string, text?: string): string | null | undefined =>
    note(() => localStorage, `${name} ${session}`, text);
  const spokenIn = (session: string): LastWords | undefined => {
    try {
      return JSON.parse(words(session) ?? "null") ?? undefined;
    } catch {
      // Nobody's words.
      return undefined;
    }
  };
  const take = async (session: string, waitMs: number): Promise<Held | undefined> => {
    if (here.has(session)) return undefined;
    here.add(session);
    const taken = await hold(session, waitMs);
    if (!taken) here.delete(session);
    return taken;
  };
  const drop = (given = held): void => {
    here.delete(given?.name as string);
    given?.release();
  };
  /** One that has messages and that no page holds. Those that have none, and were not used for long, are forgotten. */
  const abandoned = async (): Promise<Held | undefined> => {
    let found: (readonly [session: string, full: boolean])[] = [];
    await db.run("relaxed", (sessions, outbox) => {
      found = [];
      const request = sessions.openCursor(IDBKeyRange.bound(`${host.scope} `, `${host.scope} \uffff`));
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return;
        const session = cursor.key as string;
        const { at } = cursor.value as Row;
        const first = outbox.getKey(rows(session));
        first.onsuccess = () => {
          const full = first.result !== undefined || !!spokenIn(session)?.changes.some(([, message]) => message);
          if (full || at < Date.now() - UNUSED_MS) found.push([session, full]);
        };
        cursor.continue();
      };
    });
    for (const [session, full] of found) {
      const taken = await take(session, 0);
      if (!taken) continue;
      if (full) return taken;
      await db.run("relaxed", (sessions) => void sessions.delete(session));
      words(session, "");
      drop(taken);
    }
    return undefined;
  };
  const fresh = async (): Promise<Held> => {
    const session = `${host.scope} ${unique()}`;
    return (await take(session, 0)) ?? { name: session, release() {} };
  };
  const say = (error?: unknown): void => {
    const now = !error;
    if (now === durable && now === !problem) return;
    durable = now;
    problem = error;
    host.changed(error as DeliveryError | undefined);
  };

  const load = async (): Promise<ClientState | undefined> => {
    try {
      if (!held) {
        const own = tab();
        held = (own && (await take(own, PREDECESSOR_MS))) || (await abandoned()) || (await fresh());
        tab(held.name);
      }
      const session = held.name;
      const last = spokenIn(session);
      let place: ClientPlace | undefined;
      let messages: Outgoing[] = [];
      await db.run("relaxed", (sessions, outbox) => {
        const row = sessions.get(session);
        row.onsuccess = () => {
          const { holder: former, place: saved } = (row.result ?? {}) as Partial<Row>;
          place = saved;
          // Another page may have been here since.
          if (last && last.holder === former) {
            place = last.place;
            write(outbox, session, last.changes);
          }
          sessions.put({ holder, at: Date.now(), place } satisfies Row, session);
          const kept = outbox.getAll(rows(session));
          kept.onsuccess = () => {
            messages = kept.result;
          };
        };
      });
      words(session, "");
      say();
      return place && { ...place, messages };
    } catch (error) {
      drop();
      held = undefined;
      say(error);
      return undefined;
    }
  };

  const save = async ({ place, put, remove }: ClientChange): Promise<void> => {
    if (!held) return;
    const { name: session } = held;
    for (const message of put) changes.set(message.seq, message);
    for (const seq of remove) changes.set(seq, undefined);
    let lost = false;
    try {
      await db.run(put.length > 0 ? durability : "relaxed", (sessions, outbox) => {
        const row = sessions.get(session);
        row.onsuccess = () => {
          const { holder: present = holder } = (row.result ?? {}) as Partial<Row>;
          lost = present !== holder;
          if (lost) return;
          sessions.put({ holder, at: Date.now(), place } satisfies Row, session);
          write(outbox, session, changes);
        };
      });
      changes.clear();
      if (spoken) words(session, "");
      spoken = false;
      say();
    } catch (error) {
      say(error);
    }
    if (lost) await anew();
  };

  /** Somebody else has it. */
  const anew = async (): Promise<void> => {
    drop();
    held = await fresh();
    tab(held.name);
    host.lost();
  };

  return {
    get durable() {
      return durable;
    },
    load(given) {
      host = given;
      const loading = load();
      work = loading;
      return loading;
    },
    save(change) {
      const saving = save(change);
      work = saving;
      return saving;
    },
    async close() {
      // Whoever is next in this page need only wait for the lock.
      const mine = held?.name ?? tab();
      if (mine) here.delete(mine);
      await work;
      held?.release();
      db.close();
    },
    last({ place, put, remove }) {
      if (!held || !durable) return;
      spoken = true;
      const all: LastWords["changes"] = [
        ...put.map((message) => [message.seq, message] as const),
        ...remove.map((seq) => [seq, null] as const),
      ];
      words(held.name, JSON.stringify({ holder, place, changes: all } satisfies LastWords));
    },
    suspend() {
      held?.release();
    },
    async resume() {
      if (!held) return;
      const { name: session } = held;
      held = (await hold(session, PREDECESSOR_MS)) ?? held;
      let present: string | undefined;
      await db.run("relaxed", (sessions) => {
        const row = sessions.get(session);
        row.onsuccess = () => {
          present = (row.result as Row | undefined)?.holder;
        };
      });
      if (present && present !== holder) await anew();
    },
    // One that is delivered for does not look for others.
    orphan: adopted
      ? undefined
      : async () => {
          // A database that fails is told of where it is written to.
          const found = durable ? await abandoned().catch(() => undefined) : undefined;
          return found && createStorage({ name, durability }, found);
        },
  };
}

function write(
  outbox: IDBObjectStore,
  session: string,
  changes: Iterable<readonly [seq: number, message: Outgoing | null | undefined]>,
): void {
  for (const [seq, message] of changes) {
    if (message) outbox.put(message, [session, seq]);
    else outbox.delete([session, seq]);
  }
}

/** A text that is there at once: read, written, or removed when it is empty. Nothing where a page may not keep anything, or in a worker. */
function note(where: () => Storage, key: string, text?: string): string | null | undefined {
  try {
    if (text === undefined) return where().getItem(key);
    if (text) where().setItem(key, text);
    else where().removeItem(key);
  } catch {}
  return undefined;
}

/** The messages of a session. */
function rows(session: string): IDBKeyRange {
  return IDBKeyRange.bound([session], [session, []]);
}

function unique(): string {
  return Date.now().toString(36) + Math.random().toString(36).slice(2);
}
