/**
 * What a handler can learn of the connection it is on: `socket.delivery`.
 *
 * Rule: it only tells.
 */
import type { Offset } from "../core/position.ts";
import type { Session } from "./session.ts";

/** The session of a wrapped client's socket. */
export class SocketDelivery {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The session's id; stays the same over reconnects. */
  get session(): string {
    return this.#session.id;
  }

  /** Up to here the client has settled everything that is for it. */
  get cursor(): Offset {
    return this.#session.cursor;
  }
}
