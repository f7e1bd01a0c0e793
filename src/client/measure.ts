/**
 * How large a message is, and whether it can travel at all.
 *
 * Rule: what cannot be encoded, or is nested deeper than a server takes, is found before it takes a number.
 */
import { DeliveryError } from "../core/error.ts";

/** Levels of nesting that a server takes. */
const MAX_DEPTH = 200;

/** The size of a message. */
export interface Measure {
  /** Bytes on the wire, an estimate. */
  readonly bytes: number;
  /** Binary attachments. */
  readonly attachments: number;
}

/** Measures event and arguments. Throws a {@link DeliveryError} for what cannot travel. */
export function measure(args: readonly unknown[]): Measure {
  let attachments = 0;
  const utf8 = new TextEncoder();
  const jsonBytes = (value: unknown): number => utf8.encode(JSON.stringify(value) ?? "null").length + 1;
  // biome-ignore lint/suspicious/noExplicitAny: whatever an application may emit.
  const bytesOf = (value: any, depth: number): number => {
    if (typeof value !== "object" || value === null) return jsonBytes(value);
    // A circle ends here, too.
    if (depth > MAX_DEPTH) throw new DeliveryError("PAYLOAD_TOO_DEEP", "the arguments are nested too deep or circular");
    if (ArrayBuffer.isView(value) || /ArrayBuffer|Blob|File/.test(Object.prototype.toString.call(value))) {
      attachments++;
      return 40 + (value.byteLength ?? value.size ?? 0);
    }
    if (typeof value.toJSON === "function") return bytesOf(value.toJSON(), depth + 1);
    let bytes = 3;
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) bytes += jsonBytes(key);
      bytes += bytesOf(inner, depth + 1);
    }
    return bytes;
  };
  try {
    return { bytes: bytesOf(args, 0), attachments };
  } catch (cause) {
    if (cause instanceof DeliveryError) throw cause;
    throw new DeliveryError("INVALID", "the arguments cannot be encoded", { cause });
  }
}
