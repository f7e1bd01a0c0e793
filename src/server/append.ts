/**
 * One entry on its way into the log.
 *
 * Rule: what waits for the store is bounded; who would exceed the bound is told at once, and nothing of his waits.
 */
import { DeliveryError } from "../core/error.ts";
import type { NewEntry } from "../store/store.ts";
import type { Settled, Writer } from "./writer.ts";

/**
 * Appends to the log. Answers why not, when too much waits already.
 *
 * @param patient Waits for a failing store instead of being refused.
 */
export function append(writer: Writer, entry: NewEntry, patient: boolean, settled: Settled): DeliveryError | undefined {
  if (writer.overloaded(entry.data.length)) {
    return new DeliveryError(
      "OVERLOADED",
      "more waits for the store than limits.pendingEntries or limits.pendingBytes allow; publish slower, or find out why the store is slow.",
    );
  }
  writer.add(() => ({ kind: "append", entry }), settled, { patient, outlives: true, bytes: entry.data.length });
  return undefined;
}
