/**
 * What the processes of a cluster run are told, what they tell, and who is in which room.
 *
 * Rule: who is to get what follows from names alone, so that a judge needs nobody's word for it.
 */
import { openSync, writeSync } from "node:fs";

/**
 * Which servers: ours, on Redis or on one SQLite file; Socket.IO with the official adapter and connection state recovery; or
 * ours, wrong on purpose: `hasty` calls acknowledged what it has only begun, `apart` has a log in memory on each node.
 */
export type Mode = "gapless-redis" | "gapless-sqlite" | "official" | "hasty" | "apart";

/** The Redis client that a node uses. */
export type Driver = "redis" | "ioredis";

/** When a server takes a silent connection for dead. */
export interface Ping {
  readonly pingInterval: number;
  readonly pingTimeout: number;
}

/** To a node, on its command line. */
export interface NodePlan {
  readonly mode: Mode;
  readonly name: string;
  readonly life: number;
  readonly seed: number;
  /** 0 at first: any. */
  readonly port: number;
  readonly diary: string;
  /** Of Redis, or of what stands before it. */
  readonly redisPort: number;
  readonly driver: Driver;
  /** The log, where it is a file. */
  readonly file: string;
  readonly publishesPerSecond: number;
  readonly ping: Ping;
}

/** To the clients, on their command line. */
export interface ClientsPlan {
  readonly mode: Mode;
  readonly diary: string;
  /** Each client, and the port that it connects to. */
  readonly clients: readonly { readonly name: string; readonly port: number }[];
  readonly emitsPerSecond: number;
}

/** To either. */
export interface Order {
  /** Something new is begun, or nothing. */
  readonly busy?: boolean;
  /** Nodes: publish this, to everybody or to a room. */
  readonly publish?: { readonly id: string; readonly to: string };
  /** Nodes: print what they know of sessions, for whoever looks into a run that went wrong. */
  readonly dump?: true;
  /** Writes what is buffered and says so. */
  readonly flush?: true;
}

/** From a node, about every 20 ms. */
export interface NodeNews {
  /** Listening on this port. */
  readonly up?: number;
  /** Acknowledged in this life. */
  readonly acknowledged?: number;
  /** Begun and not over. */
  readonly open?: number;
  /** Acknowledged of what it was ordered to publish. */
  readonly published?: readonly string[];
  /** Publishes refused in this life, by code. */
  readonly refused?: Readonly<Record<string, number>>;
  /** Emits handled. */
  readonly handled?: number;
}

/** From the clients, about every 20 ms. */
export interface ClientsNews {
  /** Clients that are connected and in their rooms, with their sessions. */
  readonly ready?: Readonly<Record<string, string>>;
  readonly connected?: readonly string[];
  /** Orders begun and not over. */
  readonly open?: number;
  /** Messages received and not handled. */
  readonly handling?: number;
  /** How often each was connected. */
  readonly connections?: Readonly<Record<string, number>>;
  /** Connections that took up where the one before ended, and those that did not. */
  readonly recovered?: number;
  readonly fresh?: number;
  readonly gaps?: number;
  /** Who has got which of the last messages. */
  readonly got?: Readonly<Record<string, readonly string[]>>;
  readonly flushed?: true;
}

/** How the ids of last messages begin: those that show, when all is over, who is still there. */
export const LAST = "last";
/** Everybody, whatever rooms they are in. */
export const EVERYBODY = "*";
const ROOM_COUNT = 5;
export const ROOMS: readonly string[] = Array.from({ length: ROOM_COUNT }, (_, i) => `r${i}`);

/** The clients' names. */
export function clientNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `c${i}`);
}

/** The rooms that a client is in from its first connection to the end: two of five. */
export function roomsOf(client: string): string[] {
  const i = Number(client.slice(1));
  return [ROOMS[i % ROOM_COUNT] as string, ROOMS[(i + 2) % ROOM_COUNT] as string];
}

/** Whether something is for a client. */
export function isFor(client: string, to: readonly string[], except: readonly string[]): boolean {
  const rooms = [EVERYBODY, ...roomsOf(client)];
  return rooms.some((room) => to.includes(room)) && !rooms.some((room) => except.includes(room));
}

/** Writes lines to a file. */
export interface Diary {
  say(line: object): void;
  flush(): void;
}

/** Every line is in the file when `say` returns: for who may be killed. */
export function diary(file: string): Diary {
  const fd = openSync(file, "a");
  return {
    say: (line) => void writeSync(fd, `${JSON.stringify({ ...line, t: Date.now() })}\n`),
    flush: () => {},
  };
}

/** Lines are in the file when `flush` returns: for who is never killed, and has much to say. */
export function bufferedDiary(file: string): Diary {
  const fd = openSync(file, "a");
  let lines: string[] = [];
  return {
    say(line) {
      lines.push(JSON.stringify({ ...line, t: Date.now() }));
    },
    flush() {
      if (lines.length > 0) writeSync(fd, `${lines.join("\n")}\n`);
      lines = [];
    },
  };
}
