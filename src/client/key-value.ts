/**
 * Storage on top of any store of keys and texts: React Native's AsyncStorage, MMKV, `localStorage`, a file.
 *
 * Rule: one key a message, and one for the rest. What has to be kept before the rest may tell of it is written first, what the rest does not tell of any more is
 * removed last; so a change that is cut short is one that was not made, or one that is made twice.
 */
import type { ClientPlace, ClientStorage } from "../client-storage.ts";
import type { Outgoing } from "../core/outbox.ts";

/** What is needed of it: `AsyncStorage` has it, and so has `localStorage`. Each may answer now or later. */
export interface KeyValue {
  getItem(key: string): string | null | undefined | PromiseLike<string | null | undefined>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/** Options of {@link keyValueStorage}. */
export interface KeyValueStorageOptions {
  /** Begins every key; tells several clients apart. Default: `"gapless-io"`. */
  readonly name?: string;
}

/** The rest. */
interface Rest extends ClientPlace {
  /** No message has a number below this one. */
  readonly firstSeq: number;
}

/**
 * Keeps a client's cursor, session and outbox in a store of keys and texts. One socket a name; it does not know of tabs, which is what `indexedDb()` is for. Messages
 * are kept as JSON, binary parts of them as numbers; a `Blob` cannot be kept. What survives a power cut is the store's to say.
 */
export function keyValueStorage(store: KeyValue, options: KeyValueStorageOptions = {}): ClientStorage {
  const { name = "gapless-io" } = options;
  const seqs = new Set<number>();
  const keyOf = (seq: number): string => `${name}:${seq}`;
  return {
    durable: true,
    async load() {
      const rest = await store.getItem(name);
      if (!rest) return undefined;
      const { firstSeq, ...place } = JSON.parse(rest) as Rest;
      const messages: Outgoing[] = [];
      for (let seq = firstSeq; seq < place.nextSeq; seq++) {
        const text = await store.getItem(keyOf(seq));
        if (!text) continue;
        seqs.add(seq);
        messages.push(JSON.parse(text, (_, value) => (value?.[BYTES] ? new Uint8Array(value[BYTES]) : value)));
      }
      return { ...place, messages };
    },
    async save({ place, put, remove }) {
      for (const message of put) {
        await store.setItem(keyOf(message.seq), JSON.stringify(message, binary));
        seqs.add(message.seq);
      }
      for (const seq of remove) seqs.delete(seq);
      const rest: Rest = { ...place, firstSeq: Math.min(place.nextSeq, ...seqs) };
      await store.setItem(name, JSON.stringify(rest));
      for (const seq of remove) await store.removeItem(keyOf(seq));
    },
    close() {},
  };
}

/** The only name of the object that stands for binary data. */
const BYTES = "\u0000bytes";

function binary(this: Record<string, unknown>, key: string, json: unknown): unknown {
  // As it was before its `toJSON`, which a Buffer has.
  const value = this[key];
  if (value instanceof ArrayBuffer) return { [BYTES]: [...new Uint8Array(value)] };
  if (!ArrayBuffer.isView(value)) return json;
  return { [BYTES]: [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] };
}
