/**
 * Who gets which of the entries that were just read, and in which frames.
 *
 * Rule: connections that are to get the same entries share the same chunks, whoever else gets others.
 */
import type { Entry } from "../store/store.ts";
import type { Chunk } from "./chunk.ts";
import type { Connection } from "./connection.ts";
import type { Roster } from "./roster.ts";

/** The entries for each live connection, in log order. */
export function address(entries: readonly Entry[], roster: Roster): Map<Connection, Entry[]> {
  const lists = new Map<Connection, Entry[]>();
  for (const entry of entries) {
    const several = entry.keys.length > 1;
    const simple = !several && entry.except.length === 0;
    for (const key of entry.keys) {
      for (const { connection, memberships } of roster.of(key)) {
        if (!connection?.live) continue;
        if (!(simple ? memberships.covers(key, entry.offset) : memberships.entitled(entry))) continue;
        const list = lists.get(connection);
        if (!list) lists.set(connection, [entry]);
        else if (!several || list.at(-1) !== entry) list.push(entry);
      }
    }
  }
  return lists;
}

/** Makes chunks of lists of entries, once for equal lists. */
export class SharedChunks {
  readonly #make: (list: readonly Entry[]) => readonly Chunk[];
  readonly #known = new Map<string, { readonly list: readonly Entry[]; readonly chunks: readonly Chunk[] }[]>();

  constructor(make: (list: readonly Entry[]) => readonly Chunk[]) {
    this.#make = make;
  }

  /** The chunks of a list that has at least one entry. */
  of(list: readonly Entry[]): readonly Chunk[] {
    const likely = `${list.length}.${(list[0] as Entry).offset}.${(list.at(-1) as Entry).offset}`;
    const known = this.#known.get(likely) ?? [];
    for (const { list: other, chunks } of known) if (other.every((entry, i) => entry === list[i])) return chunks;
    const chunks = this.#make(list);
    known.push({ list, chunks });
    this.#known.set(likely, known);
    return chunks;
  }
}
