/**
 * How an entry looks in a row of the log.
 *
 * Rule: a row is an entry only if its checksum, taken over every field, agrees. Anything else is damage, and is
 * never delivered.
 */
import { crc32 } from "node:zlib";
import type { Offset } from "../core/position.ts";
import type { AudienceKey, Entry } from "./store.ts";

/** The columns of a row, in the order that {@link decodeRow} reads them after the offset. */
export const ROW_COLUMNS = "id, keys, except_keys, data, at, crc";

/** A row as the driver answers it: the offset, then {@link ROW_COLUMNS}. */
export type Row = readonly [
  off: number,
  id: unknown,
  keys: unknown,
  except: unknown,
  data: unknown,
  at: unknown,
  crc: unknown,
];

const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const VALUES = new Uint8Array(128);
for (let i = 0; i < LETTERS.length; i++) VALUES[LETTERS.charCodeAt(i)] = i;

/** A ULID's 16 bytes. Its 26 letters hold 130 bits, of which the first two are zero. */
export function ulidToBytes(id: string): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  // The first letter alone has 3 bits, so that the other 25 and it make up 128.
  let held = VALUES[id.charCodeAt(0)] ?? 0;
  let bits = 3;
  let at = 0;
  for (let i = 1; i < 26; i++) {
    held = (held << 5) | (VALUES[id.charCodeAt(i)] ?? 0);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >>> bits;
    held &= (1 << bits) - 1;
  }
  return bytes;
}

/** The ULID that {@link ulidToBytes} was given. */
export function bytesToUlid(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  // As if two zero bits came first.
  let bits = 2;
  for (let i = 0; i < 16; i++) {
    held = (held << 8) | (bytes[i] ?? 0);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += LETTERS[held >>> bits];
      held &= (1 << bits) - 1;
    }
  }
  return text;
}

/** The checksum of an entry as it is stored. */
export function checksum(
  offset: Offset,
  id: string,
  keys: string,
  except: string | null,
  data: string | Uint8Array,
  at: number,
): number {
  const form = typeof data === "string" ? "t" : "b";
  const rest = `${offset} ${id} ${at} ${form} ${keys} ${except ?? ""}`;
  // The data first: with nothing in it, some empty arrays leave the sum before them as it is and others reset it. The sum of two
  // texts, one after the other, is that of the whole, and takes one call.
  return typeof data === "string" ? crc32(data + rest) : crc32(rest, crc32(data));
}

/** The entry in a row, or `undefined` when the row is missing or damaged. */
export function decodeRow([offset, id, keys, except, data, at, crc]: Row): Entry | undefined {
  if (!(id instanceof Uint8Array) || id.length !== 16 || typeof keys !== "string" || typeof at !== "number") return;
  if (typeof data !== "string" && !(data instanceof Uint8Array)) return;
  if (except !== null && typeof except !== "string") return;
  const ulid = bytesToUlid(id);
  if (checksum(offset, ulid, keys, except, data, at) !== crc) return;
  return {
    id: ulid,
    keys: parsedKeys(keys),
    except: except === null ? NONE : (JSON.parse(except) as AudienceKey[]),
    data,
    publishedAt: at,
    offset,
  };
}

const NONE: readonly AudienceKey[] = [];

/** The audiences of the row that was read last: most rows that are read together have the same. */
let lastKeys: { readonly text: string; readonly keys: readonly AudienceKey[] } = { text: "[]", keys: NONE };

function parsedKeys(text: string): readonly AudienceKey[] {
  if (text !== lastKeys.text) lastKeys = { text, keys: JSON.parse(text) as AudienceKey[] };
  return lastKeys.keys;
}

/**
 * 53 bits of an audience key (cyrb53). Two keys of one hash share their index rows; a reader of the one is then handed
 * entries of the other, and drops them because it tests the audience itself.
 */
export function hashKey(key: AudienceKey): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  const mixedA = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  const mixedB = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(mixedA ^ (mixedA >>> 13), 3266489909);
  return 4294967296 * (2097151 & mixedB) + (mixedA >>> 0);
}
