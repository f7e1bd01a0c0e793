/**
 * How long to wait for a peer that has something to acknowledge.
 *
 * Rule: every sign of progress starts the wait anew. Without progress the sender sends again, each time after a longer
 * wait; after `maxResends` of these the connection counts as broken, and closing it lets a new one replay.
 * A handler that takes its time is no lack of progress: peers acknowledge arrival apart from settling.
 */
export class Patience {
  readonly #timeoutMs: number;
  readonly #maxResends: number;
  #since: number | undefined;
  #resends = 0;

  /**
   * @param timeoutMs Wait before the first resend, milliseconds.
   * @param maxResends Resends before the connection is given up.
   */
  constructor(timeoutMs: number, maxResends: number) {
    this.#timeoutMs = timeoutMs;
    this.#maxResends = maxResends;
  }

  /** Something was sent that wants an acknowledgement. */
  waiting(now: number): void {
    this.#since ??= now;
  }

  /** The peer acknowledged something. @param outstanding Whether more is still unacknowledged. */
  progress(now: number, outstanding: boolean): void {
    this.#resends = 0;
    this.#since = outstanding ? now : undefined;
  }

  /** When {@link due} is worth asking; `undefined` while nothing is outstanding. */
  get dueAt(): number | undefined {
    return this.#since === undefined ? undefined : this.#since + this.#timeoutMs * 2 ** this.#resends;
  }

  /**
   * What to do when a wait is over.
   *
   * @param at The moment that was waited for.
   * @param now The time, which is another one if the clock was set meanwhile.
   */
  due(at: number, now: number = at): "wait" | "resend" | "close" {
    const dueAt = this.dueAt;
    if (dueAt === undefined || at < dueAt) return "wait";
    if (this.#resends >= this.#maxResends) return "close";
    this.#resends++;
    this.#since = now;
    return "resend";
  }
}
