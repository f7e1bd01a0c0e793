/**
 * One of two engines that are given the same steps.
 *
 * Rule: offsets differ between engines, so both sides speak of ranks: the n-th entry that was ever appended.
 */
import assert from "node:assert/strict";
import type { Entry, Operation, Outcome, Page, Store, StoredSession } from "../../store/store.ts";
import { until } from "./given.ts";
import type { Step } from "./steps.ts";

/** One engine, spoken to in ranks. */
export class Side {
  store: Store;
  readonly #reopen: () => Promise<Store>;
  readonly #offsets: number[] = [0];
  #tailed: Entry[] = [];
  #commits = 0;

  constructor(store: Store, reopen: () => Promise<Store>) {
    this.store = store;
    this.#reopen = reopen;
  }

  async open(): Promise<unknown> {
    const { epoch, head, floor, secret } = await this.store.open();
    this.#tailed = [];
    this.store.tail(head, (entries) => this.#tailed.push(...entries));
    return { head: this.#rank(head), floor: this.#rank(floor), epoch, secret: [...secret] };
  }

  async perform(step: Step): Promise<unknown> {
    switch (step.do) {
      case "commit": {
        const batch = step.batch.map((one) => this.#translated(one));
        const id = { writer: "side", number: ++this.#commits };
        const commit = () => (step.named ? this.store.commit(batch, id) : this.store.commit(batch));
        const outcomes = await commit();
        for (const outcome of outcomes) if (outcome?.duplicate === false) this.#offsets.push(outcome.offset);
        if (step.named && step.again) await commit();
        return outcomes.map((outcome) => this.#outcome(outcome));
      }
      case "read": {
        const bounds = step.keys.map(({ key, after, upTo }) => ({
          key,
          after: this.#offset(after),
          upTo: this.#offset(upTo),
        }));
        return this.#page(await this.store.read({ ...step, keys: bounds }), step.reverse);
      }
      case "trim": {
        const retention = { maxAgeMs: step.age, maxEntries: step.entries, maxBytes: step.bytes };
        const { floor, more } = await this.store.trim(retention, 15, step.limit);
        return { floor: this.#rank(floor), more };
      }
      case "expire":
        return this.store.expire(step.before, step.limit);
      case "reopen": {
        this.store = await this.#reopen();
        const { epoch: _, secret: __, ...state } = (await this.open()) as Record<string, unknown>;
        return state;
      }
    }
  }

  /** All that can be asked of the store. */
  async state(): Promise<unknown> {
    const sessions = await this.store.sessions("", 100);
    return {
      sessions: sessions.map((one) => this.#session(one)),
      ann: await this.store.sessionsOf("ann"),
      letters: (await this.store.deadLetters("", 100)).map((one) => ({ ...one, data: plain(one.data) })),
      usage: await this.store.usage(),
    };
  }

  /** What the tail was handed since the store was opened, once it has caught up. */
  async tailed(count: number): Promise<unknown> {
    await until(() => this.#tailed.length >= count);
    return this.#tailed.map((one) => this.#entry(one));
  }

  #translated(one: Operation): Operation {
    switch (one.kind) {
      case "leave":
        return one.until === undefined ? one : { ...one, until: this.#offset(one.until) };
      case "progress":
        return {
          ...one,
          cursor: this.#offset(one.cursor),
          arrived: this.#offset(one.arrived),
          position: this.#offset(one.position),
        };
      default:
        return one;
    }
  }

  #offset(rank: number): number {
    return this.#offsets[Math.min(rank, this.#offsets.length - 1)] ?? 0;
  }

  #rank(offset: number): number {
    const rank = this.#offsets.indexOf(offset);
    assert.ok(rank >= 0, `offset ${offset} was never given out`);
    return rank;
  }

  #outcome(outcome: Outcome | undefined): unknown {
    if (outcome === undefined) return undefined;
    const { offset, session, ...rest } = outcome;
    return { ...rest, offset: this.#rank(offset), session: session && this.#session(session) };
  }

  #session(one: StoredSession): unknown {
    const memberships = one.memberships.map(({ key, since, until }) =>
      [key, this.#rank(since), until === null ? "-" : this.#rank(until)].join(" "),
    );
    return {
      ...one,
      cursor: this.#rank(one.cursor),
      arrived: this.#rank(one.arrived),
      position: this.#rank(one.position),
      memberships: memberships.sort(),
      answers: one.answers.map((list) => list.map(([seq, answer]) => [seq, plain(answer)])),
    };
  }

  #entry(one: Entry): unknown {
    return { ...one, data: plain(one.data), offset: this.#rank(one.offset) };
  }

  #page({ entries, more, end, floor, corrupt }: Page, reverse: boolean): unknown {
    return {
      entries: entries.map((one) => this.#entry(one)),
      more,
      // A whole page against the order ends just above the last offset that it was not asked for.
      end: this.#rank(reverse && !more ? end - 1 : end),
      floor: this.#rank(floor),
      corrupt,
    };
  }
}

function plain(data: string | Uint8Array): unknown {
  return typeof data === "string" ? data : [...data];
}
