/**
 * Socket.IO's own parser, as its server uses it.
 *
 * Rule: what it refuses it refuses by throwing, and is not used again then; nothing of ours is in here.
 */
import { Server } from "socket.io";
import { FRAME_EVENT, HELLO_KEY } from "../../src/core/wire.ts";
import type { Sample } from "./frames.ts";
import { deepen } from "./mutate.ts";

/** A packet, before it is text or after. */
export interface Packet {
  readonly type: number;
  readonly nsp: string;
  readonly data?: unknown;
}

/** What Socket.IO's own parser has. */
interface Parser {
  readonly Encoder: new () => { encode(packet: Packet): (string | Buffer)[] };
  readonly Decoder: new () => {
    add(part: string | Buffer): void;
    destroy(): void;
    on(event: "decoded", listener: (packet: Packet) => void): void;
  };
}

// Socket.IO does not show it.
const { Encoder, Decoder } = (new Server() as unknown as { readonly _parser: Parser })._parser;

/** Types of packets. */
export const CONNECT = 0;
export const EVENT = 2;

const encoder = new Encoder();

/** A frame as it travels: text, then attachments. */
export function encodeSample({ from, value }: Sample): (string | Buffer)[] {
  const [text, ...attachments] =
    from === "hello"
      ? encoder.encode({ type: CONNECT, nsp: "/", data: { token: "theirs", [HELLO_KEY]: value } })
      : encoder.encode({ type: EVENT, nsp: "/", data: [FRAME_EVENT, ...(value as unknown[])] });
  return [deepen(text as string), ...attachments];
}

/** The parser of Socket.IO; one that has thrown is not used again. */
export class Wire {
  /** How often it has thrown. */
  refused = 0;
  #decoder = new Decoder();
  #packets: Packet[] = [];

  constructor() {
    this.#listen();
  }

  /** What comes out of it. */
  receive(parts: readonly (string | Buffer)[]): readonly Packet[] {
    this.#packets = [];
    try {
      for (const part of parts) this.#decoder.add(part);
    } catch {
      this.refused++;
      this.#decoder.destroy();
      this.#decoder = new Decoder();
      this.#listen();
    }
    return this.#packets;
  }

  #listen(): void {
    this.#decoder.on("decoded", (packet: Packet) => this.#packets.push(packet));
  }
}
