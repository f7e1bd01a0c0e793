/**
 * Asking the server, at once or not at all.
 *
 * Rule: a question is not kept: it is of the present connection.
 */
import { FRAME_EVENT, type HistoryQuery, type WireEntry } from "../core/wire.ts";
import { type AnyFunction, EVENT } from "./socket.ts";
import type { Ties } from "./ties.ts";

/** What it answers. */
export interface Answer {
  readonly entries?: readonly WireEntry[];
  readonly more?: boolean;
  /** Why it does not tell. */
  readonly code?: string;
}

/** Asks for a room's history. `done` is called with nothing when no answer came in time. */
export function ask({ socket, after, settings }: Ties, query: HistoryQuery, done: (answer?: Answer) => void): void {
  const host = socket();
  const id = host.ids++;
  const cancel = after(settings.ackTimeoutMs, () => {
    delete host.acks[id];
    done();
  });
  const answered = (answer: Answer): void => {
    cancel();
    done(answer ?? {});
  };
  host.acks[id] = answered as AnyFunction;
  host.packet({ type: EVENT, id, data: [FRAME_EVENT, "h", query], options: { compress: true } });
}
