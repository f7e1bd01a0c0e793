/**
 * A process that can die, stand still and have a clock of its own.
 *
 * Rule: a dead process does nothing any more; one that stands still does it later. Its clock runs as fast as all others but
 * may be set differently.
 */
import type { Clock } from "../../core/clock.ts";
import type { Timeline } from "./timeline.ts";

/** A life of a server or of a client. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly #timeline: Timeline;
  #skewMs: number;
  #alive = true;
  #standsUntil = 0;
  /** What was due while it stood still, in order. */
  readonly #late: (() => void)[] = [];

  /** @param skewMs How much its clock is ahead of all others. */
  constructor(timeline: Timeline, name: string, skewMs: number) {
    this.name = name;
    this.#timeline = timeline;
    this.#skewMs = skewMs;
    this.clock = {
      now: () => timeline.now + this.#skewMs,
      at: (at, wake) => this.after(Math.max(0, at - this.#skewMs - timeline.now), wake),
    };
  }

  /** Its clock is set forward, or back. */
  stepClock(ms: number): void {
    this.#skewMs += ms;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Ends it, as SIGKILL does. */
  kill(): void {
    this.#alive = false;
  }

  /** Nothing happens in it for some time, as after SIGSTOP or in a long computation. */
  stall(ms: number): void {
    this.#standsUntil = Math.max(this.#standsUntil, this.#timeline.now + ms);
  }

  /** Whether nothing happens in it now. */
  get stands(): boolean {
    return this.#timeline.now < this.#standsUntil;
  }

  /** Does something in this process after some milliseconds, if it lives then. Answers what prevents it. */
  after(ms: number, run: () => void): () => void {
    let cancelled = false;
    const attempt = (): void => {
      if (cancelled) return;
      if (this.stands || this.#late.length > 0)
        this.#put(() => {
          if (!cancelled) run();
        });
      else if (this.#alive) run();
    };
    const cancel = this.#timeline.at(this.#timeline.now + ms, attempt);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  #put(run: () => void): void {
    if (this.#late.push(run) === 1) this.#timeline.at(this.#standsUntil, this.#catchUp);
  }

  readonly #catchUp = (): void => {
    if (!this.#alive) return;
    if (!this.stands) this.#late.shift()?.();
    if (this.#late.length > 0) this.#timeline.at(Math.max(this.#standsUntil, this.#timeline.now), this.#catchUp);
  };
}
