/**
 * The order in which entries and gaps are dealt with.
 *
 * Rule: entries are handed out in log order; those after a gap wait for its `resync`; those that nobody listens to are held
 * for the first listener (protocol R27, R28).
 */
import { backoffMs } from "../core/backoff.ts";
import { DeliveryError } from "../core/error.ts";
import { type Epoch, type Offset, parsePosition } from "../core/position.ts";
import type { Receiver } from "../core/receiver.ts";
import type { WireGap } from "../core/wire.ts";
import type { Dispatch, Entry } from "./dispatch.ts";
import { RETRY } from "./keeper.ts";
import type { Settings } from "./options.ts";
import { outcome } from "./outcome.ts";
import type { Ties } from "./ties.ts";

/** An entry, or a gap, and the life of the cursor to which it belongs. */
interface Item {
  /** Its place in the queue, kept while it is held. */
  turn?: number;
  readonly entry?: Entry;
  readonly gap?: WireGap;
  readonly receiver: Receiver;
}

/** The order in which things are dealt with. */
export interface Queue {
  unheard: number;
  /** Entries held, waiting for a listener. */
  readonly held: number;
  /** Entries waiting their turn. */
  readonly waiting: number;
  /** Whether the `resync` hook is under way. */
  readonly resyncing: boolean;
  /** Gaps that wait for `resync`. */
  gaps(): WireGap[];
  add(item: Item): void;
  /** Nothing is handed out while it is shut. */
  shut(shut: boolean): void;
  /** Deals at once with what waits, as far as it may: something that came later is about to be seen. */
  run(): void;
  /** There is a listener of this event now; `undefined`: of every event. */
  release(event: string | undefined): void;
}

/** A queue. `settled` is told after every step; `epoch` answers the present life of the log. */
export function createQueue(
  settings: Settings,
  ties: Ties,
  dispatch: Dispatch,
  epoch: () => Epoch | undefined,
  settled: () => void,
): Queue {
  const { clock, random, maxHeld, resync } = settings;
  let items: Item[] = [];
  let held: Item[] = [];
  let turns = 0;
  let gate = false;
  let busy = false;
  let resolving: WireGap | undefined;
  let skip: { receiver: Receiver; offset: Offset } | undefined;

  const settle = ({ receiver, entry }: Item): void => {
    receiver.settle((entry as Entry).offset);
    settled();
  };
  // One turn of the microtask queue each, as Socket.IO's Manager does it.
  const schedule = (count: number): void => {
    for (let i = 0; i < count; i++) queueMicrotask(step);
  };
  const free = (): void => {
    busy = false;
    resolving = undefined;
    schedule(items.length);
    settled();
  };

  const load = (gap: WireGap, receiver: Receiver, failures = 1): void => {
    outcome(
      () => (resync as NonNullable<typeof resync>)(gap),
      (answer) => {
        const position = parsePosition(answer);
        if (position && position.epoch === epoch()) skip = { receiver, offset: position.offset };
        else if (answer)
          ties.signals.emit("error", new DeliveryError("INVALID", "resync answered no present position"));
        free();
      },
      (error) => {
        ties.signals.emit("error", error);
        clock.at(clock.now() + backoffMs(RETRY, failures, random()), () => load(gap, receiver, failures + 1));
      },
    );
  };

  const step = (): void => {
    if (gate || busy) return;
    const item = items.shift();
    if (!item) return;
    const { gap, entry, receiver } = item;
    const end = gap ? gap.to : (entry as Entry).offset;
    const contained = skip?.receiver === receiver && end <= skip.offset;
    if (gap) {
      if (contained) {
        step();
        return;
      }
      busy = true;
      resolving = gap;
      settled();
      load(gap, receiver);
    } else if (contained) settle(item);
    else {
      const serial = settings.dispatch === "serial";
      busy = serial;
      const heard = dispatch.hand(entry as Entry, () => {
        if (serial) free();
        settle(item);
      });
      if (heard) return;
      busy = false;
      held.push(item);
      if (held.length > maxHeld) {
        queue.unheard++;
        settle(held.shift() as Item);
      }
    }
  };

  const queue: Queue = {
    unheard: 0,
    get held() {
      return held.length;
    },
    get waiting() {
      return items.length;
    },
    get resyncing() {
      return resolving !== undefined;
    },
    gaps() {
      const waiting = items.flatMap(({ gap }) => gap ?? []);
      return resolving ? [resolving, ...waiting] : waiting;
    },
    add(item) {
      item.turn = turns++;
      items.push(item);
      schedule(1);
    },
    shut(shut) {
      gate = shut;
    },
    run() {
      for (let count = items.length; count > 0; count--) step();
    },
    release(event) {
      const heard = held.filter(({ entry }) => event === undefined || (entry as Entry).args[0] === event);
      if (heard.length === 0) return;
      held = held.filter((item) => !heard.includes(item));
      items = [...heard, ...items].sort((a, b) => (a.turn as number) - (b.turn as number));
      schedule(heard.length);
    },
  };
  return queue;
}
