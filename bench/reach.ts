/**
 * How far messages have got that are for everybody.
 *
 * Rule: a message has reached everybody when all of those who are followed have it, and all before it.
 */
import type { Client } from "./peers/peer.ts";
import { Tally } from "./tally.ts";

/** Follows what clients receive. */
export class Reach {
  /** Messages that have reached everybody. */
  done = 0;
  /** Deliveries. */
  total = 0;
  readonly #clients: number;
  readonly #step: number;
  readonly #report: (done: number, total: number) => void;
  /** How many clients message n has reached, by n. */
  readonly #counts: number[] = [];
  #told = 0;

  /** @param clients How many will be followed. @param step Reports when so many more have reached everybody. */
  constructor(clients: number, step: number, report: (done: number, total: number) => void) {
    this.#clients = clients;
    this.#step = step;
    this.#report = report;
  }

  /** Follows this client from now on. */
  follow(client: Client): Tally {
    const tally = new Tally();
    const counts = this.#counts;
    client.listen(({ n }) => {
      this.total++;
      tally.take(n);
      counts[n] = (counts[n] ?? 0) + 1;
      while (counts[this.done] === this.#clients) this.done++;
      if (this.done - this.#told < this.#step) return;
      this.#told = this.done;
      this.#report(this.done, this.total);
    });
    return tally;
  }
}
