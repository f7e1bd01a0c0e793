/**
 * What the page counts: for each client, which of the acknowledged messages it has, has twice, or will never have.
 *
 * Rule: only acknowledged messages are asked for. One is missing when the client has received what lies behind it in the log; before that
 * it is on its way, however long the client is away.
 */
import type { Acknowledged } from "./acknowledged.ts";

/** Remembered messages: of each client, and of the list. Older ones are not told from new ones. */
const REMEMBERED = 50_000;
/** Plain broadcasts of two nodes may overtake each other by less, and the list is a little late. */
const GRACE_MS = 1_000;

interface Expected {
  readonly offset: number;
  readonly since: number;
}

/** The list of acknowledged messages, and who has them. */
export class Ledger {
  /** Acknowledged since {@link begin}. */
  published = 0;
  readonly #tallies: Tally[] = [];
  readonly #offsets = new Map<string, number>();
  #base = Number.POSITIVE_INFINITY;
  #highest = 0;

  /** @param ordered Whether it is told offsets, so that its order is compared with the log's. @default no: with each publisher's */
  add(ordered = false): Tally {
    const tally = new Tally(ordered);
    this.#tallies.push(tally);
    return tally;
  }

  get counting(): boolean {
    return this.#base < Number.POSITIVE_INFINITY;
  }

  /** Counts from here on. */
  begin(): void {
    this.#base = this.#highest;
  }

  acknowledged(list: readonly Acknowledged[], now: number): void {
    for (const [id, offset] of list) {
      if (this.#offsets.has(id)) continue;
      remember(this.#offsets, id, offset);
      this.#highest = Math.max(this.#highest, offset);
      if (offset <= this.#base) continue;
      this.published++;
      for (const tally of this.#tallies) tally.expect(id, offset, now);
    }
    for (const tally of this.#tallies) tally.look(now);
  }
}

/** One client. */
export class Tally {
  /** Acknowledged messages that it has. */
  received = 0;
  doubled = 0;
  inverted = 0;
  /** Everything that came, for the chart. */
  arrived = 0;
  readonly #ordered: boolean;
  readonly #seen = new Map<string, true>();
  readonly #onTheWay = new Map<string, Expected>();
  readonly #missing = new Map<string, number>();
  readonly #last = new Map<string, number>();
  /** The furthest place in the log that is known to have reached it. */
  #reached = 0;

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  get missing(): number {
    return this.#missing.size;
  }

  get onTheWay(): number {
    return this.#onTheWay.size;
  }

  /** A message came. */
  receive(id: string, offset?: number): void {
    this.arrived++;
    if (this.#seen.has(id)) {
      this.doubled++;
      return;
    }
    remember(this.#seen, id, true);
    const [source, place] = this.#ordered ? ["log", offset ?? 0] : split(id);
    const last = this.#last.get(source) ?? -1;
    if (place <= last) this.inverted++;
    this.#last.set(source, Math.max(place, last));
    const expected = this.#onTheWay.get(id)?.offset ?? this.#missing.get(id);
    if (expected === undefined) return;
    this.#onTheWay.delete(id);
    this.#missing.delete(id);
    this.#has(expected);
  }

  /** A message was acknowledged. */
  expect(id: string, offset: number, now: number): void {
    if (this.#seen.has(id)) this.#has(offset);
    else this.#onTheWay.set(id, { offset, since: now });
  }

  /** What is behind the client's back is missing. */
  look(now: number): void {
    for (const [id, { offset, since }] of this.#onTheWay) {
      if (offset >= this.#reached || since > now - GRACE_MS) continue;
      this.#onTheWay.delete(id);
      this.#missing.set(id, offset);
    }
  }

  #has(offset: number): void {
    this.received++;
    this.#reached = Math.max(this.#reached, offset);
  }
}

/** A publisher, and its count. */
function split(id: string): [source: string, number: number] {
  const at = id.lastIndexOf(".");
  return [id.slice(0, at), Number(id.slice(at + 1))];
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
