/**
 * What a client has emitted and the server has not settled.
 *
 * Rule: messages are numbered 1, 2, 3… without holes and sent in that order, several at a time. A message leaves only when
 * the server has settled it; one that is withdrawn leaves its number behind as a tombstone, so that no later message is
 * mistaken for it.
 */
/** One message of the outbox. */
export interface Outgoing {
  readonly seq: number;
  /** ULID. */
  readonly id: string;
  /** Event and arguments. `undefined`: a tombstone. */
  readonly args: readonly unknown[] | undefined;
  /** Whether an answer is wanted. */
  readonly wantsAnswer: boolean;
  /** Estimate of its size on the wire. */
  readonly bytes: number;
  /** When it is withdrawn, milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Bounds of an outbox. */
export interface OutboxLimits {
  /** Messages kept. */
  readonly maxEntries: number;
  /** Sum of their `bytes`. */
  readonly maxBytes: number;
  /** Messages sent and not known to have arrived. */
  readonly windowEntries: number;
  /** Sum of their `bytes`. */
  readonly windowBytes: number;
}

/** The outbox of one session. */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #messages: Map<number, Outgoing>;
  #nextSeq: number;
  #bytes = 0;
  /** The highest sequence number sent on the present connection. */
  #sent = 0;
  /** The highest sequence number sent on any connection. */
  #everSent = 0;
  /** Sent on the present connection and not known to have arrived, in order. */
  #inFlight: Outgoing[] = [];
  #inFlightBytes = 0;

  /**
   * @param nextSeq The first sequence number that was never used.
   * @param messages What an earlier life left behind, in order; it may have been sent.
   */
  constructor(limits: OutboxLimits, nextSeq = 1, messages: readonly Outgoing[] = []) {
    this.#limits = limits;
    this.#nextSeq = nextSeq;
    this.#messages = new Map(messages.map((message) => [message.seq, message]));
    for (const message of messages) this.#bytes += message.bytes;
    this.#everSent = nextSeq - 1;
  }

  /** How many messages are kept, tombstones included. */
  get size(): number {
    return this.#messages.size;
  }

  /** Sum of their `bytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first sequence number that was never used. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Everything up to here is settled and its answers have arrived. */
  get floor(): number {
    for (const seq of this.#messages.keys()) return seq - 1;
    return this.#nextSeq - 1;
  }

  /** Whether something was sent on this connection that is not known to have arrived. */
  get outstanding(): boolean {
    return this.#inFlight.length > 0;
  }

  /** The messages, in order. */
  messages(): IterableIterator<Outgoing> {
    return this.#messages.values();
  }

  /** The message of this number, while it is kept. */
  get(seq: number): Outgoing | undefined {
    return this.#messages.get(seq);
  }

  /** Whether the message may have left this client. */
  wasSent(seq: number): boolean {
    return seq <= this.#everSent;
  }

  /** Takes a message in; `undefined` when the outbox is full. */
  add(message: Omit<Outgoing, "seq">): Outgoing | undefined {
    if (this.#messages.size >= this.#limits.maxEntries) return undefined;
    if (this.#messages.size > 0 && this.#bytes + message.bytes > this.#limits.maxBytes) return undefined;
    const kept: Outgoing = { ...message, seq: this.#nextSeq++ };
    this.#messages.set(kept.seq, kept);
    this.#bytes += kept.bytes;
    return kept;
  }

  /** A connection begins, on which the server has everything up to `received`. */
  connected(received: number): void {
    this.#sent = Math.max(received, this.floor);
    this.#inFlight = [];
    this.#inFlightBytes = 0;
  }

  /** What to send now, in order; it counts as sent. `upTo` bounds it to what is safely kept. */
  next(upTo: number = this.#nextSeq - 1): Outgoing[] {
    const batch: Outgoing[] = [];
    const { windowEntries, windowBytes } = this.#limits;
    while (this.#sent < upTo && this.#inFlight.length < windowEntries && this.#inFlightBytes < windowBytes) {
      const message = this.#messages.get(++this.#sent);
      // A number that is gone was settled ahead of its turn in an earlier connection.
      if (!message) {
        if (this.#sent <= this.#everSent) batch.push(tombstone(this.#sent));
        continue;
      }
      this.#inFlight.push(message);
      this.#inFlightBytes += message.bytes;
      batch.push(message);
    }
    this.#everSent = Math.max(this.#everSent, this.#sent);
    return batch;
  }

  /** The server has everything up to `received` and has settled everything up to `settled` and what is in `above`. Answers what leaves the outbox, and whether this was progress. */
  acknowledged(received: number, settled: number, above: readonly number[]): { left: Outgoing[]; progress: boolean } {
    if (received > this.#everSent || settled > received) return { left: [], progress: false };
    let arrived = 0;
    while (arrived < this.#inFlight.length && (this.#inFlight[arrived] as Outgoing).seq <= received) {
      this.#inFlightBytes -= (this.#inFlight[arrived++] as Outgoing).bytes;
    }
    this.#inFlight = this.#inFlight.slice(arrived);
    const left: Outgoing[] = [];
    for (const seq of this.#messages.keys()) {
      if (seq > settled) break;
      left.push(this.#remove(seq));
    }
    for (const seq of above) if (seq <= received && this.#messages.has(seq)) left.push(this.#remove(seq));
    return { left, progress: arrived > 0 || left.length > 0 };
  }

  /** Withdraws a message. What was never sent will never be; of what was sent the server may still have dealt with. Answers the message and the tombstone that takes its place. */
  withdraw(seq: number): { withdrawn: Outgoing; tombstone: Outgoing } | undefined {
    const withdrawn = this.#messages.get(seq);
    if (!withdrawn?.args) return undefined;
    const stone = tombstone(seq);
    this.#messages.set(seq, stone);
    this.#bytes -= withdrawn.bytes;
    return { withdrawn, tombstone: stone };
  }

  /** Messages whose time is over at `now`. */
  expired(now: number): Outgoing[] {
    return [...this.#messages.values()].filter((message) => message.args && message.expiresAt <= now);
  }

  #remove(seq: number): Outgoing {
    const message = this.#messages.get(seq) as Outgoing;
    this.#messages.delete(seq);
    this.#bytes -= message.bytes;
    return message;
  }
}

/** What stands for a number whose message is gone. */
function tombstone(seq: number): Outgoing {
  return { seq, id: "", args: undefined, wantsAnswer: false, bytes: 0, expiresAt: Number.POSITIVE_INFINITY };
}
