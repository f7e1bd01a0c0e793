/**
 * Storage for a client in Node, in one SQLite file.
 *
 * Rule: a change is one transaction.
 */
import { deserialize, serialize } from "node:v8";
import type { ClientChange, ClientPlace, ClientState, ClientStorage } from "../client-storage.ts";
import type { Outgoing } from "../core/outbox.ts";
import { configure, fileSource, prepare, prepareRows, prepareValue, relax, Transactions } from "./sqlite-driver.ts";

/** Options of {@link sqliteStorage}. */
export interface SqliteStorageOptions {
  /** Tells several clients in one file apart. Default: `"default"`. */
  readonly name?: string;
  /** What a save survives: `"os"` a killed process, `"disk"` a power cut. Default: `"disk"`. */
  readonly durability?: "os" | "disk";
}

/** Storage that answers at once. */
export interface SqliteStorage extends ClientStorage {
  load(): ClientState | undefined;
  save(change: ClientChange): void;
  close(): void;
}

/** Level of `synchronous` at which a killed process loses nothing. */
const NORMAL = 1;

/**
 * Keeps a client's cursor, session and outbox in a file, which is made when it is not there. One socket per file and name,
 * in one process. Needs `better-sqlite3`; throws a `DeliveryError` `DRIVER_UNSUPPORTED` when it is missing or would crash.
 * A `Blob` cannot be kept: pass a `Buffer`.
 */
export function sqliteStorage(path: string, options: SqliteStorageOptions = {}): SqliteStorage {
  const { name = "default", durability = "disk" } = options;
  const source = fileSource(path);
  const db = source.connect(false);
  configure(db, source);
  if (durability === "os") relax(db, source, NORMAL);
  db.exec(
    `CREATE TABLE IF NOT EXISTS gapless_client (name TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS gapless_client_outbox (name TEXT NOT NULL, seq INTEGER NOT NULL, message BLOB NOT NULL,
       PRIMARY KEY (name, seq)) WITHOUT ROWID`,
  );
  const transactions = new Transactions(db);
  const readPlace = prepareValue(db, "SELECT place FROM gapless_client WHERE name = ?");
  const readMessages = prepareRows(db, "SELECT message FROM gapless_client_outbox WHERE name = ? ORDER BY seq");
  const writePlace = prepare(db, "INSERT OR REPLACE INTO gapless_client VALUES (?, ?)");
  const writeMessage = prepare(db, "INSERT OR REPLACE INTO gapless_client_outbox VALUES (?, ?, ?)");
  const removeMessage = prepare(db, "DELETE FROM gapless_client_outbox WHERE name = ? AND seq = ?");

  return {
    durable: !source.inMemory,
    load() {
      const place = readPlace.get(name);
      if (place === undefined) return undefined;
      const messages = (readMessages.all(name) as [Uint8Array][]).map(([row]) => deserialize(row) as Outgoing);
      return { ...(JSON.parse(place as string) as ClientPlace), messages };
    },
    save({ place, put, remove }) {
      const rows = put.map((message) => [message.seq, serialize(message)]);
      transactions.write(() => {
        for (const [seq, row] of rows) writeMessage.run(name, seq, row);
        for (const seq of remove) removeMessage.run(name, seq);
        writePlace.run(name, JSON.stringify(place));
      });
    },
    close: () => void db.close(),
  };
}
