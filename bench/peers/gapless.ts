/**
 * gapless-io on an SQLite file.
 *
 * Rule: the built package with its defaults, wrapped on both sides; only the durability differs.
 */
import { join } from "node:path";
import { io } from "gapless-io/client";
import { reliable } from "gapless-io/server";
import { sqlite } from "gapless-io/sqlite";
import type { Peer } from "./peer.ts";
import { CLIENT_SETTINGS, connected, serve, urlOf } from "./socket-io.ts";

/** What is acknowledged survives a killed process. */
export const gaplessOs: Peer = gapless("os");

/** What is acknowledged survives power loss: the default. */
export const gaplessDisk: Peer = gapless("disk");

function gapless(durability: "os" | "disk"): Peer {
  return {
    name: `gapless-io, ${durability}`,
    kept: `committed, ${durability}`,
    async serve(dir) {
      let ready: Promise<unknown> | undefined;
      const service = await serve((server) => {
        const { delivery } = reliable(server, { store: sqlite(join(dir, "log.db"), { durability }) });
        delivery.on("error", (error) => console.error(`gapless-io, ${durability}, server:`, error));
        ready = delivery.ready;
      });
      await ready;
      return service;
    },
    connect(port) {
      const socket = io(urlOf(port), CLIENT_SETTINGS);
      socket.delivery.on("error", (error) => console.error(`gapless-io, ${durability}, client:`, error));
      return connected(socket);
    },
  };
}
