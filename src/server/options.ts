/**
 * What a server can be told, and what holds when it is told nothing.
 *
 * Rule: everything that grows has a limit with a default, and no default stops an application that works on plain
 * Socket.IO today.
 */
import type { Namespace, Socket } from "socket.io";
import * as z from "zod";
import type { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { DeliveryError } from "../core/error.ts";
import type { Retention, Store } from "../store/store.ts";

/** Bounds of a server. Every one has a default. */
export interface Limits {
  /** Largest encoded event that is made durable, bytes. Larger ones are delivered as plain Socket.IO would, and reported. @default the server's `maxHttpBufferSize` */
  readonly payloadBytes: number;
  /** Deepest nesting of arguments that is made durable. @default 200 */
  readonly depth: number;
  /** Rooms of one session. @default 10_000 */
  readonly rooms: number;
  /** Sessions kept for one principal; the one away longest makes room. @default 1_000 */
  readonly sessionsPerPrincipal: number;
  /** Entries sent on a connection and not acknowledged. @default 512 */
  readonly windowEntries: number;
  /** The same, in bytes. @default 1 MiB */
  readonly windowBytes: number;
  /** Largest frame that entries are gathered into, bytes. @default 256 KiB */
  readonly frameBytes: number;
  /** Connections that are sent new entries in one turn of the event loop; more are fed in the next turns. @default 1_000 */
  readonly fanOut: number;
  /** Recent entries kept in memory, from which short replays are served. @default 2_000 */
  readonly recentEntries: number;
  /** The same, in bytes. @default 16 MiB */
  readonly recentBytes: number;
  /** Messages that wait for the store. @default 100_000 */
  readonly pendingEntries: number;
  /** The same, in bytes. @default 64 MiB */
  readonly pendingBytes: number;
  /** Messages of one client that are held because nobody listens to their event yet. @default 1_000 */
  readonly heldEntries: number;
  /** Events in an order with durable ones that wait for a commit, for each connection. @default 10_000 */
  readonly waitingWrites: number;
  /** Messages a second that a session may send; more are taken later. 0: no limit. @default 0 */
  readonly publishRate: number;
}

/** Options of `reliable(io, options)`. */
export interface ReliableOptions {
  /** Where the log and the sessions are kept. @default `memory()`, with a warning in production */
  readonly store?: Store;
  /**
   * Who owns the session, told by your own authentication (for example `socket.data.userId`). A session is only ever resumed
   * by its owner. @default nobody: the resume token alone proves ownership
   */
  readonly principal?: (socket: Socket) => string | null | undefined;
  /** Whether a returning client may (still) read a room. Asked for each room at each resume, and for history. @default it may, if it is a member */
  readonly authorizeReplay?: (socket: Socket, room: string) => boolean | Promise<boolean>;
  /** Which events are durable. Never asked for volatile and local ones, nor for those with an acknowledgement. @default all */
  readonly durable?: (event: string, args: readonly unknown[], namespace: Namespace) => boolean;
  /** How much of the log is kept. @default 24 hours, 1 GiB, any number of entries */
  readonly retention?: Partial<Retention>;
  /** A session that was away for longer is forgotten, milliseconds. @default 24 hours */
  readonly sessionTtlMs?: number;
  /** Wait for a client's acknowledgement of arrival before sending again, milliseconds. @default 10_000 */
  readonly ackTimeoutMs?: number;
  /** Resends without progress before the transport is closed. @default 5 */
  readonly maxResends?: number;
  /** Times a message is given to a failing handler. @default 5 */
  readonly maxDeliveries?: number;
  /** Waits between these. @default 100 ms, doubling up to 5 s */
  readonly redeliveryBackoff?: Backoff;
  /** How long an answer may come after its handlers have settled, milliseconds. @default 30_000 */
  readonly answerWaitMs?: number;
  readonly limits?: Partial<Limits>;
  /** The time. For simulations. @default the system's */
  readonly clock?: Clock;
}

/** Options with nothing left open. */
export type Settings = Required<Omit<ReliableOptions, "store" | "clock" | "limits" | "retention">> & {
  readonly limits: Limits;
  readonly retention: Retention;
};

const count = z.int().positive();
const optionsSchema = z.strictObject({
  store: z.custom<Store>((value) => typeof (value as Store | undefined)?.commit === "function").optional(),
  principal: z.function().optional(),
  authorizeReplay: z.function().optional(),
  durable: z.function().optional(),
  retention: z
    .strictObject({
      maxAgeMs: z.number().positive(),
      maxEntries: z.number().positive(),
      maxBytes: z.number().positive(),
    })
    .partial()
    .optional(),
  sessionTtlMs: z.number().positive().optional(),
  ackTimeoutMs: count.optional(),
  maxResends: z.int().nonnegative().optional(),
  maxDeliveries: count.optional(),
  redeliveryBackoff: z.strictObject({ minMs: z.number().nonnegative(), maxMs: z.number().nonnegative() }).optional(),
  answerWaitMs: count.optional(),
  limits: z
    .strictObject({
      payloadBytes: count,
      depth: count,
      rooms: count,
      sessionsPerPrincipal: count,
      windowEntries: count,
      windowBytes: count,
      frameBytes: count,
      fanOut: count,
      recentEntries: count,
      recentBytes: count,
      pendingEntries: count,
      pendingBytes: count,
      heldEntries: count,
      waitingWrites: count,
      publishRate: z.number().nonnegative(),
    })
    .partial()
    .optional(),
  clock: z.custom<Clock>((value) => typeof (value as Clock | undefined)?.at === "function").optional(),
});

/** Fills in the defaults. Throws `INVALID`, naming the option, when one cannot be used. */
export function settle(options: ReliableOptions, maxHttpBufferSize: number): Settings {
  const checked = optionsSchema.safeParse(options);
  if (!checked.success) {
    throw new DeliveryError(
      "INVALID",
      `these options of reliable() cannot be used:\n${z.prettifyError(checked.error)}`,
    );
  }
  return {
    principal: options.principal ?? (() => null),
    authorizeReplay: options.authorizeReplay ?? (() => true),
    durable: options.durable ?? (() => true),
    sessionTtlMs: options.sessionTtlMs ?? 24 * 3_600_000,
    ackTimeoutMs: options.ackTimeoutMs ?? 10_000,
    maxResends: options.maxResends ?? 5,
    maxDeliveries: options.maxDeliveries ?? 5,
    redeliveryBackoff: options.redeliveryBackoff ?? { minMs: 100, maxMs: 5_000 },
    answerWaitMs: options.answerWaitMs ?? 30_000,
    retention: {
      maxAgeMs: 24 * 3_600_000,
      maxEntries: Number.POSITIVE_INFINITY,
      maxBytes: 2 ** 30,
      ...options.retention,
    },
    limits: {
      payloadBytes: maxHttpBufferSize,
      depth: 200,
      rooms: 10_000,
      sessionsPerPrincipal: 1_000,
      windowEntries: 512,
      windowBytes: 2 ** 20,
      frameBytes: 2 ** 18,
      fanOut: 1_000,
      recentEntries: 2_000,
      recentBytes: 2 ** 24,
      pendingEntries: 100_000,
      pendingBytes: 2 ** 26,
      heldEntries: 1_000,
      waitingWrites: 10_000,
      publishRate: 0,
      ...options.limits,
    },
  };
}
