/**
 * The server's boundary: what clients send is checked here, in full, before any of it is used.
 *
 * Rule: nothing here throws, whatever comes (protocol R4).
 */
import * as z from "zod";
import { isOffset } from "../core/position.ts";
import { type ClientFrame, type DeadReport, type Hello, PROTOCOL_VERSION, type WireMessage } from "../core/wire.ts";

/** Most messages of one frame. */
const MAX_MESSAGES = 10_000;
const MAX_TEXT = 200;

const offset = z.int().nonnegative();
const text = z.string().max(MAX_TEXT);

const helloSchema: z.ZodType<Hello> = z.object({
  v: z.literal(PROTOCOL_VERSION),
  session: text.optional(),
  token: text.optional(),
  epoch: text.optional(),
  offset: offset.optional(),
  last: z.tuple([offset, text]).optional(),
  floor: offset,
}) as z.ZodType<Hello>;

/** By hand: messages are what comes most, and a schema of zod's for one takes longer than all the rest that is done to it. */
function isMessage(raw: unknown): raw is WireMessage {
  if (!Array.isArray(raw) || !isOffset(raw[0]) || raw[0] === 0) return false;
  if (raw.length === 1) return true;
  return (
    raw.length === 4 &&
    typeof raw[1] === "string" &&
    raw[1].length <= MAX_TEXT &&
    (raw[2] === 0 || raw[2] === 1) &&
    Array.isArray(raw[3]) &&
    typeof raw[3][0] === "string"
  );
}

function areMessages(raw: unknown): raw is readonly WireMessage[] {
  if (!Array.isArray(raw) || raw.length > MAX_MESSAGES) return false;
  // Not `every`, which passes over holes.
  for (const one of raw) if (!isMessage(one)) return false;
  return true;
}

const frames = {
  m: z.tuple([z.literal("m"), offset, z.custom<readonly WireMessage[]>(areMessages)]),
  a: z.tuple([z.literal("a"), offset, offset]),
  r: z.tuple([z.literal("r"), offset]),
  h: z.tuple([
    z.literal("h"),
    z.object({ room: z.string().max(1_000), limit: offset.positive().max(1_000), before: offset.optional() }),
  ]),
};

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
  const [type] = raw;
  if (typeof type !== "string" || !Object.hasOwn(frames, type)) return undefined;
  return frames[type as keyof typeof frames].safeParse(raw).data as ClientFrame | undefined;
}

/** What a client says of an entry that it gave up on. */
export function parseDeadReport(raw: unknown): DeadReport | undefined {
  return deadReportSchema.safeParse(raw).data;
}
