/**
 * Migrates a file to a version that does not exist yet, and stands still at a given place in it. Started by
 * `sqlite-schema.test.ts` with the path and the place.
 *
 * Rule: the migration is run as the store runs its own; only the list of migrations is longer.
 */
import { writeSync } from "node:fs";
import { fileSource, prepareRows, type SqliteDatabase, Transactions } from "../../src/store/sqlite-driver.ts";
import { MIGRATIONS, migrate } from "../../src/store/sqlite-schema.ts";

/** Where a migration can be interrupted, in order. `"end"`: nowhere. */
export type Place = "begun" | "altered" | "half" | "migrated" | "committed" | "end";

const [path = "", standAt = "end"] = process.argv.slice(2) as [string, Place];

function here(place: Place): void {
  if (place !== standAt) return;
  writeSync(1, `${place}\n`);
  // Until it is killed.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Every row is rewritten, which is seen if it happens twice. */
function next(db: SqliteDatabase): void {
  here("begun");
  db.exec("ALTER TABLE gapless_log ADD COLUMN rewritten INTEGER NOT NULL DEFAULT 0");
  here("altered");
  const rows = prepareRows(db, "SELECT off FROM gapless_log ORDER BY off").all() as [number][];
  const rewrite = db.prepare("UPDATE gapless_log SET rewritten = rewritten + 1 WHERE off = ?");
  for (const [i, [offset]] of rows.entries()) {
    if (i === rows.length >> 1) here("half");
    rewrite.run(offset);
  }
  here("migrated");
}

const db = fileSource(path).connect(true);
// Pages of the transaction go to the file before it ends, as those of a large migration do.
db.pragma("cache_size = 1");
new Transactions(db).write(() => migrate(db, undefined, [...MIGRATIONS, next]));
here("committed");
db.close();
