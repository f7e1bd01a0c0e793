/**
 * The client's side of server to client: which frames and entries are new, and what is acknowledged.
 *
 * Rule: every frame is numbered, so none is missing without notice; a cursor is saved before it is acknowledged
 * (protocol R21 to R25).
 */
import type { ClientPlace } from "../client-storage.ts";
import type { Epoch } from "../core/position.ts";
import { Receiver } from "../core/receiver.ts";
import type { ServerFrame, Welcome, WireGap } from "../core/wire.ts";
import { createAlarm } from "./alarm.ts";
import type { Dispatch } from "./dispatch.ts";
import type { Settings } from "./options.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { Ties } from "./ties.ts";

/** Receives. */
export interface Reader {
  readonly queue: Queue;
  readonly epoch: Epoch | undefined;
  readonly receiver: Receiver;
  readonly last: readonly [number, string] | undefined;
  received: number;
  duplicates: number;
  gaps: number;
  /** What an earlier life left behind. */
  restore(place: ClientPlace): void;
  /** A connection begins. */
  welcome(welcome: Welcome): void;
  /** The connection is up. */
  start(): void;
  /** Whether a numbered frame is to be used. */
  takes(frame: ServerFrame): boolean;
  /** Uses a frame's entries or gap, if it carries any. */
  read(frame: ServerFrame): void;
  /** This much is saved. */
  saved(place: ClientPlace): void;
}

/** A reader. `changed` is told when the state may have changed. */
export function createReader(settings: Settings, ties: Ties, dispatch: Dispatch, changed: () => void): Reader {
  const { clock, ackDelayMs, maxHeld } = settings;
  let receiver = new Receiver();
  let last: readonly [number, string] | undefined;
  let epoch: Epoch | undefined;
  let number = 0;
  let missing = false;
  let halfWindow = 0;
  let since = 0;
  let asked = false;
  let due = false;
  let ackedAt = Number.NEGATIVE_INFINITY;
  let ackedCursor = 0;

  const fire = (): void => {
    asked = false;
    due = true;
    ties.touch();
  };
  const alarm = createAlarm(clock, fire);
  const wantAck = (urgent: boolean): void => {
    const at = ackedAt + ackDelayMs;
    // After the microtasks that hand out what came, so that one acknowledgement says both.
    if (urgent || at <= clock.now()) {
      if (!asked) queueMicrotask(fire);
      asked = true;
    } else if (alarm.at === undefined) alarm.set(at);
  };
  const report = (gap: WireGap): void => {
    reader.gaps++;
    if (settings.resync) queue.add({ gap, receiver });
    ties.signals.emit("gap", gap);
  };
  const queue = createQueue(
    settings,
    ties,
    dispatch,
    () => epoch,
    () => {
      changed();
      if (due || receiver.cursor !== ackedCursor) wantAck(false);
    },
  );

  const reader: Reader = {
    queue,
    get epoch() {
      return epoch;
    },
    get receiver() {
      return receiver;
    },
    get last() {
      return last;
    },
    received: 0,
    duplicates: 0,
    gaps: 0,

    restore(place) {
      receiver = new Receiver(place.cursor, place.above);
      ({ last, epoch } = place);
      for (const gap of place.gaps) report(gap);
    },

    welcome(welcome) {
      const { offset, gaps } = welcome;
      queue.shut(true);
      if (!welcome.resumed || welcome.epoch !== epoch || gaps.some(({ reason }) => reason === "epoch")) {
        receiver = new Receiver(offset);
        last = undefined;
      } else receiver.skipTo(offset);
      epoch = welcome.epoch;
      number = since = 0;
      missing = due = false;
      alarm.set(undefined);
      halfWindow = welcome.window / 2;
      for (const gap of gaps) report(gap);
    },

    start() {
      queue.shut(false);
      queue.run();
      // The first frame also shows that the new token arrived.
      wantAck(true);
    },

    takes(frame) {
      const [given, type, offset] = frame;
      const next = given === number + 1;
      if (type === "s" ? given > number && offset <= receiver.received : next) {
        if (type === "s") missing = false;
        number = given;
        return true;
      }
      if (given <= number) {
        reader.duplicates++;
        wantAck(true);
      } else if (!missing && ties.ready()) {
        missing = true;
        ties.host().send(["r", number], true);
      }
      return false;
    },

    read(frame) {
      if (frame[1] === "g") {
        const [, , gap] = frame;
        if (gap.to > receiver.received) {
          receiver.skipTo(gap.to);
          report(gap);
        }
      } else if (frame[1] === "b") {
        const [, , upTo, entries] = frame;
        for (const [offset, id, args] of entries) {
          reader.received++;
          if (offset > receiver.received) last = [offset, id];
          if (receiver.accept(offset) === "new") queue.add({ entry: { offset, id, args }, receiver });
          else reader.duplicates++;
        }
        receiver.skipTo(upTo);
        since += entries.length;
      }
      wantAck(since >= halfWindow);
    },

    saved(place) {
      // What waits its turn is bounded by not asking for more.
      if (!due || !ties.ready() || queue.waiting > maxHeld) return;
      due = false;
      since = 0;
      ackedAt = clock.now();
      ackedCursor = place.cursor;
      alarm.set(undefined);
      ties.host().send(["a", number, ackedCursor], true);
    },
  };
  return reader;
}
