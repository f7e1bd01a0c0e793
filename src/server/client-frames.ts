/**
 * The server's boundary: what clients send is checked here, in full, before any of it is used.
 *
 * Rule: nothing here throws, whatever comes (protocol R4).
 */
import * as z from "zod";
import { type ClientFrame, type DeadReport, type Hello, PROTOCOL_VERSION, type WireMessage } from "../core/wire.ts";

/** Most messages of one frame. */
const MAX_MESSAGES = 10_000;

const offset = z.int().nonnegative();
const text = z.string().max(200);

const helloSchema: z.ZodType<Hello> = z.object({
  v: z.literal(PROTOCOL_VERSION),
  session: text.optional(),
  token: text.optional(),
  epoch: text.optional(),
  offset: offset.optional(),
  last: z.tuple([offset, text]).optional(),
  floor: offset,
}) as z.ZodType<Hello>;

const message = z.union([
  z.tuple([offset.positive()]),
  z.tuple([offset.positive(), text, z.union([z.literal(0), z.literal(1)]), z.tuple([z.string()], z.unknown())]),
]);

/** Ends at the first bad one: an array of zod's would gather an error for each, which takes long for many. */
const messages = z.custom<readonly WireMessage[]>(
  (list) =>
    Array.isArray(list) && list.length <= MAX_MESSAGES && [...list].every((item) => message.safeParse(item).success),
);

const frameSchema = z.union([
  z.tuple([z.literal("m"), offset, messages]),
  z.tuple([z.literal("a"), offset, offset]),
  z.tuple([z.literal("r"), offset]),
  z.tuple([
    z.literal("h"),
    z.object({ room: z.string().max(1_000), limit: offset.positive().max(1_000), before: offset.optional() }),
  ]),
]);

const deadReportSchema: z.ZodType<DeadReport> = z.object({
  offset,
  attempts: offset,
  reason: z.string().max(2_000),
});

/** The hello in a CONNECT payload; `undefined` when there is none that this version understands. */
export function parseHello(raw: unknown): Hello | undefined {
  return helloSchema.safeParse(raw).data;
}

/** A frame's elements after its event name; `undefined` when they are no frame. */
export function parseClientFrame(raw: readonly unknown[]): ClientFrame | undefined {
  // Socket.IO appends the acknowledgement's function; only history has one, and it is taken before.
  return frameSchema.safeParse(raw).data as ClientFrame | undefined;
}

/** What a client says of an entry that it gave up on. */
export function parseDeadReport(raw: unknown): DeadReport | undefined {
  return deadReportSchema.safeParse(raw).data;
}
