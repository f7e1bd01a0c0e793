/**
 * Places in a log.
 *
 * Rule: offsets are assigned by the store at commit, strictly increase, are never reused and may have holes.
 * A message's identity is its ULID; its place is its offset. Neither stands in for the other.
 */

/** Place of an entry in its log, a safe integer. 0 means "before the first entry". */
export type Offset = number;

/** Names one life of a log. Offsets of different epochs cannot be compared. */
export type Epoch = string;

/** A place in one life of a log. */
export interface Position {
  readonly epoch: Epoch;
  readonly offset: Offset;
}

/** A position as one opaque string, fit for a database column or a query string. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}`;
}

/** Reads {@link formatPosition} back; `undefined` when the text is no position. */
export function parsePosition(text: unknown): Position | undefined {
  const [, epoch, digits] = (typeof text === "string" && /^(.{1,180})\.(\d+)$/.exec(text)) || [];
  const offset = Number(digits);
  return epoch && isOffset(offset) ? { epoch, offset } : undefined;
}

/** Whether a value of unknown origin can be an offset, a sequence number or a count. */
export function isOffset(value: unknown): value is Offset {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
