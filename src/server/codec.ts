/**
 * Arguments as bytes, and back.
 *
 * Rule: arguments are encoded once, when they are published, and what a reader gets from the log equals what Socket.IO would
 * have sent at that moment. Text is JSON and is spliced into frames as it is; everything else is opaque bytes.
 */
import { deserialize, serialize } from "node:v8";
import { DeliveryError } from "../core/error.ts";

/** Encoded arguments: JSON text where JSON is enough, bytes otherwise. */
export type Encoded = string | Uint8Array;

/** Bounds that are checked before anything is encoded for good. */
export interface CodecLimits {
  readonly payloadBytes: number;
  readonly depth: number;
}

/** Socket.IO's parser takes no more attachments in one packet. */
const MAX_ATTACHMENTS = 10;
/** First byte of encoded bytes: JSON with attachments, or a structured clone. */
const ATTACHED = 1;
const CLONED = 2;

/** Encodes and decodes lists of arguments. */
export class Codec {
  readonly #limits: CodecLimits;
  readonly #json: boolean;

  /** @param json Whether Socket.IO's own parser is in use. With another one (msgpack, say) arguments can be more than JSON. */
  constructor(limits: CodecLimits, json: boolean) {
    this.#limits = limits;
    this.#json = json;
  }

  /** Throws `PAYLOAD_TOO_DEEP`, `PAYLOAD_TOO_LARGE` or `TOO_MANY_ATTACHMENTS`; nothing is kept then. */
  encode(args: readonly unknown[]): Encoded {
    const attachments = this.inspect(args);
    const encoded = this.#json ? (attachments > 0 ? attach(args) : JSON.stringify(args)) : clone(args);
    const bytes = typeof encoded === "string" ? Buffer.byteLength(encoded) : encoded.length;
    if (bytes > this.#limits.payloadBytes) {
      throw new DeliveryError(
        "PAYLOAD_TOO_LARGE",
        `an event of ${bytes} bytes is over limits.payloadBytes (${this.#limits.payloadBytes}); send a reference to the data, or raise the limit and maxHttpBufferSize with it.`,
      );
    }
    return encoded;
  }

  /** Reads {@link encode} back. */
  decode(encoded: Encoded): unknown[] {
    if (typeof encoded === "string") return JSON.parse(encoded);
    return encoded[0] === CLONED ? deserialize(encoded.subarray(1)) : detach(encoded);
  }

  /** Checks depth and attachments, and counts the latter. */
  inspect(args: readonly unknown[]): number {
    const found = { attachments: 0 };
    measure(args, this.#limits.depth + 1, found);
    if (found.attachments > MAX_ATTACHMENTS) {
      throw new DeliveryError(
        "TOO_MANY_ATTACHMENTS",
        `an event with ${found.attachments} binary arguments; Socket.IO's parser accepts ${MAX_ATTACHMENTS} in one event. Send several events, or join the buffers.`,
      );
    }
    return found.attachments;
  }
}

function measure(value: unknown, room: number, found: { attachments: number }): void {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    found.attachments++;
    return;
  }
  if (room <= 0) {
    throw new DeliveryError(
      "PAYLOAD_TOO_DEEP",
      "the arguments are nested deeper than limits.depth, or refer to themselves; flatten them or raise the limit.",
    );
  }
  if (Array.isArray(value)) {
    for (const item of value) measure(item, room - 1, found);
  } else if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    measure((value as { toJSON(): unknown }).toJSON(), room - 1, found);
  } else {
    for (const key in value) measure((value as Record<string, unknown>)[key], room - 1, found);
  }
}

/** Bytes: tag, length of the JSON, JSON with placeholders, then each attachment after its length. */
function attach(args: readonly unknown[]): Uint8Array {
  const buffers: Buffer[] = [];
  const json = Buffer.from(JSON.stringify(withPlaceholders(args, buffers)));
  const parts: Buffer[] = [Buffer.of(ATTACHED), length(json), json];
  for (const buffer of buffers) parts.push(length(buffer), buffer);
  return Buffer.concat(parts);
}

function withPlaceholders(value: unknown, buffers: Buffer[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ArrayBuffer) return { _placeholder: true, num: buffers.push(Buffer.from(value)) - 1 };
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
    return { _placeholder: true, num: buffers.push(bytes) - 1 };
  }
  if (Array.isArray(value)) return value.map((item) => withPlaceholders(item, buffers));
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return withPlaceholders((value as { toJSON(): unknown }).toJSON(), buffers);
  }
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) copy[key] = withPlaceholders(item, buffers);
  return copy;
}

function detach(encoded: Uint8Array): unknown[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  let at = 1;
  const next = () => {
    const start = at + 4;
    at = start + bytes.readUInt32LE(at);
    return bytes.subarray(start, at);
  };
  const json = next().toString();
  const buffers: Buffer[] = [];
  while (at < bytes.length) buffers.push(next());
  return fill(JSON.parse(json), buffers) as unknown[];
}

function fill(value: unknown, buffers: readonly Buffer[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => fill(item, buffers));
  const { _placeholder: placeholder, num } = value as { _placeholder?: unknown; num?: unknown };
  if (placeholder === true && typeof num === "number" && buffers[num]) return buffers[num];
  for (const [key, item] of Object.entries(value)) (value as Record<string, unknown>)[key] = fill(item, buffers);
  return value;
}

function clone(args: readonly unknown[]): Uint8Array {
  return Buffer.concat([Buffer.of(CLONED), serialize(args)]);
}

function length(buffer: Buffer): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(buffer.length);
  return field;
}
