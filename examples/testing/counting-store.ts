/** A store of one's own: here one around another that counts its commits. A real one would keep everything elsewhere. */
import type { Store } from "gapless-io";
import { memory } from "gapless-io/memory";

export interface CountingStore extends Store {
  readonly commits: number;
}

export function countingStore(): CountingStore {
  const inner = memory();
  let commits = 0;
  return {
    durability: "memory",
    get commits() {
      return commits;
    },
    commit(batch, id) {
      commits++;
      return inner.commit(batch, id);
    },
    open: () => inner.open(),
    read: (query) => inner.read(query),
    tail: (after, sink) => inner.tail(after, sink),
    check: (offset, id) => inner.check(offset, id),
    session: (id) => inner.session(id),
    sessions: (after, limit) => inner.sessions(after, limit),
    sessionsOf: (principal) => inner.sessionsOf(principal),
    expire: (seenBefore, limit) => inner.expire(seenBefore, limit),
    trim: (retention, now, limit) => inner.trim(retention, now, limit),
    deadLetters: (after, limit) => inner.deadLetters(after, limit),
    usage: () => inner.usage(),
    close: () => inner.close(),
  };
}
