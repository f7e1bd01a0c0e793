/**
 * What a server can be told, and what holds when it is told nothing.
 *
 * Rule: what cannot be used is refused at once, with its name; no default stops an application that works on plain Socket.IO today.
 */
import type { Namespace, Socket } from "socket.io";
import * as z from "zod";
import type { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Retention, Store } from "../store/store.ts";
import { check, DEFAULT_LIMITS, type Limits, limitsSchema } from "./limits.ts";

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

/** A store, as far as that can be seen. */
export const storeSchema: z.ZodType = z.custom((value) => typeof (value as Store | undefined)?.commit === "function");
/** The same of a clock. */
export const clockSchema: z.ZodType = z.custom((value) => typeof (value as Clock | undefined)?.at === "function");

const count = z.int().positive();
const optionsSchema = z.strictObject({
  store: storeSchema.optional(),
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
  limits: limitsSchema().optional(),
  clock: clockSchema.optional(),
});

/** Fills in the defaults. Throws `INVALID`, naming the option, when one cannot be used. */
export function settle(options: ReliableOptions, maxHttpBufferSize: number): Settings {
  check(options, optionsSchema, "reliable()");
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
    limits: { payloadBytes: maxHttpBufferSize, ...DEFAULT_LIMITS, ...options.limits },
  };
}
