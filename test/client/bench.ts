/** A link whose other side is the test. */

import { createLink, type Link } from "../../src/client/link.ts";
import type { ReliableOptions } from "../../src/client/options.ts";
import type { AnyFunction, RawManager, RawSocket } from "../../src/client/socket.ts";
import type { ClientFrame, Hello, Welcome, WireGap, WireMessage } from "../../src/core/wire.ts";
import { settled, type VirtualClock, virtualClock } from "../../src/testing/virtual-clock.ts";

export type Listener = (...args: never[]) => unknown;

export interface Bench {
  readonly link: Link;
  readonly clock: VirtualClock;
  /** Frames that the link sent, oldest first. */
  readonly sent: ClientFrame[];
  readonly errors: unknown[];
  readonly gaps: WireGap[];
  readonly listeners: Map<string, Listener[]>;
  readonly anyListeners: Listener[];
  readonly shown: unknown[][];
  closes: number;
  left: number;
  /** How often the socket was told to connect. */
  again: number;
  /** Connects, with this welcome; answers the hello. */
  connect(welcome?: Partial<Welcome>): Promise<Hello>;
  /** Connects to a server that is not wrapped. */
  connectPlain(): boolean;
  close(): void;
  /** A numbered frame from the server; the number is the next one. */
  say(...frame: unknown[]): Promise<void>;
  /** Entries from the server. */
  entries(...entries: [number, string, unknown[]][]): Promise<void>;
  on(event: string, listener: Listener): void;
  /** The frames sent since the last call. */
  take(): ClientFrame[];
  /** The messages sent since the last call. */
  messages(): WireMessage[];
}

export const WELCOME: Welcome = {
  v: 1,
  session: "S",
  token: "1.x",
  epoch: "E",
  offset: 100,
  resumed: false,
  received: 0,
  gaps: [],
  window: 256,
  payloadBytes: 1_000_000,
};

/** @param parser In the place of Socket.IO's own. */
export function bench(options: ReliableOptions = {}, parser?: object): Bench {
  const clock = (options.clock as VirtualClock | undefined) ?? virtualClock();
  let ids = 0;
  const link = createLink({ random: () => 0, newId: () => `id${++ids}`, ...options, clock });
  let number = 0;
  let tokens = 0;
  const self: Bench = {
    link,
    clock,
    sent: [],
    errors: [],
    gaps: [],
    listeners: new Map(),
    anyListeners: [],
    shown: [],
    closes: 0,
    left: 0,
    again: 0,
    async connect(welcome = {}) {
      const hello = link.hello();
      number = 0;
      link.frame([0, "w", { ...WELCOME, token: `${++tokens}.x`, ...welcome }]);
      link.connected();
      link.start();
      await settled();
      return hello;
    },
    connectPlain() {
      link.hello();
      link.connected();
      return link.wrapped();
    },
    close: () => link.closed(),
    async say(...frame) {
      // What was emitted before is sent before.
      await settled();
      link.frame([++number, ...frame]);
      await settled();
    },
    entries: (...entries) => self.say("b", entries.at(-1)?.[0] ?? 0, entries),
    on(event, listener) {
      self.listeners.set(event, [...(self.listeners.get(event) ?? []), listener]);
      link.reader.release(event);
    },
    take: () => self.sent.splice(0),
    messages: () => self.take().flatMap((frame) => (frame[0] === "m" ? frame[2] : [])),
  };
  const socket: Partial<RawSocket> = {
    active: true,
    nsp: "/",
    packet: ({ data }) => void self.sent.push(data.slice(1)),
    connect: () => {
      self.again++;
      return socket as RawSocket;
    },
    disconnect: () => {
      self.left++;
      link.closed();
      return socket as RawSocket;
    },
    io: {
      opts: { parser },
      engine: {
        readyState: "open",
        close: () => {
          self.closes++;
          link.closed();
        },
        write: (part: unknown) => {
          if (typeof part !== "string") return;
          self.sent.push(JSON.parse(part.slice(part.indexOf("["))).slice(1));
        },
      },
    } as unknown as RawManager,
    notifyOutgoingListeners: ({ data }) => void self.shown.push([...data]),
    listenersAny: () => self.anyListeners as AnyFunction[],
    listeners: (event) => (self.listeners.get(event) ?? []) as AnyFunction[],
  };
  link.bind(socket as RawSocket);
  link.delivery.on("error", (error) => void self.errors.push(error));
  link.delivery.on("gap", (gap) => void self.gaps.push(gap));
  return self;
}
