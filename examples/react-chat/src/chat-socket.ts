/**
 * What every socket of the chat is like.
 *
 * Rule: components take a socket as a property and know only this; who makes it, and when it ends, is decided in one place.
 */
import type { IoOptions, ReliableSocket } from "gapless-io/client";
import type { FromServer, ToServer } from "../protocol.ts";

export type ChatSocket = ReliableSocket<FromServer, ToServer>;

export const options: IoOptions = {
  reconnectionDelay: 250,
  reconnectionDelayMax: 2_000,
  // What is said must arrive. A question about now is of no use later: it stays out of the outbox.
  reliable: { durable: (event) => event === "say" },
};
