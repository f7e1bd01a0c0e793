/**
 * Works on a store until it has done what it was told, or is killed, and writes down each answer that it got. Started by
 * the tests of kills, power loss and failing disks with its instructions as JSON.
 *
 * Rule: an answer is written before the next call begins, and it has then left the process.
 */
import { openSync, writeSync } from "node:fs";
import { fileSource } from "../../src/store/sqlite-driver.ts";
import { SqliteStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { Acknowledgement } from "./witness.ts";
import { operationsOf, RETENTION, trimsAfter, WRITER } from "./workload.ts";

/** What a writer is told. */
export interface Instructions {
  readonly path: string;
  readonly durability: "os" | "disk";
  /** The last batch. Default: work goes on for ever. */
  readonly until?: number;
  /** Where answers are written. Default: to the standard output. */
  readonly acknowledgements?: string;
  /** Pages in the write-ahead log after which it is carried over. Default: SQLite's 1000. */
  readonly checkpointPages?: number;
  /** After so many batches the store is closed and opened again. Default: never. */
  readonly reopenEvery?: number;
  /** How often a call whose outcome is unknown is repeated before the writer gives up. Default: never. */
  readonly repeats?: number;
}

const told = JSON.parse(process.argv[2] ?? "{}") as Instructions;
const { path, durability, until = Number.POSITIVE_INFINITY, checkpointPages, reopenEvery, repeats = 0 } = told;
const output = told.acknowledgements === undefined ? 1 : openSync(told.acknowledgements, "a");

function say(acknowledgement: Acknowledgement): void {
  writeSync(output, `${JSON.stringify(acknowledgement)}\n`);
}

/** The store of a path, with nothing changed but how often it carries its write-ahead log over. */
async function opened(): Promise<{ readonly store: Store; readonly head: number }> {
  const source = fileSource(path);
  const store = new SqliteStore(
    {
      ...source,
      connect(again) {
        const db = source.connect(again);
        if (checkpointPages !== undefined) db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
        return db;
      },
    },
    durability,
  );
  const { epoch, head } = await repeated(() => store.open());
  say({ opened: epoch });
  return { store, head };
}

async function repeated<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      say({ failed: (error as { code?: string }).code ?? String(error) });
      // The next process finds out what became of it.
      if (attempt >= repeats) process.exit(0);
    }
  }
}

let { store, head } = await opened();
const session = await store.session(WRITER);
for (let batch = session === undefined ? 0 : session.inboxSettled + 1; batch <= until; batch++) {
  const outcomes = await repeated(() => store.commit(operationsOf(batch, head)));
  const offsets = outcomes.flatMap((outcome) => (outcome?.duplicate === undefined ? [] : [outcome.offset]));
  say({ batch, offsets });
  head = offsets.at(-1) ?? 0;
  if (trimsAfter(batch)) {
    const { floor } = await repeated(() => store.trim(RETENTION, 0, 1000));
    say({ floor });
  }
  if (reopenEvery !== undefined && batch % reopenEvery === 0) {
    await store.close();
    store = (await opened()).store;
  }
}
