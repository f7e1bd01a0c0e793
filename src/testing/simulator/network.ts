/**
 * Connections between clients and servers, and what networks do to them.
 *
 * Rule: a connection carries text, in order, until it ends, as a transport of Socket.IO does; how its ends learn of that end, and
 * when, is where faults differ. The unkind profile breaks even the order, which no transport of Socket.IO's may do.
 */
import { type Hits, hit } from "./hits.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** How a network behaves while nothing special happens. */
export interface Weather {
  /** Longest time on the way, milliseconds. */
  latencyMs: number;
  /** Whether what is on the way may overtake, be lost or come twice. */
  unkind: boolean;
}

/** After this time without a heartbeat both ends give a connection up, milliseconds. */
export const PING_TIMEOUT_MS = 3_000;

type Direction = "up" | "down";

/** One end of a connection: what it does with what comes. */
export interface End {
  readonly process: Process;
  receive(text: string): void;
  /** The transport ended. */
  ended(): void;
}

/** A connection. "Up" is from the client to the server. */
export class Wire {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #hits: Hits;
  readonly #weather: Weather;
  readonly #ends: Record<Direction, { end: End; open: boolean; arrivesAt: number; black: boolean }>;

  /** @param client Gets what goes down. @param server Gets what goes up. */
  constructor(timeline: Timeline, random: Random, hits: Hits, weather: Weather, client: End, server: End) {
    this.#timeline = timeline;
    this.#random = random;
    this.#hits = hits;
    this.#weather = weather;
    this.#ends = {
      up: { end: server, open: true, arrivesAt: 0, black: false },
      down: { end: client, open: true, arrivesAt: 0, black: false },
    };
  }

  get openAtClient(): boolean {
    return this.#ends.down.open && this.#ends.down.end.process.alive;
  }

  get openAtServer(): boolean {
    return this.#ends.up.open && this.#ends.up.end.process.alive;
  }

  /** Sends. @param certain Is neither lost nor doubled by unkind weather: what belongs to the connection itself. */
  send(direction: Direction, text: string, certain = false): void {
    const from = this.#ends[direction === "up" ? "down" : "up"];
    if (!from.open) return;
    const to = this.#ends[direction];
    this.#timeline.note(from.end.process.name, `${direction} ${to.end.process.name}: ${text.slice(0, 160)}`);
    if (to.black) {
      hit(this.#hits, "lost in a black hole");
      return;
    }
    if (this.#weather.unkind && !certain) {
      if (this.#random.chance(0.1)) {
        hit(this.#hits, "frame lost");
        return;
      }
      if (this.#random.chance(0.1)) {
        hit(this.#hits, "frame doubled");
        this.#deliver(to, text, this.#random.below(1_000));
      }
      if (this.#random.chance(0.2)) {
        hit(this.#hits, "frame delayed");
        this.#deliver(to, text, this.#random.below(1_500));
        return;
      }
    }
    const now = this.#timeline.now;
    to.arrivesAt = Math.max(to.arrivesAt, now + this.#random.below(this.#weather.latencyMs + 1));
    this.#deliver(to, text, to.arrivesAt - now);
  }

  /** Ends the connection; both ends learn of it soon. */
  cut(): void {
    this.#end("up", this.#random.below(20));
    this.#end("down", this.#random.below(20));
  }

  /** One end learns of the end at once, the other one when no heartbeat comes. */
  halfOpen(learns: "client" | "server"): void {
    this.#ends.up.black = this.#ends.down.black = true;
    this.#end("up", learns === "server" ? 0 : PING_TIMEOUT_MS);
    this.#end("down", learns === "client" ? 0 : PING_TIMEOUT_MS);
  }

  /** Nothing passes any more in one direction, and nobody is told until no heartbeat comes. */
  blackHole(direction: Direction): void {
    this.#ends[direction].black = true;
    this.#end("up", PING_TIMEOUT_MS);
    this.#end("down", PING_TIMEOUT_MS);
  }

  /** One end closes the connection; the other one learns of it after everything that was sent before. */
  close(by: "client" | "server"): void {
    const own = this.#ends[by === "client" ? "down" : "up"];
    const other = by === "client" ? "up" : "down";
    if (!own.open) return;
    own.open = false;
    own.end.process.after(0, () => own.end.ended());
    const { arrivesAt, black } = this.#ends[other];
    this.#end(other, black ? PING_TIMEOUT_MS : Math.max(0, arrivesAt - this.#timeline.now) + 1);
  }

  #deliver(to: { readonly end: End; readonly open: boolean }, text: string, ms: number): void {
    to.end.process.after(ms, () => {
      if (to.open || this.#weather.unkind) to.end.receive(text);
    });
  }

  #end(direction: Direction, ms: number): void {
    const side = this.#ends[direction];
    side.end.process.after(ms, () => {
      if (!side.open) return;
      side.open = false;
      side.end.ended();
    });
  }
}
