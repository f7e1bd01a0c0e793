/**
 * One session of a client: what it says first, what it makes of each frame, and what outlives a connection.
 *
 * Rule: nothing is sent before the server's welcome was understood and the session that it gave is saved.
 */
import type { ClientPlace } from "../client-storage.ts";
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { FRAME_EVENT, type Hello, PROTOCOL_VERSION, parseServerFrame, type Welcome } from "../core/wire.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import { createKeeper, RETRY } from "./keeper.ts";
import { type ReliableOptions, type Settings, settle } from "./options.ts";
import { outcome } from "./outcome.ts";
import { createReader, type Reader } from "./reader.ts";
import { createSender, type Sender } from "./sender.ts";
import type { Acknowledge, Sending } from "./sending.ts";
import { createSignals, type DeliveryState, type Signals } from "./signals.ts";
import type { Host, Ties } from "./ties.ts";

/** A session. */
export interface Link {
  readonly settings: Settings;
  readonly signals: Signals;
  readonly sender: Sender;
  readonly reader: Reader;
  readonly dispatch: Dispatch;
  readonly state: DeliveryState;
  readonly session: string | undefined;
  /** Whether the last connection took the session up and nothing was missed. */
  readonly recovered: boolean;
  /** Whether this connection, or the one that is being made, is to a wrapped server. */
  readonly wrapped: boolean;
  /** Whether it is connected to a wrapped server. */
  readonly live: boolean;
  readonly badFrames: number;
  /** What carries the frames. Set before anything else is called. */
  bind(host: Host): void;
  /** Calls `then` once the storage is loaded; at once when it is. */
  loaded(then: () => void): void;
  /** A connection is being made; what to say first. */
  hello(): Hello;
  /** A frame came: what followed its event name. */
  frame(raw: readonly unknown[]): void;
  /** Socket.IO's CONNECT came. Answers whether the server is wrapped. */
  connected(): boolean;
  /** Something else is about to be sent, or (`up`) listeners are about to hear of the connection: messages go first. */
  start(up: boolean): void;
  /** Takes everything out of the outbox, for a server that is not wrapped. */
  drain(): Sending[];
  /** The connection ended, or could not be made. */
  closed(): void;
  /** Takes event and arguments into the outbox. */
  emit(args: readonly unknown[], ack?: Acknowledge, timeoutMs?: number, compress?: boolean): Sending;
  /** Lets go of timers and storage. */
  end(): void;
}

/** A session that begins now: the storage is loaded at once. */
export function createLink(options: ReliableOptions): Link {
  const given = settle(options);
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => given.clock.now(),
    at(at, wake) {
      const stop = (): void => {
        timers.delete(stop);
        cancel();
      };
      const cancel = given.clock.at(at, () => {
        timers.delete(stop);
        wake();
      });
      timers.add(stop);
      return stop;
    },
  };
  const settings: Settings = { ...given, clock };
  const { storage, random } = settings;
  const signals = createSignals();
  const report = (error: unknown): void => signals.emit("error", error);

  let host: Host;
  let session: string | undefined;
  let token: string | undefined;
  let welcome: Welcome | undefined;
  let phase: "down" | "plain" | "live" | "superseded" | "ended" = "down";
  let told: DeliveryState = "offline";
  let savedPlace: ClientPlace | undefined;
  let badFrames = 0;
  let early: (() => void)[] | undefined = [];

  const state = (): DeliveryState => {
    if (phase === "superseded" || phase === "plain") return phase;
    if (reader.queue.resyncing) return "resyncing";
    if (phase === "live") return phase;
    return phase !== "ended" && host.active() ? "connecting" : "offline";
  };
  const changed = (): void => {
    const now = state();
    if (now === told) return;
    told = now;
    signals.emit("state", now);
  };

  const keeper = createKeeper({
    storage,
    clock,
    random,
    report,
    place: () => ({
      session,
      token,
      epoch: reader.epoch,
      cursor: reader.receiver.cursor,
      above: reader.receiver.above,
      last: reader.last,
      gaps: reader.queue.gaps(),
      nextSeq: sender.outbox.nextSeq,
    }),
    saved(place) {
      savedPlace = place;
      sender.pump();
      reader.saved(place);
    },
  });
  const ties: Ties = {
    signals,
    host: () => host,
    ready: () => phase === "live" && savedPlace?.token === token,
    loaded: (then) => link.loaded(then),
    touch: () => phase !== "ended" && keeper.touch(),
    mark(seq, message) {
      keeper.mark(seq, message);
      signals.emit("outbox", undefined);
    },
  };
  const sender = createSender(settings, ties, () => (savedPlace?.nextSeq ?? 1) - 1);
  const dispatch = createDispatch(settings, ties, (dead) => {
    sender.emit([FRAME_EVENT, "d", dead], undefined, true, true);
  });
  const reader = createReader(settings, ties, dispatch, changed);

  const load = (failures: number): void => {
    outcome(
      () => storage.load(),
      (kept) => {
        if (kept) {
          ({ session, token } = kept);
          savedPlace = kept;
          sender.restore(kept.nextSeq, kept.messages);
          reader.restore(kept);
        }
        const waiting = early ?? [];
        early = undefined;
        for (const then of waiting) then();
      },
      (error) => {
        // Not before there can be a listener.
        queueMicrotask(() => report(error));
        clock.at(clock.now() + backoffMs(RETRY, failures, random()), () => load(failures + 1));
      },
    );
  };

  const link: Link = {
    settings,
    signals,
    sender,
    reader,
    dispatch,
    get state() {
      return state();
    },
    get session() {
      return session;
    },
    get recovered() {
      return welcome?.resumed === true && welcome.gaps.length === 0;
    },
    get wrapped() {
      return welcome !== undefined;
    },
    get live() {
      return phase === "live";
    },
    get badFrames() {
      return badFrames;
    },
    bind(given) {
      host = given;
      changed();
    },
    loaded(then) {
      if (early) early.push(then);
      else then();
    },
    hello() {
      welcome = undefined;
      phase = "down";
      const { epoch, last, receiver } = reader;
      return {
        v: PROTOCOL_VERSION,
        floor: sender.outbox.floor,
        ...(session !== undefined && token !== undefined && { session, token }),
        ...(epoch !== undefined && { epoch, offset: receiver.received }),
        ...(last && { last }),
      };
    },
    frame(raw) {
      const frame = parseServerFrame(raw);
      if (!frame || (frame[1] === "w" ? phase !== "down" || welcome : !welcome)) {
        badFrames++;
        return;
      }
      if (frame[1] === "w") {
        welcome = frame[2];
        ({ session, token } = welcome);
        reader.welcome(welcome);
        sender.connected(welcome.received, welcome.payloadBytes);
        ties.touch();
        const { offset, resumed } = welcome;
        if (resumed) signals.emit("replay", { offset, recovered: link.recovered });
      } else if (frame[1] === "x") {
        session = token = undefined;
        ties.touch();
        if (frame[2] === "SUPERSEDED") {
          phase = "superseded";
          host.leave();
          changed();
        } else host.close();
      } else if (reader.takes(frame)) {
        if (frame[1] === "a") sender.reported(frame[2], frame[3], frame[4], frame[5]);
        reader.read(frame);
      }
    },
    connected() {
      phase = welcome ? "live" : "plain";
      changed();
      return link.wrapped;
    },
    start(up) {
      if (phase !== "live") return;
      sender.pump();
      if (up) reader.start();
    },
    drain: sender.drain,
    closed() {
      if (phase !== "superseded" && phase !== "ended") phase = "down";
      if (welcome) sender.closed();
      changed();
    },
    emit(args, ack, timeoutMs, compress) {
      const until = clock.now() + (timeoutMs ?? 0);
      return sender.emit(args, ack && { ack, timeoutMs, until }, compress);
    },
    end() {
      phase = "ended";
      for (const cancel of timers) cancel();
      outcome(() => storage.close(), changed, report);
    },
  };
  load(1);
  return link;
}
