/**
 * What one session's client has sent, as the server sees it: which messages are new, which are settled, and which answers
 * the client may still need.
 *
 * Rule: sequence numbers are handled in order and without holes; a settled one is never handled again, and its answer is
 * kept until the client has shown that it arrived.
 */
import { Receiver } from "./receiver.ts";

/** Where a client's messages stand, as it is reported to the client and kept in the store. */
export interface InboxState {
  /** Every message up to here is settled. */
  readonly settled: number;
  /** Settled messages above `settled`, ascending. */
  readonly above: readonly number[];
}

/** The inbox of one session. `A` is an answer. */
export class Inbox<A> {
  readonly #receiver: Receiver;
  #answers: Map<number, A> | undefined;

  constructor(state: InboxState, answers: readonly (readonly [number, A])[] = []) {
    this.#receiver = new Receiver(state.settled, state.above);
    if (answers.length > 0) this.#answers = new Map(answers);
  }

  /** The highest sequence number that came. */
  get received(): number {
    return this.#receiver.received;
  }

  /** How far the messages are settled. */
  get state(): InboxState {
    return { settled: this.#receiver.cursor, above: this.#receiver.above };
  }

  /** Answers that the client has not confirmed, oldest first. */
  get answers(): ReadonlyMap<number, A> {
    return this.#answers ?? new Map();
  }

  /** What to do with a message. "seen": handled, or being handled. "ahead": one before it is missing. */
  accept(seq: number): "new" | "seen" | "ahead" {
    if (seq > this.#receiver.received + 1) return "ahead";
    return this.#receiver.accept(seq) ? "new" : "seen";
  }

  /** The message is answered. False: it was before, and that answer stands. */
  answer(seq: number, answer: A): boolean {
    this.#answers ??= new Map();
    if (this.#answers.has(seq)) return false;
    this.#answers.set(seq, answer);
    return true;
  }

  /** The message is dealt with. */
  settle(seq: number): void {
    this.#receiver.settle(seq);
  }

  /** The client has these answers. Answers those that were still kept. */
  confirm(seqs: readonly number[]): number[] {
    return seqs.filter((seq) => this.#answers?.delete(seq));
  }

  /** The client says that it is done with everything up to here; what an older state of ours does not know of is not waited for. */
  skipTo(seq: number): void {
    this.#receiver.skipTo(seq);
  }
}
