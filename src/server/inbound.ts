/**
 * What comes in on a connection, and what its end means.
 *
 * Rule: a connection changes nothing but its own session, and a superseded one changes nothing at all (protocol R34).
 *
 * No Socket.IO: the simulator runs this file as it is.
 */
import type { HistoryQuery } from "../core/wire.ts";
import { parseClientFrame } from "./client-frames.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

/** A frame came: what followed its event name. Answers the query when it asks for history, "bad" when it is no frame. */
export function received(hub: Hub, connection: Connection, raw: readonly unknown[]): HistoryQuery | "bad" | undefined {
  const { session } = connection;
  if (connection.closed || session.connection !== connection) return undefined;
  const frame = parseClientFrame(raw);
  if (!frame) {
    hub.metrics.badFrames++;
    return "bad";
  }
  session.confirmGeneration(connection.generation);
  switch (frame[0]) {
    case "m": {
      session.inbox.skipTo(frame[1]);
      for (const message of frame[2]) if (!session.handling?.take(message)) break;
      connection.arrived();
      return undefined;
    }
    case "a":
      if (!connection.acknowledge(frame[1], frame[2])) hub.metrics.badFrames++;
      return undefined;
    case "r":
      if (connection.acknowledge(frame[1], 0)) connection.rewind();
      else hub.metrics.badFrames++;
      return undefined;
    case "h":
      return frame[1];
  }
}

/** The connection's transport is gone, or its socket was disconnected. */
export function ended(hub: Hub, connection: Connection): void {
  const { session } = connection;
  if (session.connection === connection) {
    session.settlePosition();
    session.connection = undefined;
    hub.cursors.save(session);
  }
  connection.close();
  hub.release(session);
}
