/**
 * One connection through the fault proxy: two sockets, and what each direction does to the bytes on their way.
 *
 * Rule: bytes are held, delayed or never passed on, but never altered, reordered or dropped from the middle: that is what a
 * network does to TCP. What is held stays bounded, because the sender is made to wait.
 */
import type { Socket } from "node:net";

/** Which way bytes go. */
export type Direction = "toServer" | "toClient";

/** A delay of bytes on their way. */
export interface Latency {
  /** Milliseconds that each piece is held up. */
  readonly latencyMs: number;
  /** Up to so many more, by chance. Order is kept. Default: 0. */
  readonly jitterMs?: number;
}

/** Bytes that may wait in a direction before its sender has to. */
const HELD_BYTES = 1_048_576;

/** One direction of a connection. */
class Lane {
  /** Nothing passes. */
  held = false;
  latency: Latency | undefined;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #random: () => number;
  readonly #waiting: { readonly chunk: Buffer | undefined; readonly dueAt: number }[] = [];
  #waitingBytes = 0;
  #lastDueAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #left = Number.POSITIVE_INFINITY;
  #exhausted: (() => void) | undefined;
  #stopped = false;

  /** @param seen Sees what comes, before anything is done with it. */
  constructor(source: Socket, sink: Socket, random: () => number, seen: (chunk: Buffer) => void) {
    this.#source = source;
    this.#sink = sink;
    this.#random = random;
    source.on("data", (chunk: Buffer) => {
      seen(chunk);
      this.#take(chunk);
    });
    source.on("end", () => this.#take(undefined));
    sink.on("drain", () => this.flow());
  }

  /** After so many more bytes nothing passes, and `exhausted` is called once they are passed on. */
  limit(bytes: number, exhausted: () => void): void {
    this.#left = bytes;
    this.#exhausted = exhausted;
  }

  /** Something passes again. */
  resume(): void {
    if (this.#stopped) return;
    this.held = false;
    this.flow();
  }

  /** Passes on what may be, and lets the source go on when there is room. */
  flow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.held) {
      this.#source.pause();
      return;
    }
    const now = performance.now();
    for (let next = this.#waiting[0]; next && next.dueAt <= now && !this.held; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#waitingBytes -= next.chunk?.length ?? 0;
      this.#pass(next.chunk);
    }
    const next = this.#waiting[0];
    if (next && !this.held) this.#timer = setTimeout(() => this.flow(), Math.max(1, next.dueAt - now));
    if (!this.held && this.#waitingBytes < HELD_BYTES && !this.#sink.writableNeedDrain) this.#source.resume();
  }

  /** Nothing passes any more. */
  stop(): void {
    this.held = true;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #take(chunk: Buffer | undefined): void {
    if (this.#stopped) return;
    const { latencyMs = 0, jitterMs = 0 } = this.latency ?? {};
    const dueAt = Math.max(this.#lastDueAt, performance.now() + latencyMs + jitterMs * this.#random());
    if (!this.held && this.#waiting.length === 0 && !this.latency) {
      this.#pass(chunk);
      return;
    }
    this.#lastDueAt = dueAt;
    this.#waiting.push({ chunk, dueAt });
    this.#waitingBytes += chunk?.length ?? 0;
    if (this.held || this.#waitingBytes >= HELD_BYTES) this.#source.pause();
    if (!this.#timer) this.flow();
  }

  #pass(chunk: Buffer | undefined): void {
    if (chunk === undefined) {
      this.#sink.end();
      return;
    }
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    this.#left -= part.length;
    if (this.#left > 0) {
      if (!this.#sink.write(part)) this.#source.pause();
      return;
    }
    const exhausted = this.#exhausted;
    this.#left = Number.POSITIVE_INFINITY;
    this.held = true;
    this.#source.pause();
    const rest = chunk.subarray(part.length);
    if (rest.length > 0) this.#waiting.unshift({ chunk: rest, dueAt: 0 });
    this.#waitingBytes += rest.length;
    this.#sink.write(part, () => exhausted?.());
  }
}

/** What is told of a connection. */
export interface LinkEvents {
  /** Either side has ended it. */
  closed(): void;
  /** The client asks for a WebSocket. Called before the last `pending` bytes of its request's head are passed on. */
  upgrade(head: string, pending: number): void;
}

/** A head of a request that is longer is not looked at, bytes. */
const HEAD_BYTES = 16_384;

/** One connection. */
export class Link {
  readonly near: Socket;
  readonly far: Socket;
  readonly #lanes: Record<Direction, Lane>;
  readonly #events: LinkEvents;
  #head: Buffer | undefined = Buffer.alloc(0);
  #open = true;

  constructor(near: Socket, far: Socket, random: () => number, events: LinkEvents) {
    this.near = near;
    this.far = far;
    this.#events = events;
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
    }
    this.#lanes = {
      toServer: new Lane(near, far, random, (chunk) => this.#read(chunk)),
      toClient: new Lane(far, near, random, () => {}),
    };
    // After abandon() nobody listens any more, and the server's side stays.
    near.on("close", () => this.#closed());
    far.on("close", () => this.#closed());
  }

  /** Nothing passes in this direction until {@link resume}; nobody is told. */
  hold(direction: Direction): void {
    this.#lanes[direction].held = true;
    this.#lanes[direction].flow();
  }

  resume(): void {
    for (const lane of Object.values(this.#lanes)) lane.resume();
  }

  delay(latency: Latency | undefined): void {
    for (const lane of Object.values(this.#lanes)) {
      lane.latency = latency;
      lane.flow();
    }
  }

  /** Ends after so many more bytes in this direction, all of which arrive. */
  cutAfter(bytes: number, direction: Direction): void {
    this.after(bytes, direction, () => this.cut());
  }

  /** Lets so many more bytes pass in this direction, and none after them; `then` is called once they are passed on. */
  after(bytes: number, direction: Direction, then: () => void): void {
    if (bytes <= 0) then();
    else this.#lanes[direction].limit(bytes, then);
  }

  /** Ends on both sides. */
  cut(): void {
    this.#stop();
    this.near.destroy();
    this.far.destroy();
    this.#closed();
  }

  /** Ends with a reset (RST) on both sides. */
  reset(): void {
    this.#stop();
    this.near.resetAndDestroy();
    this.far.resetAndDestroy();
    this.#closed();
  }

  /** Ends on the client's side; the server is told nothing, and hears nothing any more. Answers the server's side. */
  abandon(): Socket {
    this.#stop();
    this.far.pause();
    this.#open = false;
    this.near.destroy();
    return this.far;
  }

  #stop(): void {
    for (const lane of Object.values(this.#lanes)) lane.stop();
  }

  #closed(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stop();
    this.near.destroy();
    this.far.destroy();
    this.#events.closed();
  }

  /** Looks at the first request of the connection: one that asks for a WebSocket is never a later one. */
  #read(chunk: Buffer): void {
    if (!this.#head) return;
    const before = this.#head.length;
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0 && this.#head.length < HEAD_BYTES) return;
    const head = this.#head.toString("latin1", 0, Math.max(0, end));
    this.#head = undefined;
    if (/\r\nupgrade: *websocket/i.test(head)) this.#events.upgrade(head, end + 4 - before);
  }
}
