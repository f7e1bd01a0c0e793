/**
 * Checks the recorded history of a run: nothing that was acknowledged is lost, nothing is handled twice, out of order or
 * without having been published, and every hole was told.
 *
 * Rule: it shares no code with what it judges. It knows lines of text and nothing of servers, clients, stores or
 * simulators, so a mistake in those cannot be repeated here.
 */
import { checkEmits } from "./history-emits.ts";
import { checkReaders } from "./history-readers.ts";
import { type Anomaly, HistoryRecord } from "./history-record.ts";

export type { HistoryEvent } from "./history-event.ts";
export type { Anomaly, AnomalyKind } from "./history-record.ts";

/** Options of {@link checkHistory}. */
export interface HistoryOptions {
  /** Anomalies beyond so many are not kept. Default: 10,000. */
  readonly limit?: number;
}

/**
 * Reads a history, JSON lines of {@link HistoryEvent}, and answers what is wrong with it; nothing, when it is right.
 *
 * - `lost`: acknowledged; somebody it was for, and who handled later ones, did not handle it and was told no gap. An emit:
 *   acknowledged or answered and never handled, although later ones of its sender were.
 * - `skipped`: the same of one whose acknowledgement did not come, but which is there: somebody handled it, or it was emitted
 *   before one that was handled, in the same life.
 * - `unseen`: acknowledged or handled by others, and when the history ended, somebody it was for had handled neither it nor
 *   anything later.
 * - `duplicate`: handled twice in one life of the handling process; or, an emit, handled again after its sender was told
 *   that it is settled (`acked`; by the time `t` of the lines). One that was handled, and then handled again after a kill,
 *   because the kill came before it was settled, is none: that is "at least once".
 * - `out-of-order`: handled, in one life, against the order of offsets or the order of its sender.
 * - `phantom`: handled, and never published, refused, with other content, or by somebody whom it was not for.
 * - `false-gap`: covers what was handled in that life or later; has no `cause` line; ends before it begins; or says that
 *   something is damaged or overflowed where nothing was.
 * - `inconsistent-offset`: one message at two offsets, or two at one.
 *
 * "For somebody" is decided by joins and leaves, and where those leave it open nobody is accused. A client whose cursor is
 * kept may handle in its next life what it handled in the one before.
 *
 * A history is of one life of the log: record a run in which the log is replaced (epoch) as two. Time and memory are linear
 * in it, about 250 bytes a line.
 *
 * @param lines The lines, of all nodes: see {@link HistoryEvent}. Empty ones are passed over.
 * @throws {Error} A line is no JSON or no event; the message says which.
 */
export function checkHistory(lines: Iterable<string>, options?: HistoryOptions): Anomaly[];
export function checkHistory(lines: AsyncIterable<string>, options?: HistoryOptions): Promise<Anomaly[]>;
export function checkHistory(
  lines: Iterable<string> | AsyncIterable<string>,
  { limit = 10_000 }: HistoryOptions = {},
): Anomaly[] | Promise<Anomaly[]> {
  const record = new HistoryRecord(limit);
  if (!(Symbol.asyncIterator in lines)) {
    for (const line of lines) record.add(line);
    return judge(record);
  }
  return (async () => {
    for await (const line of lines) record.add(line);
    return judge(record);
  })();
}

function judge(record: HistoryRecord): Anomaly[] {
  checkReaders(record);
  checkEmits(record);
  return [...record.anomalies];
}
