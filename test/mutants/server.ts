/** Seeded bugs of the server. See mutant.ts. */
import type { Mutant } from "./mutant.ts";

/** In `src/server`. */
export const SERVER: readonly Mutant[] = [
  {
    name: "a failed commit counts as done",
    file: "server/writer.ts",
    find: "(error: unknown) => this.#failed(batch, error),",
    replace: "() => this.#committed(batch, batch.items.map(() => ({ offset: 0 }))),",
  },
  {
    name: "a refused batch is dropped",
    file: "server/writer.ts",
    find: "this.#again(this.#refuse(batch.items, error));",
    replace:
      "{ this.#batch = undefined; for (const item of this.#refuse(batch.items, error)) this.#through(item, undefined); }",
  },
  {
    name: "a batch of unknown outcome gets a new number",
    file: "server/writer.ts",
    find: "else this.#attempt(this.#batch);",
    replace: "else this.#attempt({ ...this.#batch, id: { ...this.#batch.id, number: ++this.#batches } });",
  },
  {
    name: "an unknown outcome is taken for a refusal",
    file: "server/writer.ts",
    find: "batch.unknown ||= !REFUSED.has(error.code);",
    replace: "",
  },
  {
    name: "operations are made anew for a new attempt",
    file: "server/writer.ts",
    find: "item.made ??= item.operation();",
    replace: "item.made = item.operation();",
  },
  {
    name: "later batches overtake a failed one",
    file: "server/writer.ts",
    find: "this.#queue = [...left, ...this.#queue];",
    replace: "this.#queue = [...this.#queue, ...left];",
  },
  {
    name: "settling is reported before it is stored",
    file: "server/session.ts",
    find: "return { received: Math.max(this.inbox.received, this.#committed.settled), ...this.#committed };",
    replace: "return { received: this.inbox.received, ...this.inbox.state };",
  },
  {
    name: "the stored cursor is what was sent",
    file: "server/session.ts",
    find: "return this.#caughtUp ? this.position : this.#cursor;",
    replace: "return this.#host.dispatched;",
  },
  {
    name: "a session always has everything",
    file: "server/session.ts",
    find: "return this.idle ? Math.max(this.#position, this.#host.dispatched) : this.#position;",
    replace: "return Math.max(this.#position, this.#host.dispatched);",
  },
  {
    name: "answers are lost with the batch",
    file: "server/session.ts",
    find: "answers = change.answers;",
    replace: "answers = [];",
  },
  {
    name: "what arrived is not remembered",
    file: "server/session.ts",
    find: "this.#arrived = Math.max(this.#arrived, arrived);",
    replace: "",
  },
  {
    name: "a page asked for before a rewind is sent after it",
    file: "server/connection.ts",
    find: "    this.#reading = undefined;\n    // Not from before",
    replace: "    // Not from before",
  },
  {
    name: "a frame that was asked for again is not sent again",
    file: "server/connection.ts",
    find: "    this.#sent = Math.max(this.#arrived, this.session.cursor);",
    replace: "",
  },
  {
    name: "live overtakes replay",
    file: "server/connection.ts",
    find: "if (this.#sent >= this.#feeder.dispatched) {",
    replace: "if (this.#sent >= this.#feeder.dispatched - 2) {",
  },
  {
    name: "a client may acknowledge what it never got",
    file: "server/connection.ts",
    find: "if (cursor > Math.max(this.#arrived, this.#furthest)) return false;",
    replace: "",
  },
  {
    name: "an acknowledgement beyond what was sent again is a forgery",
    file: "server/connection.ts",
    find: "    this.session.progressed(cursor, this.#acknowledged);\n    this.feed();\n    return true;",
    replace:
      "    if (cursor > this.#arrived) return false;\n    this.session.progressed(cursor, this.#acknowledged);\n    this.feed();\n    return true;",
  },
  {
    name: "a gap found in a replay is not told",
    file: "server/connection.ts",
    find: "      this.#sendGap(gap);\n      from = to;",
    replace: "      from = to;",
  },
  {
    name: "a gap that came up before CONNECT is not told",
    file: "server/connection.ts",
    find: "for (const gap of this.session.owed) if (!this.session.announced.includes(gap)) this.#sendGap(gap);",
    replace: "",
  },
  {
    name: "a full window drops what is left",
    file: "server/connection.ts",
    find: '        this.#state = "feeding";\n        this.#feeder.count("stalled");',
    replace: '        this.#sent = chunk.upTo;\n        this.#feeder.count("stalled");\n        return;',
  },
  {
    name: "entries are dispatched before the joins of their commit",
    file: "server/hub.ts",
    find: "if (this.writer.committing && (this.#membershipsUnderWay > 0 || this.#waiting.size > 0)) return;",
    replace: "",
  },
  {
    name: "a session is let go with handlers under way",
    file: "server/hub.ts",
    find: "if (session.connection || session.busy > 0 || session.writes > 0 || session.owed.length > 0) return;",
    replace: "if (session.connection || session.writes > 0 || session.owed.length > 0) return;",
  },
  {
    name: "a gap that is stored nowhere goes with the connection",
    file: "server/hub.ts",
    find: "session.writes > 0 || session.owed.length > 0) return;",
    replace: "session.writes > 0) return;",
  },
  {
    name: "a fenced session goes on",
    file: "server/hub.ts",
    find: "else if (session.connection) this.fenced(session);",
    replace: "",
  },
  {
    name: "an overflow is not told",
    file: "server/hub.ts",
    find: "      session.owe(gap);\n      session.connection?.tell(gap);",
    replace: "",
  },
  {
    name: "a session's audiences stay when it goes",
    file: "server/roster.ts",
    find: "for (const key of [...(this.#keys.get(session) ?? [])]) this.#remove(key, session);",
    replace: "",
  },
  {
    name: "who leaves misses what was published before",
    file: "server/roster.ts",
    find: "this.#leaving.push({ key, session, until });",
    replace: "void until;\n    this.#remove(key, session);",
  },
  {
    name: "a message is handled again while it is being handled",
    file: "server/handling.ts",
    find: 'if (verdict === "seen") {',
    replace: 'if (verdict === "seen" && this.#session.busy === 0) {',
  },
  {
    name: "a handler that throws has handled",
    file: "server/handling.ts",
    find: "      task.failed.push(call);\n",
    replace: "",
  },
  {
    name: "a dead message looks acknowledged",
    file: "server/handling.ts",
    find: 'this.#finish(task, "DEAD_LETTER");',
    replace: "this.#finish(task);",
  },
  {
    name: "a message that a middleware swallows is never settled",
    file: "server/handling.ts",
    find: "      this.#finish(task);\n    });\n    return",
    replace: "      if (task.dispatched) this.#finish(task);\n    });\n    return",
  },
  {
    name: "a message without an answer is never settled",
    file: "server/handling.ts",
    find: "      this.#finish(task);\n    });\n    return",
    replace: "      if (!task.dispatched) this.#finish(task);\n    });\n    return",
  },
  {
    name: "a message is settled when its handler begins",
    file: "server/handling.ts",
    find: "    task.running = calls.length;",
    replace: "    task.running = calls.length;\n    this.#session.settleMessage(task.seq);",
  },
  {
    name: "a forged request for a rewind is obeyed",
    file: "server/inbound.ts",
    find: "if (connection.acknowledge(frame[1], 0)) connection.rewind();",
    replace:
      "if (connection.acknowledge(frame[1], frame[1])) connection.rewind();\n      else if (connection.session) connection.session.progressed(frame[1], frame[1]);",
  },
  {
    name: "permission is not asked at a resume",
    file: "server/admission.ts",
    find: "if (room === undefined || (await applicant.authorize(String(room)))) continue;",
    replace: "if (room === undefined || (await applicant.authorize(String(room))) || key) continue;",
  },
  {
    name: "a session is taken up as it was stored, whatever is here",
    file: "server/admission.ts",
    find: "const here = known && !known.lost && known.fence >= stored.generation ? known : undefined;",
    replace: "const here = undefined as typeof known;",
  },
  {
    name: "a token that was given while the store failed is refused",
    file: "server/admission.ts",
    find: "if (!tokenIsGood(generation, here ?? stored)) return undefined;",
    replace:
      "if (!tokenIsGood(generation, here ?? stored) || generation > (here ?? stored).generation) return undefined;",
  },
  {
    name: "the older connection stays",
    file: "server/admission.ts",
    find: '  older?.end("SUPERSEDED");\n  return {',
    replace: "  return {",
  },
  {
    name: "a session that failed to come in stays",
    file: "server/hub.ts",
    find: "      const session = this.sessions.get(id);\n      if (session) this.release(session);",
    replace: "",
  },
  {
    name: "what a handler publishes has a new id each time",
    file: "server/publisher.ts",
    find: "if (!cause?.open()) return this.#newId();",
    replace: "if (!cause || this.#host) return this.#newId();",
  },
  {
    name: "what is on its way into a log that is replaced is dropped",
    file: "server/writer.ts",
    find: "this.#again(this.#outliving(batch.items, error), batch.unknown);",
    replace:
      "{ for (const item of this.#outliving(batch.items, error)) this.#through(item, undefined); this.#batch = undefined; }",
  },
  {
    name: "a hello that was slow is let in after a later one",
    file: "server/admission.ts",
    find: "if (!coming.first())",
    replace: "if (!coming.first() && !life)",
  },
  {
    name: "what may have been kept counts as refused in the next batch",
    file: "server/writer.ts",
    find: "item.unknown ||= unknown;",
    replace: "",
  },
  {
    name: "a client stays away from its own session, because an earlier hello of it came late",
    file: "server/hub.ts",
    find: "if (stored && stored.confirmed > connection.generation)",
    replace: "if (stored)",
  },
  {
    name: "clients of a log that was replaced stay where they are",
    file: "server/hub.ts",
    find: "      connection?.drop();",
    replace: "",
  },
  {
    name: "a page of the log counts as its end",
    file: "server/replay.ts",
    find: "end: page.more ? page.end : upTo,",
    replace: "end: upTo,",
  },
  {
    name: "what was trimmed during a replay is no gap",
    file: "server/replay.ts",
    find: "if (page.floor > after) gaps.push",
    replace: "if (page.floor > upTo) gaps.push",
  },
  {
    name: "a replay from the store shows everything of its rooms",
    file: "server/replay.ts",
    find: "entries: page.entries.filter((entry) => session.memberships.entitled(entry)),",
    replace: "entries: page.entries,",
  },
  {
    name: "a replay from memory begins too late",
    file: "server/recent.ts",
    find: "      this.#after = oldest.offset;",
    replace: "      void oldest;",
  },
];
