/**
 * What a client keeps, and where.
 *
 * Rule: one change is kept whole or not at all, and may be made twice: the client repeats a change whose outcome it does
 * not know.
 */
import type { Outgoing } from "./core/outbox.ts";
import type { Epoch, Offset } from "./core/position.ts";
import type { WireGap } from "./core/wire.ts";

/** Where a client stands. */
export interface ClientPlace {
  /** The session it holds. */
  readonly session?: string | undefined;
  /** The resume token of that session. */
  readonly token?: string | undefined;
  /** The life of the log that the offsets below belong to; absent before the first connection. */
  readonly epoch?: Epoch | undefined;
  /** Every entry up to here is settled. */
  readonly cursor: Offset;
  /** Settled entries above the cursor, ascending. */
  readonly above: readonly Offset[];
  /** The last entry that it received. */
  readonly last?: readonly [offset: Offset, id: string] | undefined;
  /** Gaps whose `resync` has not settled, oldest first. */
  readonly gaps: readonly WireGap[];
  /** The first sequence number that was never used. */
  readonly nextSeq: number;
}

/** All that was kept. */
export interface ClientState extends ClientPlace {
  /** The outbox, by ascending sequence number. */
  readonly messages: readonly Outgoing[];
}

/** One step. Putting a message replaces the one with its sequence number; removing one that is gone is no error. */
export interface ClientChange {
  readonly place: ClientPlace;
  readonly put: readonly Outgoing[];
  readonly remove: readonly number[];
}

/** Keeps one client's cursor, session and outbox. One storage belongs to one socket at a time. */
export interface ClientStorage {
  /** Whether what is saved survives the end of the process or page. */
  readonly durable: boolean;
  /** What an earlier life saved; `undefined` when there was none. Called once, before everything else. */
  load(): ClientState | undefined | PromiseLike<ClientState | undefined>;
  /** Makes one change, whole or not at all. Never called while another is under way. */
  save(change: ClientChange): void | PromiseLike<void>;
  /** Releases what it holds. */
  close(): void | PromiseLike<void>;
}
