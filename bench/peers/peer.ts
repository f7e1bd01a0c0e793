/**
 * What the benchmark knows of the ways that are compared.
 *
 * Rule: no workload says "Socket.IO": a peer is whatever can publish to everybody and answer what it is sent.
 */

/** What a peer has done with a message by the time that it acknowledges it. */
export type Kept = "handled" | "committed, os" | "committed, disk";

/** One of the ways that are compared. */
export interface Peer {
  readonly name: string;
  readonly kept: Kept;
  /** Starts a server on a free port of 127.0.0.1. `dir` is empty and for this run only. */
  serve(dir: string): Promise<Service>;
  /** Connects a client. Resolves when it gets what is published from now on. */
  connect(port: number): Promise<Client>;
}

/** A running server. */
export interface Service {
  readonly port: number;
  /** Sends to every client that is connected. Does not wait. */
  publish(payload: Payload): void;
  /** Answers what clients send. Said before the first client connects. */
  handle(handler: (payload: Payload) => number): void;
}

/** A connected client. */
export interface Client {
  /** Hands over what is published. */
  listen(listener: (payload: Payload) => void): void;
  /** Sends to the server and waits for the answer. */
  ask(payload: Payload): Promise<number>;
}

/** A message. All of them are equally long as JSON. */
export interface Payload {
  /** Number of the message among those of its sender, from 0. */
  readonly n: number;
  /** Number of the sender, from 0. */
  readonly from: number;
  readonly filler: string;
}
