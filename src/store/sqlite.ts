/**
 * The SQLite engine, as applications see it.
 *
 * Rule: this file says what can be asked for; what comes of it is in `sqlite-store.ts`.
 */
import { fileSource, givenSource, type SqliteDatabase } from "./sqlite-driver.ts";
import { SqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";

export { type SqliteStorageOptions, sqliteStorage } from "./client-sqlite.ts";
export type { SqliteDatabase, SqliteStatement } from "./sqlite-driver.ts";

/** What can be chosen about a store in SQLite. */
export interface SqliteOptions {
  /**
   * What an acknowledged message survives: `"disk"` power loss, `"os"` only a killed process, for up to six times as many
   * commits per second.
   *
   * @default "disk"
   */
  readonly durability?: "os" | "disk";
}

/**
 * A store in an SQLite file, on the package better-sqlite3, which is installed beside this one.
 *
 * Given a path, the store opens the file itself, creates it when it is missing, and closes it. The file may hold other
 * tables; ours begin with `gapless_`. Several processes of one machine may open the same file.
 *
 * Given a `Database` that the application made, the store works on that connection: events can then be published inside
 * the application's own transactions. The connection is switched to WAL, its `synchronous` is raised to what
 * `durability` needs, and it is not closed. While a transaction is open on it, the store waits for its end.
 *
 * `open()` rejects with `DRIVER_UNSUPPORTED` when better-sqlite3 is missing or does not work with this version of Node,
 * `STORE_TOO_NEW` when a newer version of this package wrote the file, `STORE_CORRUPT` when it is no database of ours,
 * and otherwise as every method does.
 */
export function sqlite(source: string | SqliteDatabase, options: SqliteOptions = {}): Store {
  const connections = typeof source === "string" ? fileSource(source) : givenSource(source);
  return new SqliteStore(connections, options.durability ?? "disk");
}
