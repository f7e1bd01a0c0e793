/**
 * The answers of one session that its client may not have.
 *
 * Rule: an answer is committed before a connection carries it, and kept until the client has acknowledged a frame that carried it.
 * Answers that were kept in one commit are one list in the store, and are removed when the client has all of them.
 */
import type { AnswerList } from "../store/store.ts";
import type { Encoded } from "./codec.ts";

/** A committed answer. */
export interface KeptAnswer {
  readonly seq: number;
  readonly answer: Encoded;
  /** The list that it is in, and how many of that the client may not have. */
  readonly list: { readonly name: number; open: number };
}

/** Answers on their way from handlers to the client. */
export class Answers {
  #given: [seq: number, answer: Encoded][] = [];
  /** Committed, in that order, which is the order in which connections carry and clients confirm them. */
  readonly #kept: KeptAnswer[] = [];
  /** The connection that carries them, and how many of {@link #kept} it has. */
  #carrier: object | undefined;
  #carried = 0;
  #dropped: number[] = [];
  /** Messages that an earlier life answered; they may be handled again. */
  readonly #before = new Set<number>();

  constructor(stored: readonly AnswerList[] = []) {
    this.givenElsewhere(stored);
  }

  /** Another life has given these, which are committed. They stand. */
  givenElsewhere(stored: readonly AnswerList[]): void {
    for (const list of stored) {
      this.committed(list);
      for (const [seq] of list) this.#before.add(seq);
    }
    this.#given = this.#given.filter(([seq]) => !this.#before.has(seq));
  }

  /** Whether lists wait to be removed from the store, and how many. */
  get dropped(): number {
    return this.#dropped.length;
  }

  /** A message is answered; said once in a life. Answers whether that is the first answer: one that an earlier life gave stands. */
  give(seq: number, answer: Encoded): boolean {
    if (this.#before.has(seq)) return false;
    this.#given.push([seq, answer]);
    return true;
  }

  /** What the commit that is being made changes. It is tried until it is through, so it is asked for once. */
  change(): { readonly answers: AnswerList; readonly drop: readonly number[] } {
    const change = { answers: this.#given, drop: this.#dropped };
    this.#given = [];
    this.#dropped = [];
    return change;
  }

  /** A list of answers is committed. */
  committed(answers: AnswerList): void {
    const [first] = answers;
    if (!first) return;
    // One that another life had kept under the same name is replaced in the store; what it held is in the client's hands before the name goes.
    const [name] = first;
    const same = this.#before.has(name) ? this.#kept.find(({ list }) => list.name === name) : undefined;
    const list = same?.list ?? { name, open: 0 };
    list.open += answers.length;
    for (const [seq, answer] of answers) this.#kept.push({ seq, answer, list });
  }

  /** The next answers for a frame of this connection, which has them now: as many as fit, one with attachments alone. */
  carry(connection: object, maxBytes: number): readonly KeptAnswer[] {
    const from = this.#from(connection);
    let to = from;
    for (let bytes = 0; to < this.#kept.length && bytes < maxBytes; to++) {
      const { answer } = this.#kept[to] as KeptAnswer;
      // Socket.IO's parser takes ten attachments in a packet.
      if (typeof answer !== "string") {
        if (to === from) to++;
        break;
      }
      bytes += answer.length;
    }
    this.#carrier = connection;
    this.#carried = to;
    return this.#kept.slice(from, to);
  }

  /** Whether there are committed answers that this connection has not carried. */
  left(connection: object): boolean {
    return this.#from(connection) < this.#kept.length;
  }

  /** Frames of the carrying connection were lost: it begins anew. */
  recarry(): void {
    this.#carrier = undefined;
  }

  /** The client has so many more of those that its connection carried. */
  confirmed(count: number): void {
    const gone = this.#kept.splice(0, count);
    this.#carried -= gone.length;
    for (const { list } of gone) if (--list.open === 0) this.#dropped.push(list.name);
  }

  #from(connection: object): number {
    return this.#carrier === connection ? this.#carried : 0;
  }
}
