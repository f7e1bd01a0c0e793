/**
 * Making a socket that is reliable from its first packet.
 *
 * Rule: the hello is in the first CONNECT, also where Socket.IO sends that while it makes the socket; what the application
 * finds in `socket.auth` is what it put there.
 */
import { io as connect, type ManagerOptions, type SocketOptions } from "socket.io-client";
import { createLink } from "./link.ts";
import type { ReliableOptions } from "./options.ts";
import { decorate, type ReliableSocket, withHello } from "./reliable.ts";
import { type EventsMap, raw } from "./socket.ts";

/** Socket.IO's options, and ours. */
export type IoOptions = Partial<ManagerOptions & SocketOptions> & { readonly reliable?: ReliableOptions };

type Auth = NonNullable<SocketOptions["auth"]>;

/** As `io` of `socket.io-client`, with reliable delivery. `options.reliable` has what can be set. */
export function io<L extends EventsMap = EventsMap, E extends EventsMap = L>(
  url?: string | IoOptions,
  options?: IoOptions,
): ReliableSocket<L, E> {
  const { reliable = {}, auth, ...rest } = (typeof url === "object" ? url : options) ?? {};
  const link = createLink(reliable, typeof url === "string" ? url : "");
  let said = false;
  let making = true;
  // On a Manager that is already open, CONNECT is sent while the socket is made, before it can be decorated.
  const introduce: Auth = (send) => {
    said = making;
    const withAuth = (data?: object): void =>
      link.ties.loaded(() => send(making ? withHello(link, data, auth) : { ...data }));
    if (typeof auth === "function") auth(withAuth);
    else withAuth(auth);
  };
  const given = { ...rest, auth: introduce };
  const socket = typeof url === "string" ? connect(url, given) : connect(given);
  making = false;
  if (auth) socket.auth = auth;
  else Reflect.deleteProperty(socket, "auth");
  decorate(raw(socket), link, said, rest.ackTimeout);
  return socket as unknown as ReliableSocket<L, E>;
}
