/**
 * Bounds of everything that grows.
 *
 * Rule: everything that grows has a limit with a default, and no default stops an application that works on plain
 * Socket.IO today.
 */
import * as z from "zod";
import { DeliveryError } from "../core/error.ts";

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

/** What holds when nothing is said; how large a payload may be depends on who publishes. */
export const DEFAULT_LIMITS: Omit<Limits, "payloadBytes"> = {
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
};

const NAMES = ["payloadBytes", ...Object.keys(DEFAULT_LIMITS)] as (keyof Limits)[];

/** Limits as an application gives them. @param names Which there are. @default all */
export function limitsSchema(names: readonly (keyof Limits)[] = NAMES): z.ZodType {
  const one = (name: string) => (name === "publishRate" ? z.number().nonnegative() : z.int().positive());
  return z.strictObject(Object.fromEntries(names.map((name) => [name, one(name)]))).partial();
}

/** Throws `INVALID`, naming the option, when one cannot be used. @param of Whose options they are. */
export function check(options: unknown, schema: z.ZodType, of: string): void {
  const checked = schema.safeParse(options);
  if (checked.success) return;
  throw new DeliveryError("INVALID", `these options of ${of} cannot be used:\n${z.prettifyError(checked.error)}`);
}
