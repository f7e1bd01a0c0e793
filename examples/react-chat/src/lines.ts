/**
 * The lines of the list: what came from the log, and what one has written and is on its way.
 *
 * Rule: one line for each key. Lines that the log has stand where the log has them; the others wait below, as they were written.
 */
import type { MessageStatus } from "gapless-io/client";
import type { Message } from "../protocol.ts";

export interface Line extends Message {
  /** Its place in the log; absent while it is not known to be there. */
  readonly offset?: number | undefined;
  /** Its identity in the outbox, if it was written here. */
  readonly id?: string | undefined;
  readonly status: MessageStatus;
}

/** Puts lines in. Of a line that is there already the later word counts. */
export function put(lines: readonly Line[], news: readonly Line[]): readonly Line[] {
  if (news.length === 0) return lines;
  const all = new Map(lines.map((line) => [line.key, line]));
  for (const line of news) all.set(line.key, { ...all.get(line.key), ...line });
  const place = ({ offset }: Line) => offset ?? Number.POSITIVE_INFINITY;
  return [...all.values()].sort((a, b) => (place(a) === place(b) ? a.at - b.at : place(a) - place(b)));
}

/** Puts in those that are not there yet. */
export function add(lines: readonly Line[], waiting: readonly Line[]): readonly Line[] {
  return put(
    lines,
    waiting.filter(({ key }) => !lines.some((line) => line.key === key)),
  );
}

/** What became of a message of the outbox. */
export function mark(lines: readonly Line[], id: string, status: MessageStatus): readonly Line[] {
  return lines.map((line) => (line.id === id ? { ...line, status } : line));
}
