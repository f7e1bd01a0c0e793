/**
 * What a failure of SQLite means to somebody who commits.
 *
 * Rule: `STORE_FULL`, `STORE_READONLY` and `STORE_BUSY` promise that nothing was kept, so only errors after which SQLite
 * has surely not committed are given these codes. Whatever is not known here is `STORE_FAILED`: outcome unknown.
 */
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";

interface Meaning {
  readonly code: DeliveryErrorCode;
  readonly advice: string;
}

const FULL: Meaning = {
  code: "STORE_FULL",
  advice: "Nothing was kept. Free space on the disk or raise its quota; the next commit then works without a restart.",
};
const READONLY: Meaning = {
  code: "STORE_READONLY",
  advice:
    "Nothing was kept. Make the file and its folder writable for this process; the next commit then works without a restart.",
};
const BUSY: Meaning = {
  code: "STORE_BUSY",
  advice: "Nothing was kept. Another connection holds the file's write lock; repeat once its transaction has ended.",
};
const CORRUPT: Meaning = {
  code: "STORE_CORRUPT",
  advice:
    "Check that the path names a database of this package, stop the server, and restore a backup or move the file away.",
};
const TOO_BIG: Meaning = {
  code: "INVALID",
  advice: "Nothing was kept. SQLite does not hold a value of this size; do not repeat it.",
};
const FAILED: Meaning = {
  code: "STORE_FAILED",
  advice: "Whether it was kept is unknown: repeat it. If it fails again, look at the disk and the system's log.",
};
const UNOPENED: Meaning = {
  code: "STORE_FAILED",
  advice: "Check that the folder exists and that this process may create files in it.",
};

/** Codes by the beginning of SQLite's name for them, longest match first. */
const MEANINGS: readonly (readonly [prefix: string, meaning: Meaning])[] = [
  ["SQLITE_FULL", FULL],
  ["ENOSPC", FULL],
  ["SQLITE_READONLY", READONLY],
  ["EROFS", READONLY],
  ["SQLITE_BUSY", BUSY],
  ["SQLITE_LOCKED", BUSY],
  ["SQLITE_CORRUPT", CORRUPT],
  ["SQLITE_NOTADB", CORRUPT],
  ["SQLITE_TOOBIG", TOO_BIG],
  ["SQLITE_CANTOPEN", UNOPENED],
];

/** The error to reject with. `doing` names what failed, as in "the commit". A `DeliveryError` stays what it is. */
export function storeError(error: unknown, doing: string): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const { code, advice } = meaningOf(error);
  return new DeliveryError(code, `${doing} failed: ${describe(error)}. ${advice}`, { cause: error });
}

/** Whether SQLite says that the file's structure is damaged. */
export function isDamage(error: unknown): boolean {
  return meaningOf(error) === CORRUPT;
}

function meaningOf(error: unknown): Meaning {
  if (!(error instanceof Error)) return FAILED;
  const code = "code" in error ? String(error.code) : "";
  const known = MEANINGS.find(([prefix]) => code.startsWith(prefix));
  if (known !== undefined) return known[1];
  // The driver refuses at once, without asking SQLite, while the application iterates over a query on its connection.
  if (error instanceof TypeError && error.message.includes("busy executing a query")) return BUSY;
  if (error instanceof TypeError && error.message.includes("directory does not exist")) return UNOPENED;
  if (error instanceof RangeError && error.message.includes("too big")) return TOO_BIG;
  return FAILED;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${error.message} (${String(error.code)})` : error.message;
}
