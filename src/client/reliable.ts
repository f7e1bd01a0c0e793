/**
 * Decorating a socket in place.
 *
 * Rule: only own properties of this one socket, over names that Socket.IO's minified bundles keep; what is not ours goes the
 * native way, unchanged.
 */
import type { Socket } from "socket.io-client";
import { FRAME_EVENT, HELLO_KEY } from "../core/wire.ts";
import type { ClientDelivery } from "./api.ts";
import { deliverOrphans } from "./courier.ts";
import { createDelivery } from "./delivery.ts";
import { createLink, type Link } from "./link.ts";
import type { ReliableOptions } from "./options.ts";
import type { Acknowledge, Message } from "./outbox.ts";
import { followPage } from "./page.ts";
import { type AnyFunction, CONNECT, DISCONNECT, type EventsMap, type Packet, type RawSocket, raw } from "./socket.ts";

/** A socket with reliable delivery. */
export type ReliableSocket<L extends EventsMap, E extends EventsMap> = Socket<L, E> & {
  readonly delivery: ClientDelivery;
};

/**
 * Adds reliable delivery to a socket, in place, and answers that socket. A socket that has it already stays as it is.
 *
 * A socket whose CONNECT has gone out is connected anew, once, because the server learns in CONNECT what the client can:
 * its listeners see a `disconnect` and a second `connect` if they saw the first. What it had buffered is kept. Prefer `io()` of
 * this package, or decorate the socket in the turn in which it was made.
 */
export function reliable<L extends EventsMap, E extends EventsMap>(
  socket: Socket<L, E>,
  options: ReliableOptions = {},
): ReliableSocket<L, E> {
  if (!("delivery" in socket)) {
    const { io, nsp } = raw(socket);
    decorate(raw(socket), createLink(options, io.uri + nsp));
  }
  return socket as ReliableSocket<L, E>;
}

/** Between leaving a namespace and joining it again. */
const ANEW_MS = 50;

/** Names that Socket.IO refuses to emit. */
const RESERVED = /^(connect(_error)?|disconnect(ing)?|(new|remove)Listener)$/;

/** Puts the hooks on a socket. `said`: its CONNECT carries the hello already. `ackTimeout`: the socket's own option. */
export function decorate(socket: RawSocket, link: Link, said = false, ackTimeout?: number): void {
  const { settings } = link.ties;
  const { outbox, reader, delivery } = link;
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(socket, name, { value, writable: true, configurable: true });
  };
  /** Puts a function in the place of a method, until the link has ended; it is given the original and the arguments. */
  const hook = (name: string, value: (original: AnyFunction, ...args: never[]) => unknown): AnyFunction => {
    const method = (socket as unknown as Record<string, AnyFunction>)[name] as AnyFunction;
    const original: AnyFunction = (...args) => method.apply(socket, args);
    define(name, (...args: never[]) => (link.ended() ? original(...args) : value(original, ...args)));
    return original;
  };
  let failures = 0;
  /** A server takes a CONNECT in the same breath as a DISCONNECT for an error, and closes the transport with all its namespaces. */
  const anew = (connect: () => void): void => {
    const { engine } = socket.io;
    link.ties.after(ANEW_MS, () => {
      if (!socket.connected && (!socket.active || (socket.io.engine === engine && engine?.readyState === "open")))
        connect();
    });
  };
  /** What comes belongs to a connection that nobody hears of. */
  let deaf = false;
  /** A CONNECT without hello is out. */
  let unsaid = !said && socket.active && socket.io.engine?.readyState === "open";

  const packet = hook("packet", (original, given: Packet) => {
    if (given.type !== CONNECT) {
      link.pump();
      original(given);
      return;
    }
    const { engine } = socket.io;
    unsaid = deaf = false;
    link.ties.loaded(() => {
      if (socket.io.engine !== engine || socket.connected || !socket.active) return;
      original({ ...given, data: withHello(link, given.data, socket.auth) });
    });
  });

  hook("onevent", (original, given: Packet) => {
    if (given.data?.[0] === FRAME_EVENT) link.frame(given.data.slice(1));
    else if (!deaf) {
      reader.run();
      original(given);
    }
  });

  const emit = hook("emit", (original, event: string, ...args: never[]) => {
    if (!send(event, args)) {
      // It must not overtake, nor be shown first to who listens to what goes out.
      link.pump();
      original(event, ...args);
    }
    return socket;
  });
  /** Takes an event into the outbox; `undefined` when it has to go the native way. */
  const send = (event: unknown, given: unknown[]): Message | undefined => {
    const { flags } = socket;
    const plain = link.ended() || delivery.state === "plain" || flags.volatile || flags.fromQueue;
    if (plain || typeof event !== "string" || RESERVED.test(event) || !settings.durable(event, given)) return;
    const args = [event, ...given];
    const { opts } = socket.io;
    // With `retries` Socket.IO adds a callback to every emit, and handlers may rely on it.
    let ack: Acknowledge | undefined = opts.retries ? () => {} : undefined;
    if (typeof args.at(-1) === "function") ack = args.pop() as Acknowledge;
    const message = outbox.emit(args, false, ack, flags.timeout ?? ackTimeout ?? opts.ackTimeout, flags.compress);
    if (message) {
      socket.flags = {};
      // What is not encoded yet is sent at once, before the application can change it.
      if (opts.parser || message.text === undefined) link.pump();
    }
    return message;
  };

  hook("onconnect", (original, ...args: never[]) => {
    if (unsaid) {
      // Connected to a server that was not told what we can: begin anew before anybody hears of it.
      packet({ type: DISCONNECT });
      deaf = true;
      anew(() => socket.onopen());
      return;
    }
    link.connected();
    if (!link.wrapped()) {
      // Not connected yet, so these go to Socket.IO's own buffer, which it sends before anything else.
      for (const { args, compress, ack, timeoutMs, until } of outbox.drain()) {
        socket.flags = { compress };
        if (timeoutMs !== undefined) socket.flags.timeout = (until as number) - settings.clock.now();
        emit(...(args as unknown[]), ...(ack ? [ack] : []));
      }
    }
    original(...args);
  });

  hook("emitReserved", (original, event: string, ...args: [Error]) => {
    if (event === "connect") {
      failures = 0;
      link.start();
    }
    if (event === "disconnect" || event === "connect_error") {
      reader.run();
      link.closed();
    }
    original(event, ...args);
    if (event === "connect_error" && !socket.active && settings.retryConnectError?.(args[0])) {
      link.again(++failures, () => socket.connect());
    }
  });

  for (const name of ["on", "addEventListener", "onAny", "prependAny"]) {
    hook(name, (original, ...args: never[]) => {
      original(...args);
      reader.release(name.endsWith("Any") ? undefined : args[0]);
      return socket;
    });
  }

  let { recovered } = socket;
  Object.defineProperty(socket, "recovered", {
    get: () => (link.wrapped() ? delivery.recovered : recovered),
    set: (value: boolean) => {
      recovered = value;
    },
    configurable: true,
    enumerable: true,
  });

  link.bind(socket);
  define(
    "delivery",
    createDelivery(link, (event, args) => {
      const message = send(event, args);
      if (!message) emit(event, ...args);
      return message;
    }),
  );
  followPage(link, socket);
  deliverOrphans(link, socket, decorate);
  if (unsaid && socket.connected) {
    socket.disconnect();
    anew(() => socket.connect());
  }
}

/** The CONNECT payload with our hello in it. The application's own object is not touched. */
export function withHello(link: Link, data: unknown, auth: unknown): Record<string, unknown> {
  const payload: Record<string, unknown> = { ...(data as object), [HELLO_KEY]: link.hello() };
  // Socket.IO's own recovery would replay the same entries a second time.
  if (link.delivery.session !== undefined) {
    for (const key of ["pid", "offset"]) if (!Object.hasOwn((auth ?? {}) as object, key)) delete payload[key];
  }
  return payload;
}
