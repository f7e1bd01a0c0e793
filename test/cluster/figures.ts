/**
 * Counts a run: what was published, and of each delivery that was due whether it took place, once and in order.
 *
 * Rule: a plain count by names of rooms and ids, of any server, made beside `checkHistory` and not from it; it excuses nothing.
 */
import { diaries, type Line } from "./history.ts";
import { clientNames, isFor } from "./plan.ts";

export interface Figures {
  /** Messages that somebody was told are published. */
  readonly published: number;
  /** Messages refused, or of which nothing is known. */
  readonly refused: number;
  readonly deliveries: number;
  /** Published, for a client, and never handled by it. */
  readonly lost: number;
  /** Handled again by the same client. */
  readonly doubled: number;
  /** Handled right after one that is behind it in the log. */
  readonly inversions: number;
  readonly gaps: number;
  readonly emits: number;
  readonly answered: number;
  /** Emits handled a second time, as after a move to another node they may be. */
  readonly handledAgain: number;
  /** Published a second, over the time in which it was. */
  readonly perSecond: number;
}

interface Message {
  readonly line: Line;
  published: boolean;
  refused: boolean;
  readonly handled: Map<string, number>;
}

export async function figures(dir: string, clients: number): Promise<Figures> {
  const names = clientNames(clients);
  const isClient = new Set(names);
  const messages = new Map<string, Message>();
  const emits = new Map<string, number>();
  const answered = new Set<string>();
  const at = new Map<string, number>();
  const begun = new Set<string>();
  // A client may have handled what a node says only in its diary's next file.
  const handled: Line[] = [];
  let inversions = 0;
  let gaps = 0;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for await (const line of diaries(dir)) {
    const message = messages.get(line.id);
    switch (line.type) {
      case "publish":
        if (!message) messages.set(line.id, { line, published: false, refused: false, handled: new Map() });
        break;
      case "published":
        if (message) message.published = true;
        first = Math.min(first, line.t);
        last = Math.max(last, line.t);
        break;
      case "refused":
      case "unknown":
        if (message) message.refused = true;
        break;
      case "emit":
        emits.set(line.id, 0);
        break;
      case "answered":
      case "acked":
        answered.add(line.id);
        break;
      case "gap":
        gaps++;
        // What follows is in another order.
        at.delete(line.node);
        break;
      case "received":
      case "handled": {
        if (line.type === "handled") handled.push(line);
        const key = `${line.node} ${line.id}`;
        // The end of what took its time; its place in the order was its beginning.
        if (line.type === "handled" && begun.delete(key)) break;
        if (line.type === "received") begun.add(key);
        if (!isClient.has(line.node) || line.offset === undefined) break;
        if (line.offset < (at.get(line.node) ?? 0)) inversions++;
        at.set(line.node, line.offset);
      }
    }
  }
  let doubled = 0;
  for (const { id, node } of handled) {
    const message = messages.get(id);
    if (!isClient.has(node)) {
      const times = emits.get(id);
      if (times !== undefined) emits.set(id, times + 1);
    } else if (message) {
      const times = message.handled.get(node) ?? 0;
      if (times > 0) doubled++;
      message.handled.set(node, times + 1);
    }
  }
  const all = [...messages.values()];
  let lost = 0;
  for (const message of all) {
    if (!message.published) continue;
    const { to, except = [] } = message.line;
    for (const name of names) if (isFor(name, to as string[], except) && !message.handled.has(name)) lost++;
  }
  const published = all.filter((message) => message.published).length;
  return {
    published,
    refused: all.filter((message) => message.refused && !message.published).length,
    deliveries: all.reduce((sum, message) => sum + message.handled.size, 0),
    lost,
    doubled,
    inversions,
    gaps,
    emits: emits.size,
    answered: answered.size,
    handledAgain: [...emits.values()].reduce((sum, times) => sum + Math.max(0, times - 1), 0),
    perSecond: last > first ? Math.round((published * 1_000) / (last - first)) : 0,
  };
}
