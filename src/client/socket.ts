/**
 * The parts of a Socket.IO client socket that this package touches.
 *
 * Rule: no name that begins with `_`: Socket.IO's own minified bundles rename those.
 */
import type { Socket } from "socket.io-client";

/** A map of event names to listeners, as Socket.IO has it. */
export interface EventsMap {
  // biome-ignore lint/suspicious/noExplicitAny: Socket.IO's own constraint; anything narrower would refuse its users' maps.
  [event: string]: any;
}

/** A packet of Socket.IO's. */
export interface Packet {
  readonly type: number;
  readonly id?: number;
  // biome-ignore lint/suspicious/noExplicitAny: a CONNECT carries an object, an EVENT an array.
  readonly data?: any;
  readonly options?: { readonly compress: boolean };
}

/** Any function. */
export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Kinds of packets. */
export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;

/** A client socket with the members that its types call private. */
export interface RawSocket {
  connected: boolean;
  readonly active: boolean;
  recovered: boolean;
  auth: unknown;
  flags: { compress?: boolean | undefined; timeout?: number; volatile?: boolean; fromQueue?: boolean };
  ids: number;
  acks: Record<number, AnyFunction>;
  readonly nsp: string;
  readonly io: RawManager;
  connect(): RawSocket;
  /** Sends CONNECT. */
  onopen(): void;
  disconnect(): RawSocket;
  packet(packet: Packet): void;
  notifyOutgoingListeners(packet: { readonly data: readonly unknown[] }): void;
  listeners(event: string): AnyFunction[];
  listenersAny(): AnyFunction[];
  onAny(listener: AnyFunction): void;
  off(event: string, listener: AnyFunction): void;
}

/** What a socket belongs to. */
export interface RawManager {
  readonly constructor: new (
    uri: string,
    opts: object,
  ) => { socket(nsp: string, opts: { readonly auth: unknown }): RawSocket };
  readonly uri: string;
  readonly opts: { ackTimeout?: number; retries?: number; readonly parser?: unknown };
  readonly engine?: Engine;
  /** Its sockets. */
  readonly nsps: Record<string, RawSocket>;
  /** Whether it connects again by itself. */
  reconnection(): boolean;
}

/** The transport below. */
export interface Engine {
  readonly readyState: string;
  /** Sends a packet of Socket.IO's that is encoded already, or one of its attachments. */
  write(data: unknown, options: { compress: boolean }): void;
  close(): void;
}

/** A socket as this file's readers see it. */
export function raw<L extends EventsMap, E extends EventsMap>(socket: Socket<L, E>): RawSocket {
  return socket as unknown as RawSocket;
}
