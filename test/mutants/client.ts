/** Seeded bugs of the client. See mutant.ts. */
import type { Mutant } from "./mutant.ts";

/** In `src/client`. */
export const CLIENT: readonly Mutant[] = [
  {
    name: "the cursor is acknowledged before it is saved",
    file: "client/reader.ts",
    find: "      ackedCursor = place.cursor;",
    replace: "      ackedCursor = receiver.cursor;",
  },
  {
    name: "what was received is acknowledged as settled",
    file: "client/reader.ts",
    find: "      ackedCursor = place.cursor;",
    replace: "      ackedCursor = receiver.received;",
  },
  {
    name: "frames are taken with holes",
    file: "client/reader.ts",
    find: ": given !== number + 1) {",
    replace: ": given <= number) {",
  },
  {
    name: "a gap is swallowed",
    file: "client/reader.ts",
    find: "    metrics.gaps++;\n",
    replace: "    metrics.gaps++;\n    if (metrics.gaps) return;\n",
  },
  {
    name: "a gap without extent is swallowed",
    file: "client/reader.ts",
    find: "if (gap.to > receiver.received || gap.from === gap.to) {",
    replace: "if (gap.to > receiver.received) {",
  },
  {
    name: "a gap is told and not passed",
    file: "client/reader.ts",
    find: "          receiver.skipTo(gap.to);\n",
    replace: "",
  },
  {
    name: "a listener that fails has handled",
    file: "client/reader.ts",
    find: "            failed.push(job);\n",
    replace: "",
  },
  {
    name: "a failing listener is given up at once",
    file: "client/reader.ts",
    find: "if (attempt < settings.maxDeliveries) {",
    replace: "if (attempt < 2) {",
  },
  {
    name: "an entry that is given up blocks the cursor",
    file: "client/reader.ts",
    find: "          metrics.dead++;\n",
    replace: "          metrics.dead++;\n          if (metrics.dead) return;\n",
  },
  {
    name: "entries are handed out newest first",
    file: "client/reader.ts",
    find: "    for (const item of items) {\n      if (item.held) continue;\n      metrics.waiting--;",
    replace: "    for (const item of [...items].reverse()) {\n      if (item.held) continue;\n      metrics.waiting--;",
  },
  {
    name: "a snapshot contains the next entry, too",
    file: "client/reader.ts",
    find: "item.offset <= contained.offset) {",
    replace: "item.offset <= contained.offset + 1) {",
  },
  {
    name: "another log's offsets are kept",
    file: "client/reader.ts",
    find: "        receiver = new Receiver(offset);\n        last = undefined;\n      } else",
    replace: "        last = undefined;\n      } else",
  },
  {
    name: "a message leaves the outbox when it is sent",
    file: "client/outbox.ts",
    find: "      everSent = Math.max(everSent, seq);\n",
    replace: "      everSent = Math.max(everSent, seq);\n      mark(seq);\n",
  },
  {
    name: "the client never sends again",
    file: "client/outbox.ts",
    find: "if (resends++ < settings.maxResends) rewind();",
    replace: "if (resends++ < settings.maxResends) return;",
  },
  {
    name: "the outbox grows without bound",
    file: "client/outbox.ts",
    find: "if (size >= limits.maxEntries || (size > 0 && bytes + encoded.bytes > limits.maxBytes)) {",
    replace: "if (size > 1e9) {",
  },
  {
    name: "a message is sent before it is saved",
    file: "client/outbox.ts",
    find: "sent < ties.savedSeq() &&",
    replace: "sent < nextSeq - 1 &&",
  },
  {
    name: "a message counts as settled when it arrived",
    file: "client/outbox.ts",
    find: "if (!message || (seq > settled && !ahead.has(seq))) continue;",
    replace: "if (!message) continue;",
  },
  {
    name: "what is sent is never settled ahead of its turn, and waits for it",
    file: "client/outbox.ts",
    find: "        remove(message);\n        mark(seq);",
    replace: "        remove(message);\n        if (seq > settled) continue;",
  },
  {
    name: "the floor is above what is still to come",
    file: "client/outbox.ts",
    find: "const floor = (): number => first - 1;",
    replace: "const floor = (): number => nextSeq() - 1;",
  },
  {
    name: "a reconnect begins to send after what was sent",
    file: "client/outbox.ts",
    find: "received = sent = Math.max(serverReceived, floor());",
    replace: "received = sent = everSent;",
  },
  {
    name: "a callback is called for each report",
    file: "client/outbox.ts",
    find: "    message.ack = undefined;\n",
    replace: "",
  },
  {
    name: "the number of a message that was given up is used again",
    file: "client/outbox.ts",
    find: "      kept[seq - first] = tombstone;\n",
    replace: "      kept[seq - first] = tombstone;\n      if (seq === nextSeq() - 1) kept.pop();\n",
  },
  {
    name: "a change that failed to be saved is forgotten",
    file: "client/link.ts",
    find: "        saved = new Map([...saved, ...marks]);\n",
    replace: "        saved = marks;\n",
  },
  {
    name: "the session is used before it is saved",
    file: "client/link.ts",
    find: 'ready: () => phase === "live" && savedPlace?.token === token,',
    replace: 'ready: () => phase === "live",',
  },
];
