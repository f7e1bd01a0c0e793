/**
 * What can be set, and what holds when it is not.
 *
 * Rule: the defaults suit an application that sets nothing.
 */
import type { ClientStorage } from "../client-storage.ts";
import { systemClock } from "../clock.ts";
import type { Clock } from "../core/clock.ts";
import type { OutboxLimits } from "../core/outbox.ts";
import type { WireGap } from "../core/wire.ts";
import { indexedDb } from "./indexed-db.ts";
import { memoryStorage } from "./storage.ts";
import { ulids } from "./ulid.ts";

/** Options of a reliable client. All of them may be left out. */
export interface ReliableOptions {
  /**
   * Loads a snapshot after a gap. Entries after the gap wait until it settles. It may answer the position that the snapshot
   * stands for, as the server's `position()` gave it; entries up to there are not handed out. When it rejects it is
   * called again, after a wait. Default: none; gaps are only reported.
   */
  readonly resync?: (gap: WireGap) => unknown;
  /** Where cursor, session and outbox are kept. One socket each. Default: `indexedDb()` where there is IndexedDB, else `memoryStorage()`. */
  readonly storage?: ClientStorage;
  /** Whether an emit goes through the outbox. Volatile ones never do. Default: all do. */
  readonly durable?: (event: string, args: readonly unknown[]) => boolean;
  /** `"concurrent"` hands entries out as they come, as Socket.IO does; `"serial"` waits for each to settle. Default: concurrent. */
  readonly dispatch?: "concurrent" | "serial";
  /** Attempts at an entry before it is a dead letter. Default 5. */
  readonly maxDeliveries?: number;
  /** Entries held for want of a listener, and entries waiting their turn before acknowledgements are withheld. Default 1000. */
  readonly maxHeld?: number;
  /** Bounds of the outbox. Default: 10,000 messages, 16 MiB; on their way at most 256 messages, 1 MiB. */
  readonly outbox?: Partial<OutboxLimits>;
  /** How long a message may wait in the outbox, milliseconds. Default: 24 hours. */
  readonly ttlMs?: number;
  /** How long to wait for the server to acknowledge before sending again, milliseconds. Doubles. Default 10,000. */
  readonly ackTimeoutMs?: number;
  /** Resends before the transport is closed. Default 5. */
  readonly maxResends?: number;
  /** How long an acknowledgement may be put off, milliseconds. Default 200. */
  readonly ackDelayMs?: number;
  /** Whether to connect again after a middleware of the server refused. Default: never, as Socket.IO. */
  readonly retryConnectError?: (error: Error) => boolean;
  /** Whether a page with messages in its outbox asks before it is left. Default: no. */
  readonly warnOnUnload?: boolean;
  /** Time. Default: the system's. */
  readonly clock?: Clock;
  /** Chance: a number in [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  /** Makes ids of messages. Default: monotonic ULIDs. */
  readonly newId?: () => string;
}

/** Options with nothing left out but the hooks. */
export type Settings = Required<Omit<ReliableOptions, "resync" | "retryConnectError" | "outbox">> &
  Pick<ReliableOptions, "resync" | "retryConnectError"> & { readonly outbox: OutboxLimits };

/** Fills in the defaults. */
export function settle(options: ReliableOptions): Settings {
  const { clock = systemClock, random = Math.random } = options;
  return {
    storage: options.storage ?? (typeof indexedDB === "undefined" ? memoryStorage() : indexedDb()),
    warnOnUnload: false,
    durable: () => true,
    dispatch: "concurrent",
    maxDeliveries: 5,
    maxHeld: 1000,
    ttlMs: 86_400_000,
    ackTimeoutMs: 10_000,
    maxResends: 5,
    ackDelayMs: 200,
    newId: ulids(clock, random),
    ...options,
    clock,
    random,
    outbox: { maxEntries: 10_000, maxBytes: 2 ** 24, windowEntries: 256, windowBytes: 2 ** 20, ...options.outbox },
  };
}
