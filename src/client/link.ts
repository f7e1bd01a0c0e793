/**
 * One session of a client: what it says first, what it makes of each frame, and what outlives a connection.
 *
 * Rule: nothing is sent before the server's welcome was understood and the session that it gave is saved. One change of what
 * is kept is saved at a time; what is marked meanwhile goes into the next.
 */
import type { ClientPlace } from "../client-storage.ts";
import { backoffMs } from "../core/backoff.ts";
import type { Outgoing } from "../core/outbox.ts";
import { FRAME_EVENT, type Hello, PROTOCOL_VERSION, parseServerFrame, type Welcome } from "../core/wire.ts";
import type { ClientDelivery, DeliveryState } from "./api.ts";
import { type ReliableOptions, type Settings, settle } from "./options.ts";
import { createOutbox, type Message, type Outbox } from "./outbox.ts";
import { outcome } from "./outcome.ts";
import { createReader, type Reader } from "./reader.ts";
import { createSignals } from "./signals.ts";
import { EVENT, type RawSocket } from "./socket.ts";
import type { Ties } from "./ties.ts";

/** How long to wait before a hook, the storage or the connection is tried again. */
const RETRY = { minMs: 500, maxMs: 30_000 };

/** A session. */
export interface Link {
  readonly ties: Ties;
  readonly outbox: Outbox;
  readonly reader: Reader;
  /** What the application sees of all this. */
  readonly delivery: Pick<ClientDelivery, "state" | "session" | "recovered" | "current" | "on" | "metrics">;
  /** The socket that carries the frames and has the listeners. Bound before anything else is called. */
  bind(socket: RawSocket): void;
  /** Calls `wake` after some waiting, the longer the more failures there were. */
  again(failures: number, wake: () => void): void;
  /** A connection is being made; what to say first. */
  hello(): Hello;
  /** Whether this connection, or the one that is being made, is to a wrapped server. */
  wrapped(): boolean;
  /** A frame came: what followed its event name. */
  frame(raw: readonly unknown[]): void;
  /** Socket.IO's CONNECT came. */
  connected(): void;
  /** Something else is about to be sent: messages go first. */
  pump(): void;
  /** Listeners are about to hear of the connection. */
  start(): void;
  /** The connection ended, or could not be made. */
  closed(): void;
  /** Whether {@link Link.end} was called. */
  ended(): boolean;
  /** Lets go of timers and storage. */
  end(): void;
}

/** A session that begins now: the storage is loaded at once. */
export function createLink(options: ReliableOptions): Link {
  const settings: Settings = settle(options);
  const { clock, storage, random } = settings;
  const { on, signal } = createSignals();
  const metrics: Ties["metrics"] = {
    received: 0,
    duplicates: 0,
    badFrames: 0,
    gaps: 0,
    redelivered: 0,
    dead: 0,
    unheard: 0,
    held: 0,
    waiting: 0,
    resends: 0,
    failed: 0,
  };
  const timers: Record<number, () => void> = {};
  let timersMade = 0;
  let socket: RawSocket;
  let session: string | undefined;
  let token: string | undefined;
  let welcome: Welcome | undefined;
  /** The state, but for what {@link state} adds; "offline" once it has ended. */
  let phase: "connecting" | "plain" | "live" | "superseded" | "offline" = "connecting";
  let told: DeliveryState = "offline";
  /** What waits for the storage to be loaded. */
  let early: (() => void)[] | undefined = [];

  const report = (error: unknown): void => signal("error", error);
  const after: Ties["after"] = (ms, wake) => {
    const id = timersMade++;
    const cancel = clock.at(clock.now() + ms, () => {
      delete timers[id];
      wake();
    });
    timers[id] = cancel;
    return () => {
      delete timers[id];
      cancel();
    };
  };
  const again: Link["again"] = (failures, wake) => void after(backoffMs(RETRY, failures, random()), wake);
  const insist = <T>(run: () => T | PromiseLike<T>, ok: (value: T) => void, failures = 1): void =>
    outcome(run, ok, (error) => {
      // Not before there can be a listener.
      queueMicrotask(() => report(error));
      again(failures, () => insist(run, ok, failures + 1));
    });

  const state = (): DeliveryState => {
    if ((phase === "live" || phase === "connecting") && reader.resyncing()) return "resyncing";
    return phase === "connecting" && !socket.active ? "offline" : phase;
  };
  const changed = (): void => {
    const now = state();
    if (now === told) return;
    told = now;
    signal("state", now);
  };

  /** What is to be saved, and what is being saved. */
  let marks = new Map<number, Message | undefined>();
  let saved = new Map<number, Message | undefined>();
  let savedPlace: ClientPlace | undefined;
  let dirty = false;
  let saving = false;
  let scheduled = false;
  const save = (): void => {
    scheduled = false;
    if (saving || !dirty || phase === "offline") return;
    saving = true;
    let place: ClientPlace;
    insist(
      () => {
        dirty = false;
        place = { session, token, nextSeq: outbox.nextSeq(), ...reader.place() };
        saved = new Map([...saved, ...marks]);
        marks = new Map();
        const put: Outgoing[] = [];
        const remove: number[] = [];
        for (const [seq, message] of saved) {
          if (!message) remove.push(seq);
          else {
            const { id, args, text, wantsAnswer, bytes, expiresAt } = message;
            // As it was when it was emitted.
            const kept = text && storage.durable ? JSON.parse(text) : args;
            put.push({ seq, id, args: kept, wantsAnswer, bytes, expiresAt });
          }
        }
        return storage.save({ place, put, remove });
      },
      () => {
        saved = new Map();
        saving = false;
        savedPlace = place;
        outbox.pump();
        reader.saved(place);
        save();
      },
    );
  };

  const ties: Ties = {
    settings,
    metrics,
    signal,
    after,
    insist,
    changed,
    socket: () => socket,
    send: (frame, compress = true) =>
      socket.packet({ type: EVENT, data: [FRAME_EVENT, ...frame], options: { compress } }),
    safely: (run) => outcome(run, () => {}, report),
    loaded(then) {
      if (early) early.push(then);
      else then();
    },
    ready: () => phase === "live" && savedPlace?.token === token,
    savedSeq: () => (savedPlace?.nextSeq ?? 1) - 1,
    unsaved: (seq) => marks.has(seq) || saved.has(seq),
    mark(seq, message) {
      marks.set(seq, message);
      ties.touch();
      signal("outbox", undefined);
    },
    touch() {
      if (phase === "offline") return;
      dirty = true;
      // A burst of emits is one change, and one frame.
      if (!scheduled) queueMicrotask(save);
      scheduled = true;
    },
  };
  const outbox = createOutbox(ties);
  const reader = createReader(ties, (dead) => outbox.emit([FRAME_EVENT, "d", dead], true));

  const link: Link = {
    ties,
    outbox,
    reader,
    again,
    delivery: {
      on,
      metrics: () => ({ ...metrics }),
      get state() {
        return state();
      },
      get session() {
        return session;
      },
      get recovered() {
        return welcome?.resumed === true && welcome.gaps.length === 0;
      },
      get current() {
        return reader.current;
      },
    },
    bind(given) {
      socket = given;
      changed();
    },
    hello() {
      welcome = undefined;
      phase = "connecting";
      return { v: PROTOCOL_VERSION, floor: outbox.floor(), session, token, ...reader.claim() } as Hello;
    },
    wrapped: () => welcome !== undefined,
    frame(raw) {
      const frame = parseServerFrame(raw);
      if (!frame || (frame[1] === "w" ? phase !== "connecting" || welcome : !welcome)) metrics.badFrames++;
      else if (frame[1] === "w") {
        welcome = frame[2];
        ({ session, token } = welcome);
        reader.welcome(welcome);
        outbox.connected(welcome.received, welcome.payloadBytes);
        ties.touch();
        const { offset, resumed } = welcome;
        if (resumed) signal("replay", { offset, recovered: link.delivery.recovered });
      } else if (frame[1] === "x") {
        session = token = undefined;
        ties.touch();
        if (frame[2] === "SUPERSEDED") {
          phase = "superseded";
          socket.disconnect();
          changed();
        } else socket.io.engine?.close();
      } else if (reader.frame(frame) && frame[1] === "a") {
        // Entries that came before an answer are seen before it.
        reader.run();
        outbox.reported(frame[2], frame[3], frame[4], frame[5]);
      }
    },
    connected() {
      phase = welcome ? "live" : "plain";
      changed();
    },
    pump() {
      if (phase !== "live") return;
      if (!storage.durable) save();
      outbox.pump();
    },
    start() {
      if (phase !== "live") return;
      link.pump();
      reader.start();
    },
    closed() {
      if (phase !== "superseded" && phase !== "offline") phase = "connecting";
      if (welcome) outbox.closed();
      changed();
    },
    ended: () => phase === "offline",
    end() {
      save();
      outbox.pump();
      phase = "offline";
      for (const cancel of Object.values(timers)) cancel();
      outcome(() => storage.close(), changed, report);
    },
  };

  insist(
    () => storage.load(),
    (kept) => {
      if (kept) {
        ({ session, token } = kept);
        savedPlace = kept;
        outbox.restore(kept.nextSeq, kept.messages);
        reader.restore(kept);
      }
      const waiting = early ?? [];
      early = undefined;
      for (const then of waiting) then();
    },
  );
  return link;
}
