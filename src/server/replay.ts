/**
 * Reading the log for one session.
 *
 * Rule: from memory as far as it goes, else from the store; with the same audience test, so a replay is what live delivery would have
 * been. What the store does not have any more, or not whole, is a gap.
 */
import type { Offset } from "../core/position.ts";
import type { WireGap } from "../core/wire.ts";
import type { Entry, Store } from "../store/store.ts";
import type { Stretch } from "./connection.ts";
import type { Recent } from "./recent.ts";
import type { Session } from "./session.ts";

/** What to read. */
export interface StretchQuery {
  readonly session: Session;
  /** Exclusive. */
  readonly after: Offset;
  /** Inclusive. */
  readonly upTo: Offset;
  readonly limit: number;
  readonly maxBytes: number;
}

/** From memory: `after` is not before what it holds. */
export function readRecent(recent: Recent, { session, after, upTo, limit, maxBytes }: StretchQuery): Stretch {
  const entries: Entry[] = [];
  let bytes = 0;
  let end = upTo;
  recent.read(after, (entry) => {
    if (!session.memberships.entitled(entry)) return true;
    if (entries.length >= limit || bytes >= maxBytes) {
      end = (entries.at(-1) as Entry).offset;
      return false;
    }
    entries.push(entry);
    bytes += entry.data.length;
    return true;
  });
  return { entries, end, gaps: [] };
}

/** From the store. */
export async function readStore(
  store: Store,
  { session, after, upTo, limit, maxBytes }: StretchQuery,
): Promise<Stretch> {
  const keys = session.memberships.between(after, upTo);
  if (keys.length === 0) return { entries: [], end: upTo, gaps: [] };
  const page = await store.read({ keys, limit, maxBytes });
  const gaps: WireGap[] = [];
  if (page.floor > after) gaps.push({ from: after, to: Math.min(page.floor, upTo), reason: "retention" });
  for (const offset of page.corrupt) gaps.push({ from: offset - 1, to: offset, reason: "corrupt" });
  return {
    entries: page.entries.filter((entry) => session.memberships.entitled(entry)),
    end: page.more ? page.end : upTo,
    gaps,
  };
}
