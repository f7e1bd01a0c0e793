/** Seeded bugs of the core and the stores. See mutant.ts. */
import type { Mutant } from "./mutant.ts";

/** In `src/core` and `src/store`. */
export const CORE: readonly Mutant[] = [
  {
    name: "what was received is handed out again",
    file: "core/receiver.ts",
    find: "if (number <= this.#received) return false;",
    replace: "",
  },
  {
    name: "what an earlier life had settled is handed out again",
    file: "core/receiver.ts",
    find: "const fresh = !this.#settled?.has(number);",
    replace: "const fresh = true;",
  },
  {
    name: "the cursor moves at receipt",
    file: "core/receiver.ts",
    find: "return first === undefined ? this.#received : first - 1;",
    replace: "return this.#received;",
  },
  {
    name: "a rejoin shows what was published while away",
    file: "core/memberships.ts",
    find: "if (!this.has(key)) this.#add({ key, since, until: null });",
    replace: "if (!this.has(key)) this.#add({ key, since: 0, until: null });",
  },
  {
    name: "leaving ends nothing",
    file: "core/memberships.ts",
    find: "if (until > last.since) intervals[intervals.length - 1] = { ...last, until };",
    replace: "if (until > last.since) return;",
  },
  {
    name: "a leave takes with it what was published before",
    file: "core/memberships.ts",
    find: "if (until > last.since) intervals[intervals.length - 1] = { ...last, until };\n    else intervals.pop();",
    replace: "intervals.pop();",
  },
  {
    name: "who is excepted gets it all the same",
    file: "core/memberships.ts",
    find: "for (const key of except) if (this.covers(key, offset)) return false;",
    replace: "",
  },
  {
    name: "a membership that ended is forgotten before it was read",
    file: "core/memberships.ts",
    find: "until === null || until > position",
    replace: "until === null",
  },
  {
    name: "the window never closes",
    file: "core/window.ts",
    find: "return this.#bytes >= this.#maxBytes ? 0 : Math.max(0, this.#maxEntries - this.#entries);",
    replace: "return this.#maxEntries;",
  },
  {
    name: "acknowledging the newest frame acknowledges nothing",
    file: "core/window.ts",
    find: "(this.#sent[count] as Sent<T>).number <= number",
    replace: "(this.#sent[count] as Sent<T>).number < number",
  },
  {
    name: "a gap of retention is not told at a resume",
    file: "core/resume.ts",
    find: 'if (from < floor) return { position: floor, gap: { from, to: floor, reason: "retention" } };',
    replace: "if (from < floor) return { position: floor, gap: undefined };",
  },
  {
    name: "a resume begins one too late",
    file: "core/resume.ts",
    find: "return { position: from, gap: undefined };",
    replace: "return { position: Math.min(from + 1, head), gap: undefined };",
  },
  {
    name: "epochs are not compared",
    file: "core/resume.ts",
    find: "claim.epoch !== log.epoch || ",
    replace: "",
  },
  {
    name: "a client that has forgotten is not believed",
    file: "core/resume.ts",
    find: "const regressed = claim !== undefined && claim.offset < stored.arrived;",
    replace: "const regressed = false;",
  },
  {
    name: "an unknown session is no gap",
    file: "core/resume.ts",
    find: 'gap: claim && { from: claim.offset, to: head, reason: "session" }',
    replace: "gap: undefined",
  },
  {
    name: "the server never sends again",
    file: "core/patience.ts",
    find: "return this.#since === undefined ? undefined : this.#since + this.#timeoutMs * 2 ** this.#resends;",
    replace: "return undefined;",
  },
  {
    name: "messages are taken with holes",
    file: "core/inbox.ts",
    find: 'if (seq > this.#receiver.received + 1) return "ahead";',
    replace: "",
  },
  {
    name: "messages are handled each time they come",
    file: "core/inbox.ts",
    find: 'if (!this.#receiver.accept(seq)) return "seen";',
    replace: 'if (!this.#receiver.accept(seq)) return "new";',
  },
  {
    name: "one failure is death",
    file: "core/attempts.ts",
    find: "if (attempts >= maxDeliveries)",
    replace: "if (attempts >= 1)",
  },
  {
    name: "a poisoned message blocks for ever",
    file: "core/attempts.ts",
    find: "if (attempts >= maxDeliveries)",
    replace: "if (attempts >= 1e9)",
  },
  {
    name: "a repeated batch is performed again",
    file: "store/memory.ts",
    find: "if (last && last.number === id.number) return this",
    replace: "if (last && last.number === -1) return this",
  },
  {
    name: "an id that the log holds is appended again",
    file: "store/memory.ts",
    find: "if (known !== undefined) return { offset: known.offset, duplicate: true };",
    replace: "",
  },
  {
    name: "trimming does not raise the floor",
    file: "store/memory.ts",
    find: "this.#floor = oldest.offset;",
    replace: "",
  },
  {
    name: "the store does not fence",
    file: "store/memory.ts",
    find: "return session?.generation === operation.generation ? session : undefined;",
    replace: "return session;",
  },
  {
    name: "the store forgets answers",
    file: "store/memory.ts",
    find: "if (first) session.answers.set(first[0], operation.answers);",
    replace: "",
  },
  {
    name: "the store forgets what is settled above",
    file: "store/memory.ts",
    find: "session.inboxAbove = settledAbove(session.inboxSettled, operation.above);",
    replace: "",
  },
];
