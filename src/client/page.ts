/**
 * What becomes of a page: hidden, frozen, put aside, offline, and back.
 *
 * Rule: what the server has not been told is told before the page may be gone; a page that is back does not wait out a pause that was
 * measured for a server that is down.
 */
import { ask } from "./ask.ts";
import type { Link } from "./link.ts";
import type { RawSocket } from "./socket.ts";

/** Follows the page that the socket lives in, until the link ends. Does nothing where there is no page. */
export function followPage(link: Link, socket: RawSocket): void {
  if (typeof document === "undefined") return;
  const { ties, outbox, reader } = link;
  const { warnOnUnload } = ties.settings;
  const on = (target: EventTarget, name: string, run: (event: PageTransitionEvent) => void): void =>
    target.addEventListener(name, run as (event: Event) => void, { signal: link.ending });

  const hide = (): void => reader.acknowledge();
  const wake = (): void => {
    const { io, connected, active } = socket;
    const { engine } = io;
    if (connected) {
      // A connection that died while the page slept says nothing; any answer will do.
      if (link.wrapped()) ask(ties, { room: "", limit: 1 }, (answer) => answer || engine?.close());
    } else if (active && engine?.readyState === "closed" && io.reconnection()) {
      // The Manager waits between two attempts. All of its sockets leave it and come again; nobody is told, for none is connected.
      const waiting = Object.values(io.nsps).filter((each) => each.active);
      for (const each of waiting) each.disconnect();
      for (const each of waiting) each.connect();
    }
  };

  on(document, "visibilitychange", () => (document.hidden ? hide() : wake()));
  on(document, "freeze", hide);
  on(document, "resume", wake);
  on(window, "online", wake);
  on(window, "pagehide", ({ persisted }) => {
    hide();
    link.keep();
    if (!persisted) return;
    // A page that holds a lock or a connection is not put aside, but ended.
    link.suspend();
    socket.io.engine?.close();
  });
  on(window, "pageshow", ({ persisted }) => {
    if (persisted) link.resume(wake);
  });
  if (!warnOnUnload) return;
  on(window, "beforeunload", (event) => {
    if (outbox.messages.values().some(({ args }) => args)) event.preventDefault();
  });
}
