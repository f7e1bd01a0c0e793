/** Every build of socket.io-client that is supported. */
import { createRequire } from "node:module";
import * as current from "socket.io-client";

export type IoFunction = typeof current.io;

const require = createRequire(import.meta.url);
// The bundle is made for browsers.
const requireOfServer = createRequire(require.resolve("socket.io"));
globalThis.WebSocket ??= requireOfServer("ws") as typeof globalThis.WebSocket;
const minified = require("../../node_modules/socket.io-client/dist/socket.io.min.js") as { io: IoFunction };

export const FLAVOURS: readonly (readonly [name: string, io: IoFunction])[] = [
  ["4.8", current.io],
  ["4.7", (require("socket.io-client-4.7") as { io: IoFunction }).io],
  ["4.6", (require("socket.io-client-4.6") as { io: IoFunction }).io],
  ["4.8, minified bundle", minified.io],
];
