/**
 * The frames of the protocol, version 1. docs/protocol.md says what each means and when it is sent; the two change together.
 *
 * Rule: a frame is a Socket.IO event named {@link FRAME_EVENT}; of what a peer sends, everything that the receiver reckons with
 * (numbers, lists, names, and that entries ascend) is checked before any of it is used. What is only passed on to the
 * application, a gap's reason and room, is not. This file checks what a server sends; the server's boundary what a client does.
 */
import { type Epoch, isOffset, type Offset } from "./position.ts";
import type { GapReason } from "./resume.ts";

/** Version of the wire format. A peer that speaks another one is treated as one that speaks none. */
export const PROTOCOL_VERSION = 1;

/** The Socket.IO event that carries every frame, both ways. */
export const FRAME_EVENT = "$g";

/** The property of Socket.IO's CONNECT payload (`handshake.auth`) that carries the {@link Hello}. */
export const HELLO_KEY = "$g";

/** First word of a client: that it can, who it is, and where it stopped. */
export interface Hello {
  readonly v: number;
  /** The session it holds; absent for a first visit. */
  readonly session?: string;
  /** The resume token of that session. */
  readonly token?: string;
  readonly epoch?: Epoch;
  /** Everything up to here has reached it. */
  readonly offset?: Offset;
  /** The last entry that it received, so that a log which was rolled back is noticed. */
  readonly last?: readonly [offset: Offset, id: string];
  /** It is done with every message of its own up to this sequence number. */
  readonly floor: number;
}

/** A stretch of the log that can never be delivered. */
export interface WireGap {
  /** Everything up to here had reached the client. */
  readonly from: Offset;
  /** Delivery goes on after this. */
  readonly to: Offset;
  readonly reason: GapReason;
  /** The room concerned, when it is only one. */
  readonly room?: string;
}

/** First word of the server, sent before Socket.IO's CONNECT so that it is there when `connect` fires. */
export interface Welcome {
  readonly v: number;
  readonly session: string;
  /** Presents the session at the next connection. Replaces every earlier one. */
  readonly token: string;
  readonly epoch: Epoch;
  /** Delivery goes on after this. */
  readonly offset: Offset;
  /** Whether the session presented was taken up. `false`: this is a new one. */
  readonly resumed: boolean;
  /** The highest sequence number of the client's that the server has. */
  readonly received: number;
  /** What was missed, oldest first. */
  readonly gaps: readonly WireGap[];
  /** How many entries the server sends before it waits for an acknowledgement. */
  readonly window: number;
  /** How large a message to the server may be, bytes. */
  readonly payloadBytes: number;
}

/** An entry as it travels: where it is, which message it is, and the event with its arguments. */
export type WireEntry = readonly [offset: Offset, id: string, args: WireEvent];

/** An event with its arguments. */
export type WireEvent = readonly [event: string, ...args: unknown[]];

/** An answer to one of the client's messages: its arguments, or why there will be none. */
export type WireAnswer =
  | readonly [seq: number, args: readonly unknown[]]
  | readonly [seq: number, args: null, code: string];

/** What a server sends. All but the welcome are numbered 1, 2, 3… on each connection. */
export type ServerFrame =
  | readonly [number: 0, type: "w", welcome: Welcome]
  /** Entries, in order. Nothing else up to `upTo` is for this session. */
  | readonly [number: number, type: "b", upTo: Offset, entries: readonly WireEntry[]]
  | readonly [number: number, type: "g", gap: WireGap]
  /** "Your messages up to `received` have arrived; those up to `settled`, and those in `above`, are dealt with." */
  | readonly [
      number: number,
      type: "a",
      received: number,
      settled: number,
      above: readonly number[],
      answers: readonly WireAnswer[],
    ]
  /** "I start over: this frame's number is the new count, and entries go on after `offset`." */
  | readonly [number: number, type: "s", offset: Offset]
  /** The session has another connection now, or ended. */
  | readonly [number: number, type: "x", code: "SUPERSEDED" | "SESSION_UNKNOWN"];

/** A message of the client's outbox as it travels; a lone number is a tombstone. */
export type WireMessage =
  | readonly [seq: number]
  | readonly [seq: number, id: string, wantsAnswer: 0 | 1, args: WireEvent];

/** What a client sends. */
export type ClientFrame =
  /** Messages, in order. The client is done with everything up to `floor`. */
  | readonly [type: "m", floor: number, messages: readonly WireMessage[]]
  /** "Your frames up to `number` have arrived; I have dealt with everything up to `cursor`." */
  | readonly [type: "a", number: number, cursor: Offset]
  /** "A frame is missing. Frames up to `number` have arrived." */
  | readonly [type: "r", number: number]
  /** A page of history is asked for; answered through Socket.IO's acknowledgement. */
  | readonly [type: "h", query: HistoryQuery];

/** Which page of a room's history. */
export interface HistoryQuery {
  readonly room: string;
  readonly limit: number;
  /** Entries before this offset, newest first. Absent: the newest. */
  readonly before?: Offset | undefined;
}

/** A message that a client sends about itself, inside its outbox and so exactly as reliably: an entry it gave up on. */
export interface DeadReport {
  readonly offset: Offset;
  readonly attempts: number;
  readonly reason: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what a peer sent may be anything.
type Unknown = any;

/** Checks a frame that a server sent. `undefined`: it is none. */
export function parseServerFrame(raw: readonly unknown[]): ServerFrame | undefined {
  const [number, type, a, b, c, d] = raw as Unknown[];
  const ok =
    type === "b"
      ? isOffset(a) &&
        isList(b, isEntry) &&
        b.every(([offset]: WireEntry, i: number) => offset <= a && !(offset <= b[i - 1]?.[0]))
      : type === "a"
        ? areOffsets(a, b) && isList(c, isOffset) && isList(d, isAnswer)
        : type === "g"
          ? isGap(a)
          : type === "s"
            ? isOffset(a)
            : type === "x"
              ? isText(a)
              : type === "w" && number === 0 && isWelcome(a);
  return ok && isOffset(number) ? (raw as unknown as ServerFrame) : undefined;
}

function isEntry(raw: Unknown): boolean {
  return Array.isArray(raw) && isOffset(raw[0]) && isText(raw[1]) && Array.isArray(raw[2]) && isText(raw[2][0]);
}

function isAnswer(raw: Unknown): boolean {
  return Array.isArray(raw) && isOffset(raw[0]) && (Array.isArray(raw[1]) || (raw[1] === null && isText(raw[2])));
}

function isGap(raw: Unknown): boolean {
  return areOffsets(raw?.from, raw?.to) && isText(raw.reason);
}

function isWelcome(raw: Unknown): boolean {
  return (
    raw?.v === PROTOCOL_VERSION &&
    areOffsets(raw.offset, raw.received, raw.window, raw.payloadBytes) &&
    [raw.session, raw.token, raw.epoch].every(isText) &&
    isList(raw.gaps, isGap)
  );
}

/** Whether all items pass, and a hole, which `every` would pass over, does. */
function isList(raw: unknown, check: (item: unknown) => boolean): boolean {
  if (!Array.isArray(raw)) return false;
  for (const item of raw) if (!check(item)) return false;
  return true;
}

function areOffsets(...raw: unknown[]): boolean {
  return raw.every(isOffset);
}

function isText(raw: unknown): raw is string {
  return typeof raw === "string";
}
