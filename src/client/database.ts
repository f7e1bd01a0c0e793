/**
 * One IndexedDB database: a row a session, a row a message.
 *
 * Rule: a browser closes a database when it likes (Safari does when it suspends a tab, all do under pressure): it is opened
 * again for the next transaction, and a transaction that this has cut short is made once more.
 */
import { DeliveryError } from "../core/error.ts";

/** Grows when what is stored changes its form. */
const SCHEMA_VERSION = 1;

/** What a page waits for its first message must not depend on a database that does not answer (Safari has had those). */
const OPEN_MS = 1_500;

/** How much a transaction is to survive: `strict` a power cut, `relaxed` the end of the browser. */
export type Durability = "strict" | "relaxed";

/** What a transaction does, in one go. */
export type Work = (sessions: IDBObjectStore, outbox: IDBObjectStore) => void;

export interface Database {
  /** Makes one transaction; it may begin twice. Resolves when it is done; rejects with a {@link DeliveryError}. */
  run(durability: Durability, work: Work): Promise<void>;
  close(): void;
}

export function database(name: string): Database {
  let opened: Promise<IDBDatabase> | undefined;
  const close = (): void => {
    void opened?.then(
      (db) => db.close(),
      () => {},
    );
    opened = undefined;
  };

  const open = (): Promise<IDBDatabase> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(name, SCHEMA_VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("sessions");
        request.result.createObjectStore("outbox");
      };
      request.onerror = () => reject(request.error);
      let late = false;
      request.onsuccess = () => {
        const { result } = request;
        result.onclose = result.onversionchange = close;
        // Nobody would ever close it, and a later version's page would wait for that.
        if (late) result.close();
        resolve(result);
      };
      setTimeout(() => {
        late = true;
        reject(new Error("it does not open"));
      }, OPEN_MS);
    });

  const once = async (durability: Durability, work: Work): Promise<void> => {
    opened ??= open();
    const db = await opened;
    await new Promise<void>((resolve, reject) => {
      const transaction = db.transaction(["sessions", "outbox"], "readwrite", { durability });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore("sessions"), transaction.objectStore("outbox"));
    });
  };

  return {
    close,
    run: (durability, work) =>
      once(durability, work)
        .catch(() => {
          close();
          return once(durability, work);
        })
        .catch((cause: unknown) => {
          close();
          throw failed(cause);
        }),
  };
}

function failed(cause: unknown): DeliveryError {
  const { name } = (cause ?? {}) as Error;
  if (name === "QuotaExceededError") {
    return new DeliveryError("STORE_FULL", "the browser gives no more space; kept in memory until it does", { cause });
  }
  const code = name === "VersionError" ? "STORE_TOO_NEW" : "STORE_FAILED";
  return new DeliveryError(code, `IndexedDB: ${cause}; kept in memory`, { cause });
}
