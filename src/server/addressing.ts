/**
 * Who gets which of the entries that were just read, and in which frames.
 *
 * Rule: connections that are to get the same entries share the same chunks, whoever else gets others.
 */
import type { Memberships } from "../core/memberships.ts";
import type { Entry } from "../store/store.ts";
import type { Chunk } from "./chunk.ts";
import type { Connection } from "./connection.ts";
import type { Roster } from "./roster.ts";

/** A list of entries, and the connections that are to get exactly these. */
export interface Share {
  readonly entries: readonly Entry[];
  readonly chunks: readonly Chunk[];
}

/** Entries that follow each other and are for the same audience. */
interface Run {
  readonly key: string;
  readonly entries: Entry[];
}

/** What a connection gets so far: that of its parent, and one more stretch. Whoever gets the same is at the same node. */
class Node implements Share {
  readonly #parent: Node | undefined;
  readonly #stretch: readonly Entry[];
  readonly #make: (list: readonly Entry[]) => readonly Chunk[];
  #next: Map<readonly Entry[] | Entry, Node> | undefined;
  #entries: readonly Entry[] | undefined;
  #chunks: readonly Chunk[] | undefined;

  constructor(parent: Node | undefined, stretch: readonly Entry[], make: (list: readonly Entry[]) => readonly Chunk[]) {
    this.#parent = parent;
    this.#stretch = stretch;
    this.#make = make;
  }

  /** The same and one more stretch, or entry. */
  with(more: readonly Entry[] | Entry): Node {
    this.#next ??= new Map();
    let next = this.#next.get(more);
    if (!next) {
      next = new Node(this, Array.isArray(more) ? more : [more as Entry], this.#make);
      this.#next.set(more, next);
    }
    return next;
  }

  get entries(): readonly Entry[] {
    this.#entries ??= this.#parent?.entries.length ? [...this.#parent.entries, ...this.#stretch] : this.#stretch;
    return this.#entries;
  }

  get chunks(): readonly Chunk[] {
    this.#chunks ??= this.#make(this.entries);
    return this.#chunks;
  }
}

/** What each live connection gets of these entries. @param make Makes chunks of a list. */
export function address(
  entries: readonly Entry[],
  roster: Roster,
  make: (list: readonly Entry[]) => readonly Chunk[],
): Map<Connection, Share> {
  const shares = new Map<Connection, Node>();
  const root = new Node(undefined, [], make);
  const give = (connection: Connection, more: readonly Entry[] | Entry): void => {
    shares.set(connection, (shares.get(connection) ?? root).with(more));
  };
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Entry;
    const [key = ""] = entry.keys;
    if (!simple(entry)) {
      giveOne(entry, roster, give);
      continue;
    }
    const run: Run = { key, entries: [entry] };
    for (let next = entries[i + 1]; next && simple(next) && next.keys[0] === key; next = entries[i + 1]) {
      run.entries.push(next);
      i++;
    }
    giveRun(run, roster, give);
  }
  return shares;
}

type Give = (connection: Connection, more: readonly Entry[] | Entry) => void;

/** One audience, without exceptions. */
function simple({ keys, except }: Entry): boolean {
  return keys.length === 1 && except.length === 0;
}

function giveRun({ key, entries }: Run, roster: Roster, give: Give): void {
  const first = (entries[0] as Entry).offset;
  const last = (entries.at(-1) as Entry).offset;
  for (const { connection, memberships } of roster.of(key)) {
    if (!connection?.live) continue;
    if (memberships.spans(key, first, last)) give(connection, entries);
    else for (const entry of entries) if (memberships.covers(key, entry.offset)) give(connection, entry);
  }
}

/** One that several audiences may get, which have members in common: each gets it once. */
function giveOne(entry: Entry, roster: Roster, give: Give): void {
  const given = new Set<Memberships>();
  for (const key of entry.keys) {
    for (const { connection, memberships } of roster.of(key)) {
      if (!connection?.live || given.has(memberships) || !memberships.entitled(entry)) continue;
      given.add(memberships);
      give(connection, entry);
    }
  }
}
