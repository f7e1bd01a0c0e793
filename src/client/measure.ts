/**
 * How large a message is, and whether it can travel at all.
 *
 * Rule: what cannot be encoded, or what the server would close the connection for, is refused before it takes a number.
 */
import { DeliveryError } from "../core/error.ts";

/** Levels of nesting that a server takes. */
const MAX_DEPTH = 200;
/** Socket.IO's parser drops the connection for one more. */
const MAX_ATTACHMENTS = 10;

/** The size of a message. */
export interface Measure {
  /** Bytes on the wire, an estimate. */
  readonly bytes: number;
  /** Binary attachments. */
  readonly attachments: number;
}

/** Measures event and arguments. Throws a {@link DeliveryError} for what cannot travel. */
export function measure(args: readonly unknown[]): Measure {
  let bytes = 0;
  let attachments = 0;
  const walk = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null) {
      bytes += 1 + utf8Bytes(JSON.stringify(value) ?? "null");
      return;
    }
    // A circle ends here, too.
    if (depth > MAX_DEPTH) throw new DeliveryError("PAYLOAD_TOO_DEEP", "the arguments are nested too deep or circular");
    const binary = value as { byteLength?: number; size?: number; toJSON?: () => unknown };
    const name = Object.prototype.toString.call(value);
    if (ArrayBuffer.isView(value) || /ArrayBuffer|Blob|File/.test(name)) {
      attachments++;
      bytes += 40 + (binary.byteLength ?? binary.size ?? 0);
      return;
    }
    if (typeof binary.toJSON === "function") {
      walk(binary.toJSON(), depth + 1);
      return;
    }
    bytes += 3;
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) bytes += 3 + utf8Bytes(key);
      walk(inner, depth + 1);
    }
  };
  try {
    walk(args, 0);
  } catch (cause) {
    if (cause instanceof DeliveryError) throw cause;
    throw new DeliveryError("INVALID", "the arguments cannot be encoded", { cause });
  }
  if (attachments > MAX_ATTACHMENTS) {
    throw new DeliveryError("TOO_MANY_ATTACHMENTS", `a message has at most ${MAX_ATTACHMENTS} binary arguments`);
  }
  return { bytes, attachments };
}

function utf8Bytes(text: string): number {
  return text.replace(/[\x80-\u07ff\ud800-\udfff]/g, "aa").replace(/[\u0800-\uffff]/g, "aaa").length;
}
