/**
 * What the page and the server say to each other.
 *
 * Rule: plain data; a message is told apart by the key that its writer gave it.
 */

/** Where everybody is. */
export const ROOM = "lobby";

/** A longer text is refused by the server. */
export const MAX_TEXT = 500;

export interface Message {
  /** Made by the writer: the writer's own copy and the one that comes back are one message. */
  readonly key: string;
  readonly from: string;
  readonly text: string;
  /** When it was written, milliseconds since 1970; perhaps long before it was sent. */
  readonly at: number;
}

/** A message with its place in the log. */
export interface Logged {
  readonly message: Message;
  readonly offset: number;
}

export interface ToServer {
  say: (message: Message) => void;
  /** Asks for the latest messages, oldest first. */
  history: (answer: (history: readonly Logged[]) => void) => void;
  /** For trying out what a gap looks like: ends the sender's session. */
  forget: () => void;
}

export interface FromServer {
  message: (message: Message) => void;
}
