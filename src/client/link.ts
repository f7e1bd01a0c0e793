/**
 * One session of a client: what it says first, what it makes of each frame, and what outlives a connection.
 *
 * Rule: nothing is sent before the server's welcome was understood and the session that it gave is saved. One change of what
 * is kept is saved at a time; what is marked meanwhile goes into the next.
 */
import type { ClientChange, ClientPlace, StorageHost } from "../client-storage.ts";
import { backoffMs } from "../core/backoff.ts";
import type { DeliveryError } from "../core/error.ts";
import type { Outgoing } from "../core/outbox.ts";
import { FRAME_EVENT, type Hello, PROTOCOL_VERSION, parseServerFrame, type Welcome } from "../core/wire.ts";
import type { ClientDelivery, DeliveryState } from "./api.ts";
import { travelling } from "./encode.ts";
import { type ReliableOptions, type Settings, settle } from "./options.ts";
import { createOutbox, type Message, type Outbox } from "./outbox.ts";
import { outcome } from "./outcome.ts";
import { createReader, type Reader } from "./reader.ts";
import { createSignals } from "./signals.ts";
import { EVENT, type RawSocket } from "./socket.ts";
import type { Ties } from "./ties.ts";

/** How long to wait before a hook, the storage or the connection is tried again. */
const RETRY = { minMs: 500, maxMs: 30_000 };

/** How long to wait for the last save. */
const LAST_SAVE_MS = 1_000;

/** A session. */
export interface Link {
  readonly ties: Ties;
  readonly outbox: Outbox;
  readonly reader: Reader;
  /** What the application sees of all this. */
  readonly delivery: Pick<ClientDelivery, "state" | "session" | "recovered" | "current" | "on" | "metrics">;
  /** Why what should be durable is not. */
  storageError(): DeliveryError | undefined;
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
  /** The page goes away: what is not saved yet is kept at once. */
  keep(): void;
  /** The page is put aside. It may come back; or another takes up the session. */
  suspend(): void;
  /** It is back: `then` is called when it is known whose the session is. */
  resume(then: () => void): void;
  /** Whether {@link Link.end} was called, and word of it. */
  ended(): boolean;
  readonly ending: AbortSignal;
  /** Lets go of timers and storage. */
  end(): void;
}

/** A session that begins now: the storage is loaded at once. @param scope Where the socket connects to. */
export function createLink(options: ReliableOptions, scope = ""): Link {
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
  /** What the present connection still brings is for a session that was left. */
  let left = false;
  /** The state, but for what {@link state} adds; "offline" once it has ended. */
  let phase: "connecting" | "plain" | "live" | "superseded" | "offline" = "connecting";
  let told: DeliveryState = "offline";
  const ending = new AbortController();
  let storageError: DeliveryError | undefined;
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
  let closed = false;
  const change = (messages: Iterable<[number, Message | undefined]>, last?: boolean): ClientChange => {
    const put: Outgoing[] = [];
    const remove: number[] = [];
    for (const [seq, message] of messages) {
      if (!message) remove.push(seq);
      // What is not text cannot be kept at once.
      else if (!last || message.text !== undefined) {
        const { id, args, text, wantsAnswer, bytes, expiresAt } = message;
        // As it was when it was emitted.
        const kept = storage.volatile || !args ? args : text ? JSON.parse(text) : travelling(args);
        put.push({ seq, id, args: kept, wantsAnswer, bytes, expiresAt });
      }
    }
    return { place: { session, token, nextSeq: outbox.nextSeq(), ...reader.place() }, put, remove };
  };
  const save = (): void => {
    scheduled = false;
    if (saving || !dirty || closed) return;
    saving = true;
    let place: ClientPlace;
    insist(
      () => {
        dirty = false;
        saved = new Map([...saved, ...marks]);
        marks = new Map();
        const next = change(saved);
        place = next.place;
        return storage.save(next);
      },
      () => {
        saved = new Map();
        saving = false;
        savedPlace = place;
        if (storage.durable) outbox.stored(place.nextSeq);
        outbox.pump();
        reader.saved(place);
        save();
        if (phase === "offline" && !saving) close();
      },
    );
  };

  const close = (): void => {
    if (closed) return;
    closed = true;
    outcome(() => storage.close(), changed, report);
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

  /** Leaves the session; the next connection begins another. */
  const leave = (): void => {
    left = true;
    session = token = undefined;
    ties.touch();
    if (phase === "live") phase = "connecting";
  };

  /** What waits for the storage goes on. */
  const start = (then?: () => void): void => {
    const waiting = early ?? [];
    early = undefined;
    for (const go of waiting) go();
    then?.();
  };

  const host: StorageHost = {
    scope,
    changed(error) {
      storageError = error;
      signal("outbox", undefined);
      if (error) queueMicrotask(() => report(error));
    },
    lost() {
      // What was saved before is the other's to deliver.
      marks = new Map();
      outbox.handOver(ties.savedSeq());
      leave();
      if (phase === "superseded") socket.connect();
      else socket.io.engine?.close();
    },
  };

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
    storageError: () => storageError,
    bind(given) {
      socket = given;
      changed();
    },
    hello() {
      welcome = undefined;
      left = false;
      phase = "connecting";
      return { v: PROTOCOL_VERSION, floor: outbox.floor(), session, token, ...reader.claim() } as Hello;
    },
    wrapped: () => left || welcome !== undefined,
    frame(raw) {
      if (left) return;
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
        leave();
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
      if (left) return;
      phase = welcome ? "live" : "plain";
      changed();
    },
    pump() {
      if (phase !== "live") return;
      if (storage.volatile) save();
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
    suspend() {
      early ??= [];
      storage.suspend?.();
    },
    resume: (then) =>
      outcome(
        () => storage.resume?.(),
        () => start(then),
        () => start(then),
      ),
    keep() {
      if (dirty || saving) storage.last?.(change([...saved, ...marks], true));
    },
    ended: () => phase === "offline",
    ending: ending.signal,
    end() {
      save();
      outbox.pump();
      phase = "offline";
      ending.abort();
      for (const cancel of Object.values(timers)) cancel();
      // What is being saved, and what came after, is waited for, if the storage does its work at all.
      if (saving) clock.at(clock.now() + LAST_SAVE_MS, close);
      else close();
    },
  };

  insist(
    () => storage.load(host),
    (kept) => {
      if (kept) {
        ({ session, token } = kept);
        savedPlace = kept;
        outbox.restore(kept.nextSeq, kept.messages);
        reader.restore(kept);
        signal("outbox", undefined);
      }
      start();
    },
  );
  return link;
}
