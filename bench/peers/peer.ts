/**
 * What the benchmark knows of the ways that are compared.
 *
 * Rule: no workload says "Socket.IO": a peer is whatever can publish to everybody and answer what it is sent. What not every
 * peer can do it says in `can`, and a workload that needs it leaves the others out.
 */

/**
 * `rooms`: clients join rooms, and messages go to those in a room. `replays`: what is missed while away comes after. `bulk`: messages
 * can be put into the log past the server.
 */
export type Ability = "rooms" | "replays" | "bulk";

/** What a workload will ask for, so that a peer can be set up for it as a user would. */
export interface Demands {
  /** Messages that one client has under way. */
  readonly outstanding?: number;
  /** Messages that are to be kept in memory, where a peer keeps recent ones there. */
  readonly recent?: number;
  /** Messages that are kept at all. */
  readonly kept?: number;
}

/** One of the ways that are compared. */
export interface Peer {
  /** On the command line. */
  readonly key: string;
  readonly name: string;
  /** What it has done with a message by the time that it acknowledges it. */
  readonly kept: string;
  readonly can: readonly Ability[];
  /** What has to be installed first; `undefined` when all is there. Without it, all always is. */
  missing?(): Promise<string | undefined>;
  /** Starts a server on a free port of 127.0.0.1. `dir` is empty and for this run only. */
  serve(dir: string, demands: Demands): Promise<Service>;
  /** Connects client number `id`, from 0. Resolves when it gets what is published from now on. */
  connect(port: number, id: number, demands: Demands): Promise<Client>;
}

/** A running server. */
export interface Service {
  readonly port: number;
  /** A further process that serves; its CPU and memory count too. */
  readonly pid?: number;
  /** Sends to every client. Does not wait. */
  publish(payload: Payload): void;
  /** Sends to those in a room. Does not wait. */
  publishTo?(room: string, payload: Payload): void;
  /** Answers what clients send. Said before the first client asks. */
  handle(handler: (payload: Payload) => number): void;
  /** Stops the server, puts messages into its log, and starts it again on the same port. */
  refill?(messages: Iterable<Addressed>): Promise<void>;
  /** Ends what would outlive this process. */
  end?(): Promise<void>;
}

/** A message and the room that it is for. */
export type Addressed = readonly [room: string, payload: Payload];

/** A connected client. It does not connect again by itself. */
export interface Client {
  /** Hands over what is published. */
  listen(listener: (payload: Payload) => void): void;
  /** Sends to the server and waits for the answer. */
  ask(payload: Payload): Promise<number>;
  join?(rooms: readonly string[]): Promise<void>;
  /** Drops the TCP connection without a word. */
  cut(): void;
  /** Connects again. Resolves when it gets what is published from now on; what was missed may come before and after. */
  comeBack(): Promise<void>;
  /** Stops reading from the TCP connection. */
  pause(): void;
  resume(): void;
}

/** A message. All of them are equally long as JSON. */
export interface Payload {
  /** Number of the message among those of its sender, from 0. */
  readonly n: number;
  /** Number of the sender, from 0. */
  readonly from: number;
  /** When it was made, microseconds; 0 where nobody asks. */
  readonly at: number;
  readonly filler: string;
}
