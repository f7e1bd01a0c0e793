/**
 * What was published to a room, looked back at.
 *
 * Rule: history reads; who may read it is decided by whoever asks.
 */
import type { Offset } from "../core/position.ts";
import type { Hub } from "./hub.ts";

/** One entry of a room's history. */
export interface HistoryEntry {
  readonly offset: Offset;
  readonly id: string;
  readonly publishedAt: number;
  readonly event: string;
  readonly args: readonly unknown[];
}

/** A page of history, newest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryEntry[];
  /** Pass as `before` to go on; `undefined` when there is no more. */
  readonly before: Offset | undefined;
}

/** Which page of history. */
export interface HistoryOptions {
  /** Entries a page. @default 100 */
  readonly limit?: number;
  /** Entries before this offset. @default the newest */
  readonly before?: Offset | undefined;
}

/** A page of what was published to one audience, newest first. @param since Nothing at or before this offset. */
export async function history(hub: Hub, key: string, options: HistoryOptions, since: Offset = 0): Promise<HistoryPage> {
  const limit = options.limit ?? 100;
  const upTo = (options.before ?? hub.dispatched + 1) - 1;
  const page = await hub.store.read({ keys: [{ key, after: since, upTo }], limit, maxBytes: 2 ** 22, reverse: true });
  const entries = page.entries
    .filter((entry) => entry.keys.includes(key))
    .map(({ offset, id, publishedAt, data }) => {
      const [event, ...args] = hub.codec.decode(data);
      return { offset, id, publishedAt, event: String(event), args };
    });
  return { entries, before: page.more ? page.end : undefined };
}
