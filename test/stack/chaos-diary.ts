/**
 * What the processes of the chaos run tell: to their diaries for the history checker, and to the run that steers them.
 *
 * Rule: a line is in its file when `say` returns; so what a killed process knew is known.
 */
import { openSync, writeSync } from "node:fs";

/** Which server: ours on SQLite; or, wrong on purpose, ours on memory, one that calls acknowledged what it has only begun, plain Socket.IO. */
export type ChaosKind = "gapless" | "memory" | "hasty" | "plain";

/** To a server process, on its command line. */
export interface ServerPlan {
  readonly kind: ChaosKind;
  readonly port: number;
  /** The log. */
  readonly file: string;
  readonly diary: string;
  readonly life: number;
  readonly seed: number;
  readonly publishesPerSecond: number;
}

/** One client of a client process. */
export interface ClientPlan {
  readonly name: string;
  readonly transports: readonly string[];
  /** Where it keeps its cursor and outbox; absent: in memory. */
  readonly file?: string;
}

/** To a client process, on its command line. */
export interface ClientsPlan {
  readonly kind: ChaosKind;
  readonly port: number;
  readonly diary: string;
  readonly life: number;
  readonly clients: readonly ClientPlan[];
  readonly emitsPerSecond: number;
}

/** To either. */
export interface Order {
  /** Blocks the event loop for so long. */
  readonly stallMs?: number;
  /** Nothing new is begun. */
  readonly quiet?: boolean;
}

/** From either, about every 20 ms. */
export interface News {
  /** Listening on this port, or connected for the first time. */
  readonly up?: number;
  /** Acknowledgements since the last news. */
  readonly acknowledged?: number;
  /** Begun and not acknowledged. */
  readonly open?: number;
  /** The last message is acknowledged, or handled by all. */
  readonly ended?: boolean;
  /** Where each client stands, for reports. */
  readonly states?: Readonly<Record<string, string>>;
}

/** The id of the message that is published when everything else is over. */
export const LAST = "last";

/** The room that all are in. */
export const ALL = "all";
/** Rooms that clients come and go in. */
export const ROOMS: readonly string[] = ["r0", "r1", "r2", "r3"];

/** Writes lines to a file. */
export function diary(file: string): (line: object) => void {
  const fd = openSync(file, "a");
  return (line) => void writeSync(fd, `${JSON.stringify({ ...line, t: Date.now() })}\n`);
}

/** What is left of content in a diary. */
export function digest(content: unknown): number {
  const text = JSON.stringify(content) ?? "";
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Content that follows from an id, of up to 300 characters. */
export function content(id: string): { readonly id: string; readonly text: string } {
  return { id, text: "é↯x".repeat(digest(id) % 100) };
}

/** Blocks the event loop. */
export function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
