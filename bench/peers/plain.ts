/**
 * Plain Socket.IO: what every ratio is taken to.
 *
 * Rule: nothing is added, and nothing is set that the others do not have too.
 */
import { io } from "socket.io-client";
import type { Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, serve, urlOf } from "./socket-io.ts";

/** Socket.IO as it comes. */
export const plain: Peer = {
  key: "plain",
  name: "Socket.IO",
  kept: "handled",
  can: ["rooms"],
  serve: () => serve(),
  connect: (port) => connected(io(urlOf(port), CLIENT_SETTINGS)),
};
