/**
 * The client's side of server to client: from frames to the listeners of entries, and back to what is acknowledged.
 *
 * Rule: frames are numbered, so none is missing without notice; entries are handed out once, in log order, those after a gap
 * when its `resync` has settled; the cursor is saved before it is acknowledged (protocol R21 to R29).
 */
import type { ClientPlace } from "../client-storage.ts";
import { backoffMs } from "../core/backoff.ts";
import { DeliveryError } from "../core/error.ts";
import { type Epoch, type Offset, parsePosition } from "../core/position.ts";
import { Receiver } from "../core/receiver.ts";
import type { DeadReport, ServerFrame, Welcome, WireGap } from "../core/wire.ts";
import type { Current } from "./api.ts";
import { outcome } from "./outcome.ts";
import type { AnyFunction } from "./socket.ts";
import type { Ties } from "./ties.ts";

const TURN = Promise.resolve();

/** Waits between two attempts at an entry. */
const BACKOFF = { minMs: 100, maxMs: 5_000 };

/** An entry, or a gap, on its way to the application. */
interface Item {
  /** Where it is, or where the gap ends. */
  readonly offset: Offset;
  /** The life of the cursor to which it belongs. */
  readonly receiver: Receiver;
  readonly gap: WireGap | undefined;
  readonly id: string;
  readonly args: readonly unknown[];
  /** Whether it waits for a first listener. */
  held: boolean;
}

/** A call of one listener. */
type Job = readonly [listener: AnyFunction, given: readonly unknown[]];

/** Reads. */
export interface Reader {
  /** The entry whose listener is being called, until its first `await`. */
  current: Current | undefined;
  /** Everything up to here has reached this client; the last entry that did. */
  claim(): { epoch?: Epoch | undefined; offset?: Offset | undefined; last?: ClientPlace["last"] };
  /** What is to be kept. */
  place(): Pick<ClientPlace, "epoch" | "cursor" | "above" | "last" | "gaps">;
  resyncing(): boolean;
  /** What an earlier life left behind. */
  restore(place: ClientPlace): void;
  /** A connection begins: nothing is handed out before it is up. */
  welcome(welcome: Welcome): void;
  /** The connection is up. */
  start(): void;
  /** Takes what a frame carries. Answers whether the frame was the next one. */
  frame(frame: ServerFrame): boolean;
  /** This much is saved. */
  saved(place: ClientPlace): void;
  /** Hands out at once what may be: something that came later is about to be seen. */
  run(): void;
  /** Says at once how far it is. */
  acknowledge(): void;
  /** There is a listener of this event now; `undefined`: of every event. */
  release(event: string | undefined): void;
}

/** A reader. `bury` sends word of an entry that was given up. */
export function createReader(ties: Ties, bury: (dead: DeadReport) => void): Reader {
  const { settings, metrics, signal, after, socket, send, ready, touch } = ties;
  const { clock, random, resync, maxHeld } = settings;
  const serial = settings.dispatch === "serial";
  let epoch: Epoch | undefined;
  let receiver = new Receiver();
  let last: ClientPlace["last"];

  /** The last frame's number, and what it was when the present save began. */
  let number = 0;
  let placed = 0;
  /** Whether the server was told that a frame is missing. */
  let missing = false;
  /** Entries since the last acknowledgement, and how many are not to wait for it. */
  let since = 0;
  let halfWindow = 0;
  /** Whether to acknowledge when what is kept was saved. */
  let due = false;
  let asked = false;
  let cancelAck: (() => void) | undefined;
  let ackedAt = Number.NEGATIVE_INFINITY;
  let ackedCursor = 0;

  /** What waits, is held or, if it is a gap, is being dealt with; in order. No Set: see the outbox. */
  const items: Item[] = [];
  /** Whether a turn is scheduled. */
  let turning = false;
  let shut = false;
  let busy = false;
  let resyncing = false;
  /** What the last snapshot contains. */
  let contained: { receiver: Receiver; offset: Offset } | undefined;

  const fire = (): void => {
    asked = false;
    cancelAck?.();
    cancelAck = undefined;
    due = true;
    touch();
  };
  const wantAck = (urgent: boolean): void => {
    if (asked || (cancelAck && !urgent)) return;
    // A clock that was set back must not hold it longer.
    const waitMs = urgent ? 0 : Math.min(ackedAt - clock.now(), 0) + settings.ackDelayMs;
    if (waitMs > 0) cancelAck = after(waitMs, fire);
    else {
      asked = true;
      // After the microtasks that hand out what came, so that one acknowledgement says both.
      queueMicrotask(fire);
    }
  };
  const stopAck = (): void => {
    due = false;
    since = 0;
    cancelAck?.();
    cancelAck = undefined;
  };

  // One turn of the microtask queue each, as Socket.IO's Manager does it; what a listener puts there comes before the next.
  const turn = (): void => {
    turning = false;
    step();
    schedule();
  };
  const schedule = (): void => {
    if (turning || shut || busy || metrics.waiting === 0) return;
    turning = true;
    // Costs a third of what `queueMicrotask` does in Node.
    void TURN.then(turn);
  };
  const add = (offset: Offset, id: string, args: readonly unknown[], gap?: WireGap): void => {
    items.push({ offset, id, args, gap, receiver, held: false });
    metrics.waiting++;
    schedule();
  };
  const free = (): void => {
    busy = false;
    schedule();
  };
  const remove = (item: Item): void => void items.splice(items.indexOf(item), 1);
  const settle = (item: Item): void => {
    if (item.gap) ties.changed();
    else item.receiver.settle(item.offset);
    if (due || receiver.cursor !== ackedCursor) wantAck(false);
  };
  const report = (gap: WireGap): void => {
    metrics.gaps++;
    if (resync) add(gap.to, "", [], gap);
    signal("gap", gap);
  };

  const step = (): void => {
    if (shut || busy) return;
    for (const item of items) {
      if (item.held) continue;
      metrics.waiting--;
      const { gap } = item;
      if (item.receiver === contained?.receiver && item.offset <= contained.offset) {
        remove(item);
        settle(item);
      } else if (gap) load(item, gap);
      else hand(item);
      return;
    }
  };

  const load = (item: Item, gap: WireGap): void => {
    busy = resyncing = true;
    ties.changed();
    ties.insist(
      () => resync?.(gap),
      (answer) => {
        const position = parsePosition(answer);
        if (position && position.epoch === epoch) contained = { receiver: item.receiver, offset: position.offset };
        else if (answer) signal("error", new DeliveryError("INVALID", "resync answered no present position"));
        resyncing = false;
        remove(item);
        free();
        settle(item);
      },
    );
  };

  const hand = (item: Item): void => {
    const { id, offset, args } = item;
    const host = socket();
    const [event, ...given] = args as [string, ...unknown[]];
    if (host.listenersAny().length + host.listeners(event).length === 0) {
      hold(item);
      return;
    }
    busy = serial;
    remove(item);

    /** Calls the listeners, or those that failed before, alone; those that fail are called again after a wait. */
    const round = (attempt: number, again?: Job[]): void => {
      const failed: Job[] = [];
      let failure: unknown;
      let open = 1;
      const done = (): void => {
        if (--open > 0) return;
        if (failed.length > 0) {
          signal("error", failure);
          if (attempt < settings.maxDeliveries) {
            after(backoffMs(BACKOFF, attempt, random()), () => {
              metrics.redelivered++;
              round(attempt + 1, failed);
            });
            return;
          }
          metrics.dead++;
          bury({ offset, attempts: attempt, reason: String(failure).slice(0, 500) });
          signal("dead-letter", { id, offset, args, attempts: attempt, error: failure });
        }
        if (serial) free();
        settle(item);
        signal("settled", { id, offset, attempts: attempt });
      };
      const call = (...job: Job): void => {
        open++;
        const outer = reader.current;
        reader.current = { id, offset, attempt };
        outcome(
          () => job[0].apply(host, job[1] as unknown[]),
          done,
          (error) => {
            failed.push(job);
            failure = error;
            done();
          },
        );
        reader.current = outer;
      };
      if (again) for (const job of again) call(...job);
      else {
        for (const listener of [...host.listenersAny()]) call(listener, args);
        for (const listener of [...host.listeners(event)] as (AnyFunction & { fn?: AnyFunction })[]) {
          // What `once` registers calls the listener and forgets what it answers.
          if (listener.fn) host.off(event, listener);
          call(listener.fn ?? listener, given);
        }
      }
      done();
    };
    round(1);
  };

  const hold = (item: Item): void => {
    item.held = true;
    if (++metrics.held <= maxHeld) return;
    for (const oldest of items) {
      if (!oldest.held) continue;
      metrics.held--;
      metrics.unheard++;
      remove(oldest);
      settle(oldest);
      return;
    }
  };

  const reader: Reader = {
    current: undefined,
    claim: () => ({ epoch, offset: epoch === undefined ? undefined : receiver.received, last }),
    place() {
      placed = number;
      return {
        epoch,
        cursor: receiver.cursor,
        above: receiver.above,
        last,
        gaps: items.flatMap(({ gap }) => gap ?? []),
      };
    },
    resyncing: () => resyncing,

    restore(place) {
      receiver = new Receiver(place.cursor, place.above);
      ({ last, epoch } = place);
      place.gaps.forEach(report);
    },

    welcome(welcome) {
      const { offset } = welcome;
      let { gaps } = welcome;
      shut = true;
      if (!welcome.resumed || welcome.epoch !== epoch || gaps.some(({ reason }) => reason === "epoch")) {
        // What is with its handlers now will not come again should this process die.
        const { cursor } = receiver;
        gaps = gaps.map((gap) => ({ ...gap, from: Math.min(gap.from, cursor) }));
        receiver = new Receiver(offset);
        last = undefined;
      } else receiver.skipTo(offset);
      epoch = welcome.epoch;
      number = placed = 0;
      missing = false;
      stopAck();
      halfWindow = welcome.window / 2;
      gaps.forEach(report);
    },

    start() {
      shut = false;
      reader.run();
      // This also shows that the new token arrived. Not at once: when many come back together, it would double what they cost.
      ackedAt = clock.now();
      wantAck(false);
    },

    frame(frame) {
      const [given, type] = frame;
      const restart = type === "s";
      if (restart ? given <= number || frame[2] > receiver.received : given !== number + 1) {
        if (given <= number) {
          metrics.duplicates++;
          wantAck(true);
        } else if (!missing && ready()) {
          missing = true;
          send(["r", number]);
        }
        return false;
      }
      number = given;
      if (restart) missing = false;
      else if (type === "g") {
        const gap = frame[2];
        // One without extent tells of what never had a place in the log.
        if (gap.to > receiver.received || gap.from === gap.to) {
          receiver.skipTo(gap.to);
          report(gap);
        }
      } else if (type === "b") {
        for (const [offset, id, args] of frame[3]) {
          metrics.received++;
          since++;
          if (offset > receiver.received) last = [offset, id];
          if (receiver.accept(offset)) add(offset, id, args);
          else metrics.duplicates++;
        }
        receiver.skipTo(frame[2]);
      }
      wantAck(since >= halfWindow);
      return true;
    },

    saved(place) {
      // What waits its turn is bounded by not asking for more.
      if (!due || !ready() || metrics.waiting > maxHeld) return;
      // What came while it was saved, an answer for example, is acknowledged after the next one.
      if (placed === number) stopAck();
      ackedAt = clock.now();
      ackedCursor = place.cursor;
      send(["a", placed, ackedCursor]);
    },

    run() {
      for (let count = metrics.waiting; count > 0; count--) step();
    },

    acknowledge: () => wantAck(true),

    release(event) {
      for (const item of items) {
        if (!item.held || (event !== undefined && item.args[0] !== event)) continue;
        item.held = false;
        metrics.held--;
        metrics.waiting++;
        schedule();
      }
    },
  };
  return reader;
}
