/**
 * One connection with everything that was prepared on it, and what an operation does there.
 *
 * Rule: nothing here outlives its connection; a store that gives a connection up drops this whole and makes it again.
 */
import {
  type ConnectionSource,
  carryOver,
  configure,
  leaveSyncing,
  relax,
  type SqliteDatabase,
  synchronousLevel,
  Transactions,
} from "./sqlite-driver.ts";
import { storeError } from "./sqlite-error.ts";
import { type Appender, SqliteLog } from "./sqlite-log.ts";
import { Replay } from "./sqlite-replay.ts";
import { checkVersion, type LogIdentity, migrate } from "./sqlite-schema.ts";
import { SqliteLetters, SqliteSessions } from "./sqlite-sessions.ts";
import { WalSync } from "./sqlite-sync.ts";
import type { Durability, NewEntry, Operation, Outcome } from "./store.ts";

/** All that belongs to one connection and ends with it. */
export interface Connected {
  readonly db: SqliteDatabase;
  readonly identity: LogIdentity;
  readonly transactions: Transactions;
  /** To be synced after each commit; absent when SQLite does that, or nobody asked for it. */
  readonly wal: WalSync | undefined;
  readonly log: SqliteLog;
  readonly replay: Replay;
  readonly sessions: SqliteSessions;
  readonly letters: SqliteLetters;
}

/**
 * Connects, brings the file up to date and starts a generation. `before`: what the file was when it was connected to
 * earlier, to which it must still belong. Throws what the driver throws, and `STORE_*` errors.
 */
export function connect(source: ConnectionSource, durability: Durability, before?: LogIdentity): Connected {
  const db = source.connect(before !== undefined);
  try {
    // Before anything is written: a file that is too new stays as it is.
    checkVersion(db);
    const level = synchronousLevel(db);
    configure(db, source);
    const transactions = new Transactions(db);
    const identity = transactions.write(() => migrate(db, before?.epoch));
    carryOver(db);
    // The generation itself had to be durable, whatever is asked of entries.
    if (durability === "os") relax(db, source, level);
    const file = durability === "disk" ? source.openWal?.() : undefined;
    const locked = (run: () => void) => transactions.write(run);
    const wal = file && new WalSync(file, leaveSyncing(db), { carryOver: () => carryOver(db), locked });
    return {
      db,
      identity,
      transactions,
      wal,
      log: new SqliteLog(db, identity.generation),
      replay: new Replay(db),
      sessions: new SqliteSessions(db),
      letters: new SqliteLetters(db),
    };
  } catch (error) {
    if (source.owned) db.close();
    throw error;
  }
}

/** Performs one operation inside the transaction to which the appender belongs. `undefined`: fenced, or nobody there. */
export function perform(connected: Connected, appender: Appender, operation: Operation): Outcome | undefined {
  const { sessions, letters } = connected;
  const { head } = appender;
  let found = true;
  switch (operation.kind) {
    case "append":
      return appender.append(operation.entry);
    case "resume": {
      const session = sessions.resume(operation);
      return session === undefined ? undefined : { offset: head, session };
    }
    case "open":
      sessions.open(operation, head);
      break;
    case "join":
      found = sessions.join(operation, head);
      break;
    case "leave":
      found = sessions.leave(operation, head);
      break;
    case "progress":
      found = sessions.progress(operation);
      break;
    case "inbox":
      found = sessions.inbox(operation);
      break;
    case "forget":
      found = sessions.forget(operation.session);
      break;
    case "bury":
      letters.bury(operation);
      break;
    case "unbury":
      letters.unbury(operation);
      break;
  }
  return found ? { offset: head } : undefined;
}

/** Appends inside a transaction that is open, as one step of it: an entry without its index rows would never be found. */
export function appendNested({ db, log }: Connected, entry: NewEntry): Outcome {
  try {
    db.exec("SAVEPOINT gapless_append");
    try {
      const appender = log.appender();
      const outcome = appender.append(entry);
      appender.finish();
      db.exec("RELEASE gapless_append");
      return outcome;
    } catch (error) {
      // SQLite may have ended the whole transaction by itself, and the savepoint with it.
      if (db.inTransaction) db.exec("ROLLBACK TO gapless_append; RELEASE gapless_append");
      throw error;
    }
  } catch (error) {
    throw storeError(error, "appending inside the transaction");
  }
}
