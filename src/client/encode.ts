/**
 * A message as it travels.
 *
 * Rule: it is encoded once, when it is emitted, so that what becomes of the arguments later changes nothing; what cannot be
 * encoded, or is nested deeper than a server takes, is found before it takes a number.
 */
import { DeliveryError } from "../core/error.ts";

/** Levels of nesting that a server takes. */
const MAX_DEPTH = 200;
const utf8 = new TextEncoder();
/** Where short texts are counted, which is faster than making their bytes. */
const scratch = new Uint8Array(3_000);

/** A message, encoded. */
export interface Encoded {
  /** Event and arguments as JSON. `undefined` where there are attachments: then Socket.IO has to encode the arguments. */
  readonly text: string | undefined;
  /** Binary attachments. */
  readonly attachments: number;
  /** Bytes on the wire, an estimate. */
  readonly bytes: number;
}

/** Encodes event and arguments. Throws a {@link DeliveryError} for what cannot travel. */
export function encode(args: readonly unknown[]): Encoded {
  let attachments = 0;
  let bytes = 0;
  let tooDeep = false;
  /** The value itself, or, when there is something binary in it, a copy without. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever an application may emit.
  const strip = (value: any, depth: number): unknown => {
    if (typeof value !== "object" || value === null) return value;
    // A circle ends here, too.
    tooDeep = depth > MAX_DEPTH;
    if (tooDeep) throw new RangeError("circular, or nested too deep");
    const list = Array.isArray(value);
    if (!list && value.constructor !== Object && isBinary(value)) {
      attachments++;
      bytes += 40 + (value.byteLength ?? value.size ?? 0);
      return 0;
    }
    if (typeof value.toJSON === "function") {
      const json = value.toJSON();
      const stripped = strip(json, depth + 1);
      return stripped === json ? value : stripped;
    }
    let copy = value;
    for (const key of list ? value.keys() : Object.keys(value)) {
      const inner = strip(value[key], depth + 1);
      if (inner === value[key]) continue;
      if (copy === value) copy = list ? [...value] : { ...value };
      copy[key] = inner;
    }
    return copy;
  };
  try {
    const text = JSON.stringify(strip(args, 0));
    bytes += text.length > 1_000 ? utf8.encode(text).length : utf8.encodeInto(text, scratch).written;
    return { text: attachments > 0 ? undefined : text, attachments, bytes };
  } catch (cause) {
    throw new DeliveryError(tooDeep ? "PAYLOAD_TOO_DEEP" : "INVALID", "the arguments cannot be encoded", { cause });
  }
}

/** A value as it arrives at the other side: what JSON makes of it, with binary parts left alone. For storages, which cannot take everything. */
// biome-ignore lint/suspicious/noExplicitAny: whatever an application may emit.
export function travelling(value: any): any {
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null || isBinary(value)) return value;
  if (typeof value.toJSON === "function") return travelling(value.toJSON());
  if (Array.isArray(value)) return value.map(travelling);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, travelling(inner)]));
}

// biome-ignore lint/suspicious/noExplicitAny: whatever an application may emit.
function isBinary(value: any): boolean {
  return ArrayBuffer.isView(value) || /ArrayBuffer|Blob|File/.test(Object.prototype.toString.call(value));
}
