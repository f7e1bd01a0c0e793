/**
 * What one session's client has sent, as the server sees it: which messages are new, and which are settled.
 *
 * Rule: sequence numbers are handled in order and without holes; a settled one is never handled again.
 */
import { Receiver } from "./receiver.ts";

/** Where a client's messages stand, as it is reported to the client and kept in the store. */
export interface InboxState {
  /** Every message up to here is settled. */
  readonly settled: number;
  /** Settled messages above `settled`, ascending. */
  readonly above: readonly number[];
}

/** The inbox of one session. */
export class Inbox {
  readonly #receiver: Receiver;
  /** Settled in another life of the session that went on beside this one, and not come here yet. */
  #elsewhere: Set<number> | undefined;

  constructor(state: InboxState) {
    this.#receiver = new Receiver(state.settled, state.above);
  }

  /** The highest sequence number that came. */
  get received(): number {
    return this.#receiver.received;
  }

  /** How far the messages are settled. */
  get state(): InboxState {
    const { cursor, above } = this.#receiver;
    if (!this.#elsewhere) return { settled: cursor, above };
    // The client may have gone past some of them.
    const ahead = [...this.#elsewhere].filter((seq) => seq > cursor);
    return { settled: cursor, above: [...above, ...ahead].sort((a, b) => a - b) };
  }

  /** What to do with a message. "seen": handled, or being handled. "ahead": one before it is missing. */
  accept(seq: number): "new" | "seen" | "ahead" {
    if (seq > this.#receiver.received + 1) return "ahead";
    if (!this.#receiver.accept(seq)) return "seen";
    if (!this.#elsewhere?.delete(seq)) return "new";
    this.#receiver.settle(seq);
    return "seen";
  }

  /** The message is dealt with. */
  settle(seq: number): void {
    this.#receiver.settle(seq);
  }

  /** Another life of the session had settled these. */
  settledElsewhere({ settled, above }: InboxState): void {
    this.#receiver.skipTo(settled);
    const { received } = this.#receiver;
    this.#elsewhere = new Set(above.filter((seq) => seq > received));
  }

  /** The client says that it is done with everything up to here; what an older state of ours does not know of is not waited for. */
  skipTo(seq: number): void {
    this.#receiver.skipTo(seq);
  }
}
