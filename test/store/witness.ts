/**
 * What was acknowledged of the work, and whether a store still holds it.
 *
 * Rule: what is said was acknowledged, so it must be there; what was under way may be there, whole, or not at all.
 */
import assert from "node:assert/strict";
import type { Entry, Store, StoredSession } from "../../src/store/store.ts";
import {
  ALL,
  entryOf,
  guestsAt,
  idOf,
  KEPT_ENTRIES,
  letterOf,
  middleOf,
  operationsOf,
  placeOf,
  sizeOf,
  WRITER,
} from "./workload.ts";

/** One line that a working process writes after a call was answered. */
export type Acknowledgement =
  | { readonly opened: string }
  | { readonly batch: number; readonly offsets: readonly number[] }
  | { readonly floor: number }
  | { readonly failed: string };

/** What a store was found to hold. */
export interface Finding {
  /** The last batch that is there, -1 when not even the session is. */
  readonly batch: number;
  /** Where the batch before it and this one end. */
  readonly ends: readonly [number, number];
  /** What was acknowledged and is not there. */
  readonly lost: readonly string[];
}

/** Where the i-th entry of a batch is. */
type At = (batch: number, i: number) => number;

/** Collects acknowledgements and compares stores with them. */
export class Witness {
  epoch: string | undefined;
  /** The last batch that was acknowledged, -1 when none was. */
  batch: number = -1;
  floor = 0;
  /** The highest offset that anybody was told. */
  highest = 0;
  readonly offsets: Map<string, number> = new Map();

  /** Takes note of acknowledgements, one a line; a last line that was cut off says nothing. */
  hear(lines: string): void {
    for (const line of lines.split("\n").slice(0, -1)) this.note(JSON.parse(line) as Acknowledgement);
  }

  note(said: Acknowledgement): void {
    if ("opened" in said) {
      assert.equal(said.opened, this.epoch ?? said.opened, "the log has another epoch");
      this.epoch = said.opened;
    } else if ("batch" in said) {
      this.batch = said.batch;
      for (const [i, offset] of said.offsets.entries()) this.#place(idOf(said.batch, i), offset);
    } else if ("floor" in said) {
      this.floor = said.floor;
    }
  }

  #place(id: string, offset: number): void {
    const known = this.offsets.get(id);
    assert.equal(offset, known ?? offset, `${id} was given two places`);
    assert.ok(known !== undefined || offset > this.highest, `the place of ${id} was given before`);
    this.offsets.set(id, offset);
    this.highest = Math.max(this.highest, offset);
  }

  /**
   * Looks at everything in a store that was just opened. Throws where what is there does not fit together; answers what was
   * acknowledged and is missing.
   */
  async inspect(store: Store, epoch: string): Promise<Finding> {
    assert.equal(epoch, this.epoch ?? epoch, "the log has another epoch");
    const session = await store.session(WRITER);
    const lost: string[] = [];
    if (session === undefined) {
      if (this.batch >= 0) lost.push("the session");
      return { batch: -1, ends: [0, 0], lost };
    }
    const { entries, floor } = await this.#log(store);
    const batch = placeOf(entries.at(-1)?.id ?? idOf(0, 0)).batch;
    if (batch < this.batch) lost.push(`batches ${batch + 1} to ${this.batch}`);
    if (floor < this.floor) lost.push(`the floor ${this.floor}`);
    assert.ok(batch <= this.batch + 1 || this.batch < 0, `batch ${batch} was never asked for`);
    const kept = new Map(entries.map(({ id, offset }) => [id, offset]));
    const at: At = (n, i) => kept.get(idOf(n, i)) ?? this.offsets.get(idOf(n, i)) ?? 0;
    const end = (n: number) => (n < 1 ? 0 : at(n, sizeOf(n) - 1));
    await sessionsAgree(store, session, batch, at);
    const letters = await store.deadLetters("", 100);
    const expected = Array.from({ length: Math.min(batch, 4) }, (_, n) => letterOf(batch - n)).reverse();
    assert.deepEqual(letters, expected);
    return { batch, ends: [end(batch - 1), end(batch)], lost };
  }

  /** What was found once must be there from now on: it was read by whoever goes on with the work. */
  adopt({ batch, ends }: Finding): void {
    this.batch = Math.max(this.batch, batch);
    if (batch > 0) this.#place(idOf(batch, sizeOf(batch) - 1), ends[1]);
  }

  /** Repeats the batch that was found last, and goes on by one: no place is given twice. */
  async goOn(store: Store, { batch, ends }: Finding): Promise<void> {
    const steps =
      batch < 0
        ? ([
            [0, 0],
            [1, 0],
          ] as const)
        : ([
            [batch, ends[0]],
            [batch + 1, ends[1]],
          ] as const);
    for (const [next, end] of steps) {
      const outcomes = await store.commit(operationsOf(next, end));
      const appended = outcomes.filter((outcome) => outcome?.duplicate === false);
      assert.equal(appended.length, next > batch && next > 0 ? sizeOf(next) : 0);
      for (const outcome of appended) assert.ok((outcome?.offset ?? 0) > this.highest, "an offset was given twice");
    }
  }

  /** Whether a client is told, that holds the last entry that was acknowledged and that the store has lost. */
  async notices(store: Store): Promise<boolean> {
    const [id, offset] = [...this.offsets].at(-1) ?? ["", 0];
    return (await store.check(offset, id)) === "forked";
  }

  async #log(store: Store): Promise<{ readonly entries: readonly Entry[]; readonly floor: number }> {
    const keys = [{ key: ALL, after: 0, upTo: Number.MAX_SAFE_INTEGER }];
    const page = await store.read({ keys, limit: 10_000, maxBytes: Number.MAX_SAFE_INTEGER });
    const { entries, floor } = page;
    assert.deepEqual([page.corrupt, page.more], [[], false]);
    let [last, bytes] = [floor, 0];
    let due = entries[0] === undefined ? undefined : placeOf(entries[0].id);
    if (floor === 0 && due !== undefined) assert.deepEqual(due, { batch: 1, i: 0 });
    for (const { offset, data, ...rest } of entries) {
      assert.ok(due !== undefined && offset > last);
      const { data: wanted, ...entry } = entryOf(due.batch, due.i);
      assert.deepEqual(rest, entry);
      assert.ok(typeof data === typeof wanted && Buffer.from(data).equals(Buffer.from(wanted)));
      assert.equal(offset, this.offsets.get(rest.id) ?? offset, `${rest.id} moved`);
      bytes += Buffer.byteLength(data);
      last = offset;
      due = due.i + 1 < sizeOf(due.batch) ? { batch: due.batch, i: due.i + 1 } : { batch: due.batch + 1, i: 0 };
    }
    assert.ok(due === undefined || due.i === 0, "the last batch is there in part");
    if (floor > 0) {
      assert.ok(entries.length >= KEPT_ENTRIES, "more was trimmed than was asked for");
      const first = placeOf(entries[0]?.id ?? "");
      const before = first.i > 0 ? idOf(first.batch, first.i - 1) : idOf(first.batch - 1, sizeOf(first.batch - 1) - 1);
      assert.equal(floor, this.offsets.get(before) ?? floor);
    }
    const usage = await store.usage();
    assert.deepEqual([usage.entries, usage.bytes], [entries.length, bytes]);
    return { entries, floor };
  }
}

async function sessionsAgree(store: Store, session: StoredSession, batch: number, at: At): Promise<void> {
  const end = (n: number) => (n < 1 ? 0 : at(n, sizeOf(n) - 1));
  const middle = (n: number) => at(n, middleOf(n));
  const cursor = end(batch - 1);
  const { memberships, ...rest } = session;
  assert.deepEqual(rest, {
    id: WRITER,
    namespace: "/",
    principal: "ann",
    generation: 1,
    confirmed: Math.min(batch, 1),
    seenAt: batch,
    cursor,
    arrived: cursor,
    position: cursor,
    inboxSettled: batch,
    inboxAbove: batch < 1 ? [] : [batch + 2],
    answers: [batch - 2, batch - 1, batch].filter((seq) => seq > 0).map((seq) => [[seq, `answer ${seq}`]]),
  });
  const rooms = [
    { key: "lobby", since: 0, until: null },
    { key: `room ${batch - 1}`, since: batch < 2 ? 0 : middle(batch - 1), until: middle(batch) },
    { key: `room ${batch}`, since: middle(batch), until: null },
  ];
  const expected = batch < 1 ? rooms.slice(0, 1) : rooms.filter((_, n) => n !== 1 || batch > 1);
  assert.deepEqual(
    memberships.toSorted((a, b) => (a.key === "lobby" ? -1 : b.key === "lobby" ? 1 : a.since - b.since)),
    expected,
  );
  const others = (await store.sessions("", 100)).filter(({ id }) => id !== WRITER);
  const guests = guestsAt(batch).map((guest) => [`guest ${guest}`, end(guest)]);
  assert.deepEqual(
    others.map(({ id, cursor: from }) => [id, from]).toSorted((a, b) => Number(a[1]) - Number(b[1])),
    guests,
  );
}
