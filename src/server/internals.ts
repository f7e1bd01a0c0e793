/**
 * What of Socket.IO's sockets is used that its types do not show.
 *
 * Rule: all of it exists in every version from 4.6 on; whatever is added here is tested against them all.
 */
import type { Socket } from "socket.io";

/** Types of Socket.IO's packets. */
export const PACKET = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3 } as const;

/** A packet as Socket.IO hands it around. */
export interface Packet {
  type: number;
  nsp?: string;
  data?: unknown;
  id?: number;
}

/** The members of a server's socket and its client that we use and that Socket.IO's types hide. All exist in 4.6-4.8. */
interface Internals {
  flags: { volatile?: boolean };
  readonly client: {
    readonly sockets: Map<string, Socket>;
    readonly conn: {
      readonly readyState: string;
      readonly protocol: number;
      /** With its WebSocket, if it has one. */
      readonly transport: { readonly socket?: { readonly readyState: number } };
      close(discard?: boolean): void;
    };
    writeToEngine(encoded: unknown, options: object): void;
    close(): void;
    onclose(reason: string): void;
  };
  /** Middleware of the socket. */
  readonly fns?: readonly unknown[];
  packet(packet: Packet, options?: object): void;
  onevent(packet: Packet): void;
  dispatch(event: unknown[]): void;
  run(event: unknown[], then: (error?: Error | null) => void): void;
  notifyOutgoingListeners(packet: Packet): void;
  _onerror(error: Error): void;
}

/** Socket.IO's socket with the members above. */
export type OpenSocket = Omit<Socket, keyof Internals> & Internals;

/** The same socket, with its hidden members. */
export function open(socket: Socket): OpenSocket {
  return socket as unknown as OpenSocket;
}
