/**
 * A history taken in: what is known of each message, and each node's lines in order.
 *
 * Rule: nothing is judged here but contradictions about one message (its content, its offset); everything else needs the whole
 * history first. Memory is a few words a line.
 */
import { type HistoryEvent, parseHistoryEvent } from "./history-event.ts";

/** What can be wrong with a history; the names are those of Jepsen's Kafka workload where it has one. */
export type AnomalyKind =
  | "lost"
  | "duplicate"
  | "unseen"
  | "out-of-order"
  | "phantom"
  | "skipped"
  | "false-gap"
  | "inconsistent-offset";

/** Something that must not happen has happened. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  /** The node that it happened to. */
  readonly who: string;
  /** The message's id; of a gap, its range. */
  readonly what: string;
  /** In words. */
  readonly detail: string;
  /** The lines that show it, counted from 1. */
  readonly lines: readonly number[];
}

/** A value, and the line that said it first. */
export interface Said<T> {
  readonly value: T;
  readonly line: number;
}

/** The beginning of a publish or an emit. */
export interface Begun {
  readonly node: Track;
  /** Which of the node's lines. */
  readonly at: number;
  readonly life: number;
  readonly line: number;
  readonly to: readonly string[];
  readonly except: readonly string[];
}

/** One handling of an emit. */
export interface Handling {
  readonly line: number;
  readonly t: number | undefined;
}

const NONE: readonly never[] = [];

/** All that is known of a message. */
export class Message {
  readonly id: string;
  /** `undefined`: nobody began it. */
  direction: "to-clients" | "to-server" | undefined;
  readonly begun: Begun[] = [];
  data: Said<string> | undefined;
  offset: Said<number> | undefined;
  /** Lines; 0: none. */
  acknowledged = 0;
  answered = 0;
  refused = 0;
  failed = 0;
  /** When an emit was acknowledged. */
  acknowledgedAt: number | undefined;
  /** The first lines that received and handled it, anywhere. */
  received = 0;
  handled = 0;
  /** Emits only. */
  handlings: readonly Handling[] = NONE;

  constructor(id: string) {
    this.id = id;
  }

  /** Whether it is known to be in the log. */
  get known(): boolean {
    return this.acknowledged > 0 || this.handled > 0;
  }

  /** Its place among what its only beginner began; `undefined` when it was begun more than once, or never. */
  get begin(): Begun | undefined {
    return this.begun.length === 1 ? this.begun[0] : undefined;
  }
}

/** The lines of one node, in order. */
export class Track {
  readonly node: string;
  life = 0;
  readonly #types: HistoryEvent["type"][] = [];
  readonly #things: (Message | HistoryEvent)[] = [];
  readonly #lines: number[] = [];
  /** Of the lines that name one. */
  readonly #sessions = new Map<number, string>();
  readonly #names = new Map<string, string>();

  constructor(node: string) {
    this.node = node;
  }

  get length(): number {
    return this.#lines.length;
  }

  add(event: HistoryEvent, line: number, message: Message | undefined): void {
    this.#types.push(event.type);
    this.#things.push(message ?? event);
    this.#lines.push(line);
    if ("session" in event && event.session !== undefined) {
      const { session } = event;
      // One text for all its lines.
      this.#sessions.set(
        this.#lines.length - 1,
        obtain(this.#names, session, () => session),
      );
    }
  }

  /** Calls back for each line. */
  walk(step: (type: HistoryEvent["type"], thing: Message | HistoryEvent, line: number, at: number) => void): void {
    for (let at = 0; at < this.#lines.length; at++) {
      step(
        this.#types[at] as HistoryEvent["type"],
        this.#things[at] as Message | HistoryEvent,
        this.#lines[at] as number,
        at,
      );
    }
  }

  /** The session that a line names. */
  session(at: number): string | undefined {
    return this.#sessions.get(at);
  }
}

/** The value under a key, made when it is not there. */
export function obtain<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** A history, as it is read. */
export class HistoryRecord {
  readonly tracks: Map<string, Track> = new Map();
  readonly messages: Map<string, Message> = new Map();
  readonly anomalies: Anomaly[] = [];
  readonly causes: Extract<HistoryEvent, { type: "cause" }>[] = [];
  readonly #lists = new Map<string, readonly string[]>();
  readonly #places = new Map<number, Message>();
  readonly #limit: number;
  #line = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Something is wrong. Beyond the limit it is not kept. */
  report(kind: AnomalyKind, who: string, what: string, detail: string, ...lines: (number | undefined)[]): void {
    if (this.anomalies.length >= this.#limit) return;
    this.anomalies.push({ kind, who, what, detail, lines: lines.filter((line): line is number => !!line) });
  }

  /** Takes in the next line. */
  add(text: string): void {
    const line = ++this.#line;
    if (text.trim() === "") return;
    const event = parseHistoryEvent(text, line);
    const track = obtain(this.tracks, event.node, () => new Track(event.node));
    if (event.type === "begin" && track.length > 0) track.life++;
    if (event.type === "cause") this.causes.push(event);
    const message = "id" in event ? obtain(this.messages, event.id, () => new Message(event.id)) : undefined;
    if (message) this.#note(message, event, track, line);
    track.add(event, line, message);
  }

  #note(message: Message, event: HistoryEvent, node: Track, line: number): void {
    switch (event.type) {
      case "publish":
      case "emit": {
        const { to = NONE, except = NONE } = event.type === "publish" ? event : {};
        message.direction = event.type === "publish" ? "to-clients" : "to-server";
        message.begun.push({
          node,
          at: node.length,
          life: node.life,
          line,
          to: this.#one(to),
          except: this.#one(except),
        });
        this.#content(message, event.data, node.node, line);
        break;
      }
      case "published":
      case "acked":
        message.acknowledged ||= line;
        message.acknowledgedAt ??= event.t;
        if (event.type === "published") this.#place(message, event.offset, node.node, line);
        break;
      case "answered":
      case "refused":
      case "failed":
        message[event.type] ||= line;
        break;
      case "received":
      case "handled":
      case "dead":
        this.#content(message, event.data, node.node, line);
        this.#place(message, event.offset, node.node, line);
        message.received ||= line;
        if (event.type === "handled") {
          message.handled ||= line;
          if (event.session !== undefined) message.handlings = [...message.handlings, { line, t: event.t }];
        }
    }
  }

  /** One list for all that are the same. */
  #one(rooms: readonly string[]): readonly string[] {
    return rooms.length === 0 ? NONE : obtain(this.#lists, JSON.stringify(rooms), () => rooms);
  }

  #content(message: Message, data: unknown, who: string, line: number): void {
    if (data === undefined) return;
    const value = JSON.stringify(data);
    message.data ??= { value, line };
    const { data: first } = message;
    if (first.value === value) return;
    const detail = `its content differs: ${first.value.slice(0, 80)} and ${value.slice(0, 80)}`;
    this.report("phantom", who, message.id, detail, first.line, line);
  }

  #place(message: Message, offset: number | undefined, who: string, line: number): void {
    if (offset === undefined) return;
    const { id } = message;
    if (message.offset === undefined) {
      message.offset = { value: offset, line };
      const other = this.#places.get(offset);
      if (other) {
        const detail = `at offset ${offset}, where ${other.id} is too`;
        this.report("inconsistent-offset", who, id, detail, other.offset?.line, line);
      } else this.#places.set(offset, message);
    } else if (message.offset.value !== offset) {
      const detail = `at offset ${message.offset.value}, and at ${offset}`;
      this.report("inconsistent-offset", who, id, detail, message.offset.line, line);
    }
  }
}
