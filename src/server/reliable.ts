/**
 * `reliable(io, options)`: the one line on the server.
 *
 * Rule: the same object comes back, decorated in place; an application that never looks at `.delivery` is served as before.
 */
import type { DefaultEventsMap, Server, Socket } from "socket.io";
import { systemClock } from "../clock.ts";
import { FRAME_EVENT } from "../core/wire.ts";
import { memory } from "../store/memory.ts";
import { Codec } from "./codec.ts";
import { decorateServer } from "./decorate.ts";
import { ServerDelivery } from "./delivery.ts";
import type { DeliveryEvents } from "./delivery-events.ts";
import type { EventsOf } from "./event-types.ts";
import { Events } from "./events.ts";
import { Host } from "./host.ts";
import { Hub } from "./hub.ts";
import { Metrics } from "./metrics.ts";
import { type ReliableOptions, settle } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { keepBounds } from "./retention.ts";
import type { SocketDelivery } from "./socket-delivery.ts";
import { newSessionId, ulids } from "./token.ts";

/** A server with `.delivery`. */
export type ReliableServer<L extends EventsOf, E extends EventsOf, I extends EventsOf, D> = Server<L, E, I, D> & {
  readonly delivery: ServerDelivery<E>;
};

/** A socket of a wrapped client, as handlers see it. `delivery` is absent for plain clients. */
export type ReliableSocket<S extends Socket = Socket> = S & { readonly delivery?: SocketDelivery };

const wrapped = new WeakMap<object, ServerDelivery>();

/**
 * Makes delivery reliable on an existing Socket.IO server.
 *
 * Every event that is emitted to wrapped clients, except volatile and local ones and those with an acknowledgement, is logged, sent
 * in log order, and replayed until the client has it. Every event that wrapped clients emit is handled once. Plain clients see no change.
 *
 * Called twice on one server, it answers the same and ignores the new options.
 *
 * @param io The server: any version from 4.6.0, any adapter, set before or after.
 * @throws {DeliveryError} `INVALID` when an option cannot be used.
 */
export function reliable<
  L extends EventsOf = DefaultEventsMap,
  E extends EventsOf = DefaultEventsMap,
  I extends EventsOf = DefaultEventsMap,
  // biome-ignore lint/suspicious/noExplicitAny: Socket.IO's own default.
  D = any,
>(io: Server<L, E, I, D>, options: ReliableOptions = {}): ReliableServer<L, E, I, D> {
  const server = io as unknown as Server;
  if (!wrapped.has(server)) {
    const delivery = wrap(server, options);
    wrapped.set(server, delivery);
    Object.defineProperty(server, "delivery", { value: delivery, configurable: true });
  }
  return io as ReliableServer<L, E, I, D>;
}

function wrap(io: Server, options: ReliableOptions): ServerDelivery {
  const { encoder, engineOptions } = internals(io);
  const settings = settle(options, engineOptions.maxHttpBufferSize ?? 1e6);
  if (!options.store && process.env.NODE_ENV === "production") {
    process.emitWarning(
      "no store was given to reliable(): the log is in memory and dies with the process. Use sqlite(path).",
      {
        code: "GAPLESS_MEMORY_STORE",
      },
    );
  }
  const json = speaksJson(encoder);
  const newId = ulids();
  const events = new Events<DeliveryEvents>();
  const hub = new Hub({
    store: options.store ?? memory(),
    settings,
    codec: new Codec(settings.limits, json),
    spliced: json,
    clock: options.clock ?? systemClock,
    random: Math.random,
    later: (run) => void setImmediate(run),
    newId,
    newSession: newSessionId,
    events,
    metrics: new Metrics(),
  });
  const publisher = new Publisher(hub, newId);
  const host = new Host(hub, publisher, settings, options);
  const delivery = new ServerDelivery(io, hub, publisher, (namespace, room) => host.keysOf(namespace, room));
  decorateServer(io, host);
  const stopTrimming = keepBounds(hub);
  const close = io.close;
  Object.defineProperty(io, "close", {
    configurable: true,
    writable: true,
    value: (...args: Parameters<Server["close"]>) => {
      stopTrimming();
      // Socket.IO would close the transports in this turn, before what was just emitted is committed and sent.
      const { engine } = io as unknown as { engine?: { close(): unknown } };
      const closeEngine = engine?.close;
      if (engine && closeEngine) {
        Object.defineProperty(engine, "close", {
          configurable: true,
          writable: true,
          value: () => {
            void host.flush().finally(() => closeEngine.call(engine));
            return engine;
          },
        });
      }
      const closed = close.apply(io, args);
      void Promise.resolve(closed).finally(() => delivery.close().catch((error: unknown) => hub.failed(error)));
      return closed;
    },
  });
  void hub.open();
  return delivery;
}

interface Internals {
  readonly encoder: { encode(packet: object): unknown[] };
  readonly engineOptions: { readonly maxHttpBufferSize?: number };
}

function internals(io: Server): Internals {
  const { encoder, opts } = io as unknown as { encoder: Internals["encoder"]; opts: Internals["engineOptions"] };
  return { encoder, engineOptions: opts };
}

/** Whether Socket.IO's own parser is in use: asked by what it does, because there may be several copies of it. */
function speaksJson(encoder: Internals["encoder"]): boolean {
  const [text] = encoder.encode({ type: 2, nsp: "/", data: [FRAME_EVENT] });
  return text === `2["${FRAME_EVENT}"]`;
}
