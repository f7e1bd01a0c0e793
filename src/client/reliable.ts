/**
 * Decorating a socket in place.
 *
 * Rule: only own properties of this one socket, over names that Socket.IO's minified bundles keep; what is not ours goes the
 * native way, unchanged.
 */
import type { Socket } from "socket.io-client";
import { backoffMs } from "../core/backoff.ts";
import { FRAME_EVENT, HELLO_KEY } from "../core/wire.ts";
import { type ClientDelivery, createDelivery } from "./delivery.ts";
import { RETRY } from "./keeper.ts";
import { createLink, type Link } from "./link.ts";
import type { ReliableOptions } from "./options.ts";
import type { Acknowledge, Sending } from "./sending.ts";
import {
  type AnyFunction,
  CONNECT,
  DISCONNECT,
  type Engine,
  EVENT,
  type EventsMap,
  type Packet,
  type RawSocket,
  raw,
} from "./socket.ts";
import type { Job } from "./ties.ts";

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
  if (!("delivery" in socket)) decorate(raw(socket), createLink(options));
  return socket as ReliableSocket<L, E>;
}

/** Names that Socket.IO refuses to emit. */
const RESERVED = /^(connect|connect_error|disconnect|disconnecting|newListener|removeListener)$/;

/** Puts the hooks on a socket. `said`: its CONNECT carries the hello already. `ackTimeout`: the socket's own option. */
export function decorate(socket: RawSocket, link: Link, said = false, ackTimeout?: number): void {
  const { settings } = link;
  const native = socket as RawSocket & Record<string, AnyFunction>;
  /** Puts a function in the place of a method; it is given the original and the arguments. */
  const hook = (name: string, value: (original: AnyFunction, ...args: never[]) => unknown): AnyFunction => {
    const method = native[name] as AnyFunction;
    const original: AnyFunction = (...args) => method.apply(socket, args);
    define(name, (...args: never[]) => value(original, ...args));
    return original;
  };
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(socket, name, { value, writable: true, configurable: true });
  };
  let ended = false;
  let failures = 0;
  /** A CONNECT without hello is out. */
  let unsaid = !said && socket.active && socket.io.engine?.readyState === "open";

  const job = (
    event: string | undefined,
    listener: AnyFunction & { fn?: AnyFunction },
    args: readonly unknown[],
  ): Job => {
    return () => {
      // What `once` registers calls the listener and forgets what it answers.
      if (event !== undefined && listener.fn) socket.off(event, listener);
      return (listener.fn ?? listener).apply(socket, args as unknown[]);
    };
  };

  const packet = hook("packet", (original, given: Packet) => {
    if (ended || given.type !== CONNECT) {
      link.start(false);
      original(given);
      return;
    }
    const engine: Engine | undefined = socket.io.engine;
    unsaid = false;
    link.loaded(() => {
      if (socket.io.engine !== engine || socket.connected || !socket.active) return;
      original({ ...given, data: withHello(link, given.data, socket.auth) });
    });
  }) as (packet: Packet) => void;

  link.bind({
    send: (frame, compress) => packet({ type: EVENT, data: [FRAME_EVENT, ...frame], options: { compress } }),
    close: () => socket.io.engine?.close(),
    leave: () => void socket.disconnect(),
    active: () => socket.active,
    outgoing: (args) => socket.notifyOutgoingListeners({ data: args }),
    anyListeners: (args) => socket.listenersAny().map((listener) => job(undefined, listener, args)),
    listeners: ([event, ...args]) =>
      socket.listeners(event as string).map((listener) => job(event as string, listener, args)),
  });

  hook("onevent", (original, given: Packet) => {
    if (!ended && given.data?.[0] === FRAME_EVENT) link.frame(given.data.slice(1));
    else {
      link.reader.queue.run();
      original(given);
    }
  });

  const emit = hook("emit", (original, event: string, ...args: never[]) => {
    send(event, args, () => original(event, ...args));
    return socket;
  });
  const send = (event: unknown, given: unknown[], natively: () => void): Sending | undefined => {
    const { flags } = socket;
    const plain = ended || link.state === "plain" || flags.volatile || flags.fromQueue;
    if (plain || typeof event !== "string" || RESERVED.test(event) || !settings.durable(event, given)) {
      natively();
      return;
    }
    const args = [event, ...given];
    const ack = typeof args.at(-1) === "function" ? (args.pop() as unknown as Acknowledge) : undefined;
    socket.flags = {};
    return link.emit(args, ack, flags.timeout ?? ackTimeout ?? socket.io.opts.ackTimeout, flags.compress !== false);
  };

  hook("onconnect", (original, ...args: never[]) => {
    if (unsaid) {
      // Connected to a server that was not told what we can: begin anew before anybody hears of it.
      packet({ type: DISCONNECT });
      socket.disconnect().connect();
      return;
    }
    if (!ended && !link.connected()) {
      // Not connected yet, so these go to Socket.IO's own buffer, which it sends before anything else.
      for (const { args, compress, answering } of link.drain()) {
        socket.flags = { compress };
        if (answering?.timeoutMs !== undefined) socket.flags.timeout = answering.until - settings.clock.now();
        emit(...args, ...(answering ? [answering.ack] : []));
      }
    }
    original(...args);
  });

  hook("emitReserved", (original, event: string, ...args: never[]) => {
    if (event === "connect") {
      failures = 0;
      link.start(true);
    }
    if (event === "disconnect" || event === "connect_error") {
      link.reader.queue.run();
      link.closed();
    }
    original(event, ...args);
    if (event !== "connect_error" || socket.active || ended) return;
    if (settings.retryConnectError?.(args[0] as unknown as Error)) {
      const { clock, random } = settings;
      clock.at(clock.now() + backoffMs(RETRY, ++failures, random()), () => void socket.connect());
    }
  });

  for (const name of ["on", "addEventListener", "onAny", "prependAny"]) {
    hook(name, (original, ...args: never[]) => {
      original(...args);
      link.reader.queue.release(name.endsWith("Any") ? undefined : args[0]);
      return socket;
    });
  }

  let recovered = socket.recovered;
  Object.defineProperty(socket, "recovered", {
    get: () => (link.wrapped ? link.recovered : recovered),
    set: (value: boolean) => {
      recovered = value;
    },
    configurable: true,
    enumerable: true,
  });

  const delivery = createDelivery(link, {
    emit: (event, args) => send(event, args, () => void emit(event, ...args)),
    ask(query, answered) {
      const id = socket.ids++;
      socket.acks[id] = answered as AnyFunction;
      packet({ type: EVENT, id, data: [FRAME_EVENT, "h", query], options: { compress: true } });
    },
    close() {
      ended = true;
      link.end();
      socket.disconnect();
    },
  });
  define("delivery", delivery);

  if (unsaid && socket.connected) socket.disconnect().connect();
}

/** The CONNECT payload with our hello in it. The application's own object is not touched. */
export function withHello(link: Link, data: unknown, auth: unknown): Record<string, unknown> {
  const payload: Record<string, unknown> = { ...(data as object), [HELLO_KEY]: link.hello() };
  // Socket.IO's own recovery would replay the same entries a second time.
  if (link.session !== undefined) {
    for (const key of ["pid", "offset"]) if (!Object.hasOwn((auth ?? {}) as object, key)) delete payload[key];
  }
  return payload;
}
