/**
 * `io.delivery`: everything the package adds to a server, under one name.
 *
 * Rule: event names and Socket.IO's own surface belong to the application; nothing of ours is put there.
 */
import type { Server } from "socket.io";
import { DeliveryError } from "../core/error.ts";
import { formatPosition, type Offset } from "../core/position.ts";
import type { DeadLetter, StoredSession } from "../store/store.ts";
import { roomKey, sessionKey } from "./audience.ts";
import type { DeliveryEvents } from "./delivery-events.ts";
import { type DrainOptions, drain } from "./drain.ts";
import type { EventsOf } from "./event-types.ts";
import { type HistoryOptions, type HistoryPage, history } from "./history.ts";
import type { Hub } from "./hub.ts";
import { type KeysOf, Publishing } from "./operator.ts";
import type { Publisher } from "./publisher.ts";
import { trimStep } from "./retention.ts";

/** A session, as `io.delivery.sessions()` shows it. */
export interface SessionInfo {
  readonly id: string;
  readonly namespace: string;
  readonly principal: string | null;
  /** Whether a connection of it is on this node. */
  readonly connected: boolean;
  /** When it was last heard of, milliseconds since 1970. */
  readonly seenAt: number;
  /** Up to here the client has settled everything that is for it. */
  readonly cursor: Offset;
  /** Entries sent and not acknowledged as arrived. */
  readonly inFlight: number;
  /** Whether anything in the log may still be undelivered to it. */
  readonly behind: boolean;
  readonly rooms: readonly string[];
}

/** A dead letter with its arguments decoded. */
export interface DeadLetterInfo extends Omit<DeadLetter, "data"> {
  readonly event: string;
  readonly args: readonly unknown[];
}

/** `io.delivery`. */
export class ServerDelivery<E extends EventsOf = EventsOf> extends Publishing<E> {
  readonly #io: Server;
  readonly #hub: Hub;
  readonly #publisher: Publisher;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(io: Server, hub: Hub, publisher: Publisher, keysOf: KeysOf) {
    const session = (id: string) => hub.sessions.has(id) || hub.reached().then(() => hub.store.session(id));
    super({ publisher, keysOf, ready: hub.ready, session });
    this.#io = io;
    this.#hub = hub;
    this.#publisher = publisher;
  }

  /**
   * Where the log stands now, as opaque text. Read it before a snapshot's query, and give it to the client with the snapshot.
   * Rejects with a `STORE_*` code while the store fails.
   */
  async position(_room?: string): Promise<string> {
    const { failing } = this.#hub.writer;
    if (failing) throw failing;
    await this.#hub.writer.flushed();
    return formatPosition({ epoch: this.#hub.log.epoch, offset: this.#hub.dispatched });
  }

  /** Every session that is stored, in no particular order. */
  async *sessions(): AsyncGenerator<SessionInfo> {
    this.#hub.cursors.flush();
    let after = "";
    for (;;) {
      const page = await this.#hub.store.sessions(after, 500);
      for (const stored of page) yield this.#describe(stored);
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  /** Ends a session for good: its client, if connected, gets a new one, and is told of a gap. */
  async forget(session: string): Promise<void> {
    await this.#hub.writer.commit({ kind: "forget", session });
    const here = this.#hub.sessions.get(session);
    here?.connection?.end("SESSION_UNKNOWN");
  }

  /** A page of a room's history, whoever may read it. */
  history(room: string, options: HistoryOptions & { readonly namespace?: string } = {}): Promise<HistoryPage> {
    return history(this.#hub, roomKey(options.namespace ?? "/", room), options);
  }

  /** Messages and entries that were given up on. */
  readonly deadLetters = {
    /** Oldest first. @param after The id of the last one seen. */
    list: async (options: { readonly after?: string; readonly limit?: number } = {}): Promise<DeadLetterInfo[]> => {
      const letters = await this.#hub.store.deadLetters(options.after ?? "", options.limit ?? 100);
      return letters.map(({ data, ...letter }) => {
        const [event, ...args] = this.#hub.codec.decode(data);
        return { ...letter, event: String(event), args };
      });
    },
    /**
     * Tries again: what a client gave up on is published to its session once more; what the server gave up on is handed to the
     * handlers of the session's socket. Rejects with `SESSION_UNKNOWN` when that session is not connected here.
     */
    redrive: async (id: string): Promise<void> => {
      const letter = await this.#letter(id);
      const args = this.#hub.codec.decode(letter.data);
      if (letter.direction === "to-client") {
        await this.#publisher.publish({ keys: [sessionKey(letter.session)], except: [] }, args);
      } else {
        const handling = this.#hub.sessions.get(letter.session)?.handling;
        if (!handling) {
          throw new DeliveryError(
            "SESSION_UNKNOWN",
            "the sender of this message is not connected here; redrive it when it is.",
          );
        }
        await handling.again(letter.message, args);
      }
      await this.#hub.writer.commit({ kind: "unbury", letter: id });
    },
    /** Removes it. */
    discard: async (id: string): Promise<void> => {
      await this.#letter(id);
      await this.#hub.writer.commit({ kind: "unbury", letter: id });
    },
  };

  /** Listens to what happens in delivery. Answers the function that stops it. */
  on<N extends keyof DeliveryEvents>(event: N, listener: (value: DeliveryEvents[N]) => void): () => void {
    return this.#hub.events.on(event, listener);
  }

  /** One step of what happens by itself every ten seconds: trims the log and forgets sessions beyond their bounds. Answers whether there is more to do. */
  trim(): Promise<boolean> {
    return trimStep(this.#hub);
  }

  /** Counters since the start, and what is kept now. Plain numbers. */
  async metrics(): Promise<Record<string, number>> {
    const { entries, bytes, sessions, deadLetters } = await this.#hub.store.usage();
    const connected = [...this.#hub.sessions.values()].filter((session) => session.connection).length;
    const now = {
      entries,
      bytes,
      sessions,
      connected,
      deadLettersKept: deadLetters,
      pending: this.#hub.writer.pending,
    };
    return { ...this.#hub.metrics, ...now };
  }

  /**
   * Prepares for a stop: no new connections are taken, what was published is committed and acknowledged, then transports are
   * closed a few at a time, so that clients come back elsewhere, or after the restart, without a storm. Call `io.close()` after it.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    return drain(this.#io, this.#hub, options);
  }

  /** Commits what waits and closes the store. `io.close()` does it too. */
  close(): Promise<void> {
    this.#closing ??= this.#hub.close();
    return this.#closing;
  }

  async #letter(id: string): Promise<DeadLetter> {
    let after = "";
    for (;;) {
      const page = await this.#hub.store.deadLetters(after, 500);
      const found = page.find((letter) => letter.id === id);
      if (found) return found;
      const last = page.at(-1);
      if (!last) throw new DeliveryError("INVALID", `there is no dead letter "${String(id).slice(0, 40)}".`);
      after = last.id;
    }
  }

  #describe(stored: StoredSession): SessionInfo {
    const here = this.#hub.sessions.get(stored.id);
    const position = here?.position ?? stored.position;
    const prefix = roomKey(stored.namespace, "");
    return {
      id: stored.id,
      namespace: stored.namespace,
      principal: stored.principal,
      connected: here?.connection !== undefined,
      seenAt: here?.seenAt ?? stored.seenAt,
      cursor: here?.cursor ?? stored.cursor,
      inFlight: here?.connection?.inFlight ?? 0,
      behind: position < this.#hub.dispatched,
      rooms: stored.memberships
        .filter(({ key, until }) => until === null && key.startsWith(prefix))
        .map(({ key }) => key.slice(prefix.length)),
    };
  }
}
