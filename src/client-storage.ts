/**
 * What a client keeps, and where.
 *
 * Rule: one change is kept whole or not at all, and may be made twice: the client repeats a change whose outcome it does
 * not know.
 */
import type { DeliveryError } from "./core/error.ts";
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

/** What a storage is told, and what it may tell. */
export interface StorageHost {
  /** Where the socket connects to: tells the sockets of one page apart. */
  readonly scope: string;
  /** `durable` has changed. With an error: something could not be kept; the client goes on without. */
  changed(error?: DeliveryError): void;
  /**
   * Somebody else has taken what was kept here, and delivers it. Called at most once a save, before it resolves: the client begins a new
   * session, which the next save is to keep.
   */
  lost(): void;
}

/** Keeps one client's cursor, session and outbox. One storage belongs to one socket at a time. */
export interface ClientStorage {
  /** Whether what is saved survives the end of the process or page. It may change. */
  readonly durable: boolean;
  /** It keeps nothing, so nothing needs to be copied for it, and its `save` is synchronous. */
  readonly volatile?: true;
  /** What an earlier life saved; `undefined` when there was none. Called once, before everything else. */
  load(host: StorageHost): ClientState | undefined | PromiseLike<ClientState | undefined>;
  /** Makes one change, whole or not at all. Never called while another is under way. */
  save(change: ClientChange): void | PromiseLike<void>;
  /** Releases what it holds. */
  close(): void | PromiseLike<void>;
  /** The page goes away, and there is no time: keeps what is not saved yet at once, until the next load or save. Its values are such that JSON can hold them. */
  last?(change: ClientChange): void;
  /** The page is put aside, and may come back or not. */
  suspend?(): void;
  /** It came back. Resolves when it is known whether anything was lost meanwhile. */
  resume?(): PromiseLike<void>;
  /** The storage of a client whose page is gone and that has messages to deliver; `undefined`: there is none. */
  readonly orphan?: (() => PromiseLike<ClientStorage | undefined>) | undefined;
}
