/**
 * gapless-io on an SQLite file.
 *
 * Rule: the built package with its defaults, wrapped on both sides; only the durability differs, and what a workload demands
 * more of than the defaults allow.
 */
import { join } from "node:path";
import { io } from "gapless-io/client";
import { type ReliableOptions, reliable } from "gapless-io/server";
import { sqlite } from "gapless-io/sqlite";
import { fill, publishPattern } from "./gapless-log.ts";
import type { Client, Demands, Peer, Service } from "./peer.ts";
import { CLIENT_SETTINGS, connected, serve, urlOf } from "./socket-io.ts";

/** What is acknowledged survives a killed process. */
export const gaplessOs: Peer = gapless("os");

/** What is acknowledged survives power loss: the default. */
export const gaplessDisk: Peer = gapless("disk");

function gapless(durability: "os" | "disk"): Peer {
  const name = `gapless-io, ${durability}`;
  return {
    key: durability,
    name,
    kept: `committed, ${durability}`,
    can: ["rooms", "replays", "bulk"],

    async serve(dir: string, demands: Demands): Promise<Service> {
      const path = join(dir, "log.db");
      const start = async (port = 0) => {
        const options = { store: sqlite(path, { durability }), ...optionsFor(demands) };
        const service = await serve({ wrap: (server) => void reliable(server, options), port });
        const { delivery } = reliable(service.io);
        delivery.on("error", (error) => console.error(`${name}, server:`, error));
        await delivery.ready;
        return { ...service, delivery };
      };
      let running = await start();
      return {
        port: running.port,
        publish: (payload) => running.publish(payload),
        publishTo: (room, payload) => running.publishTo?.(room, payload),
        handle: (handler) => running.handle(handler),
        async refill(messages) {
          const patternAt = await publishPattern(running.delivery);
          await running.io.close();
          await running.delivery.close();
          await fill(path, messages, patternAt);
          running = await start(running.port);
        },
      };
    },

    connect(port: number, _id: number, { outstanding = 0 }: Demands): Promise<Client> {
      // A window that is full when half of it is acknowledged stops nobody.
      const outbox = outstanding > 128 ? { windowEntries: 2 * outstanding } : {};
      const socket = io(urlOf(port), { ...CLIENT_SETTINGS, reliable: { outbox } });
      socket.delivery.on("error", (error) => console.error(`${name}, client:`, error));
      return connected(socket);
    },
  };
}

function optionsFor({ recent, kept }: Demands): ReliableOptions {
  return {
    ...(recent !== undefined && { limits: { recentEntries: recent, recentBytes: recent * 1_000 } }),
    ...(kept !== undefined && { retention: { maxBytes: kept * 1_000 } }),
  };
}
