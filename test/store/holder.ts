/**
 * Holds the write lock of a database until it is told, by the end of its input, to let go. Started by
 * `sqlite-disk.test.ts` with the path.
 *
 * Rule: it says "held" once it has the lock.
 */
import { createRequire } from "node:module";
import type Database from "better-sqlite3";

const [path = ""] = process.argv.slice(2);
const Driver = createRequire(import.meta.url)("better-sqlite3") as typeof Database;
const db = new Driver(path);
db.exec("BEGIN IMMEDIATE");
process.stdout.write("held\n");
process.stdin.on("end", () => {
  db.exec("ROLLBACK");
  db.close();
});
process.stdin.resume();
