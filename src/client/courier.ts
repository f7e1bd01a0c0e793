/**
 * Delivering what closed pages have left behind.
 *
 * Rule: as the session that emitted it, on a connection of its own, so that nothing is handled twice; nothing is received there.
 */
import type { ClientStorage } from "../client-storage.ts";
import { createLink, type Link } from "./link.ts";
import type { RawSocket } from "./socket.ts";

/** Between two looks. */
const LOOK_MS = 20_000;

/** Looks for them when a connection is up, and now and then. `wrap` makes a socket a reliable one. */
export function deliverOrphans(link: Link, socket: RawSocket, wrap: (socket: RawSocket, link: Link) => void): void {
  const { after, settings, signal, safely } = link.ties;
  const { storage, resync: _, ...rest } = settings;
  const { orphan } = storage;
  if (!orphan) return;
  let busy = false;
  let again: (() => void) | undefined;

  const deliver = (found: ClientStorage): void => {
    const { io, nsp, auth } = socket;
    const other = new io.constructor(io.uri, { ...io.opts, autoConnect: false }).socket(nsp, { auth });
    // What comes for the session waits there for its owner: the first entry is never done with, and after so many more nothing is asked for.
    const courier = createLink({ ...rest, storage: found, dispatch: "serial" });
    other.onAny(() => new Promise(() => {}));
    const { on } = courier.delivery;
    // When its owner goes away, so does the courier.
    const stop = link.delivery.on("state", (state) => state === "offline" && finish());
    link.ending.addEventListener("abort", finish);
    function finish(): void {
      if (courier.ended()) return;
      stop();
      link.ending.removeEventListener("abort", finish);
      courier.end();
      other.disconnect();
      busy = false;
      // One that was not let in is no reason to knock without end.
      if (courier.outbox.messages.size === 0) look();
      else again = after(LOOK_MS, look);
    }
    const check = (): void => {
      const { state } = courier.delivery;
      if (courier.outbox.messages.size === 0 || state === "offline" || state === "superseded") queueMicrotask(finish);
    };
    on("error", (error) => signal("error", error));
    on("status", (message) => signal("status", message));
    wrap(other, courier);
    other.connect();
    courier.ties.loaded(() => {
      on("outbox", check);
      on("state", check);
      check();
    });
  };

  const look = (): void => {
    if (busy || link.delivery.state !== "live") return;
    busy = true;
    again?.();
    safely(async () => {
      const found = await orphan();
      if (found && !link.ended()) {
        deliver(found);
        return;
      }
      busy = false;
      again = after(LOOK_MS, look);
      await found?.close();
    });
  };
  link.delivery.on("state", look);
}
