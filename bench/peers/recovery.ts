/**
 * Socket.IO with its connection state recovery.
 *
 * Rule: its defaults; what is missed is kept in the server's memory for two minutes.
 */
import { io } from "socket.io-client";
import type { Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, serve, urlOf } from "./socket-io.ts";

/** Recovery in memory. */
export const recovery: Peer = {
  key: "csr",
  name: "Socket.IO, state recovery",
  kept: "handled",
  can: ["rooms", "replays"],
  serve: () => serve({ options: { connectionStateRecovery: {} } }),
  connect: (port) => connected(io(urlOf(port), CLIENT_SETTINGS)),
};
