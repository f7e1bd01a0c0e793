/**
 * Socket.IO's client where it came as a script: its global, looked up when it is called.
 *
 * Rule: it stands for `socket.io-client` in `gapless.min.js`, and nowhere else.
 */
import type { io as connect } from "socket.io-client";

/** As `io` of `socket.io-client`. Throws a `TypeError` when `socket.io.min.js` was not loaded. */
export const io = ((...args: Parameters<typeof connect>) =>
  (globalThis as unknown as { io: typeof connect }).io(...args)) as typeof connect;
