/**
 * A store that fails as disks, locks and processes do, around any real one.
 *
 * Rule: a call is performed by the store within, whole, or not at all; what is injected is only what the caller learns of
 * it. So whatever a faulty store shows is something that a store without faults could have shown.
 */
import { DeliveryError } from "../core/error.ts";
import type { Entry, LogState, Store, Tail } from "../store/store.ts";

/** A method of a store that can fail. */
export type StoreMethod = Exclude<keyof Store, "durability" | "shared">;

/** One fault. */
export interface StoreFault {
  /** The call that fails, counted from 1: of the method {@link on}, or of all calls when there is none. */
  readonly at: number;
  /** Only calls of this method are counted. */
  readonly on?: StoreMethod;
  /**
   * What happens: `"refused"` the call was not performed and says so; `"unknown"` it was performed and fails all the same;
   * `"crash"` the process ends before the call is performed; `"crash after"` it ends when it was performed. After a crash no
   * call ever settles and no sink is called.
   */
  readonly kind: "refused" | "unknown" | "crash" | "crash after";
  /** What is thrown. Default: a `DeliveryError`, `STORE_BUSY` for `"refused"`, `STORE_FAILED` for `"unknown"`. */
  readonly error?: unknown;
}

/** What goes wrong, and when. */
export interface StoreFaultPlan {
  readonly faults?: readonly StoreFault[];
  /** A call is performed when this promise has resolved: how a test makes a store slow. `number` counts all calls, from 1. */
  readonly gate?: (method: StoreMethod, number: number) => Promise<void> | undefined;
}

/** A store with faults. */
export interface FaultyStore extends Store {
  /** How many calls there were. */
  readonly calls: number;
  /** Whether it has crashed. */
  readonly crashed: boolean;
  /** Resolves when it crashes: the calls under way will not tell. */
  readonly whenCrashed: Promise<void>;
  /** Crashes now: nothing that is under way settles any more. */
  crash(): void;
}

/**
 * Wraps a store. The store within stays usable: after a crash it can be closed, and another opened on the same data. Calls
 * of `tail` and `appendInTransaction` count and fail like all others, except that no gate holds them up; `stop()` of a tail
 * never fails. An `open()` that failed though it was performed answers, when it is called again, what it would have answered.
 */
export function faultyStore(store: Store, plan: StoreFaultPlan): FaultyStore {
  const faulty = new Faulty(store, plan);
  // A store has this method or has it not, and whoever uses the store asks which.
  if (store.appendInTransaction === undefined) delete faulty.appendInTransaction;
  return faulty;
}

/** What the dead are told. */
const NEVER: Promise<never> = new Promise(() => {});

class Faulty implements FaultyStore {
  readonly durability: Store["durability"];
  readonly shared: boolean;
  calls = 0;
  crashed = false;
  readonly whenCrashed: Promise<void>;
  #tellCrash: () => void = () => {};
  readonly #store: Store;
  readonly #plan: StoreFaultPlan;
  readonly #callsOf = new Map<StoreMethod, number>();
  #opened: LogState | undefined;

  constructor(store: Store, plan: StoreFaultPlan) {
    this.#store = store;
    this.#plan = plan;
    this.durability = store.durability;
    this.shared = store.shared ?? false;
    this.whenCrashed = new Promise((resolve) => {
      this.#tellCrash = resolve;
    });
  }

  crash(): void {
    this.crashed = true;
    this.#tellCrash();
  }

  open(...parameters: Parameters<Store["open"]>): ReturnType<Store["open"]> {
    return this.#call("open", async () => {
      this.#opened ??= await this.#store.open(...parameters);
      return this.#opened;
    });
  }

  commit(...parameters: Parameters<Store["commit"]>): ReturnType<Store["commit"]> {
    return this.#call("commit", () => this.#store.commit(...parameters));
  }

  read(...parameters: Parameters<Store["read"]>): ReturnType<Store["read"]> {
    return this.#call("read", () => this.#store.read(...parameters));
  }

  tail(after: number, sink: (entries: readonly Entry[]) => void): Tail {
    let dropped = false;
    const deliver = (entries: readonly Entry[]) => {
      if (!this.crashed && !dropped) sink(entries);
    };
    try {
      return this.#callNow("tail", { stop: () => {} }, () => this.#store.tail(after, deliver));
    } catch (error) {
      // Who was not given a tail is handed no entries.
      dropped = true;
      throw error;
    }
  }

  check(...parameters: Parameters<Store["check"]>): ReturnType<Store["check"]> {
    return this.#call("check", () => this.#store.check(...parameters));
  }

  session(...parameters: Parameters<Store["session"]>): ReturnType<Store["session"]> {
    return this.#call("session", () => this.#store.session(...parameters));
  }

  sessions(...parameters: Parameters<Store["sessions"]>): ReturnType<Store["sessions"]> {
    return this.#call("sessions", () => this.#store.sessions(...parameters));
  }

  sessionsOf(...parameters: Parameters<Store["sessionsOf"]>): ReturnType<Store["sessionsOf"]> {
    return this.#call("sessionsOf", () => this.#store.sessionsOf(...parameters));
  }

  expire(...parameters: Parameters<Store["expire"]>): ReturnType<Store["expire"]> {
    return this.#call("expire", () => this.#store.expire(...parameters));
  }

  trim(...parameters: Parameters<Store["trim"]>): ReturnType<Store["trim"]> {
    return this.#call("trim", () => this.#store.trim(...parameters));
  }

  deadLetters(...parameters: Parameters<Store["deadLetters"]>): ReturnType<Store["deadLetters"]> {
    return this.#call("deadLetters", () => this.#store.deadLetters(...parameters));
  }

  usage(): ReturnType<Store["usage"]> {
    return this.#call("usage", () => this.#store.usage());
  }

  appendInTransaction?: NonNullable<Store["appendInTransaction"]> = (makeEntry) =>
    this.#callNow<ReturnType<NonNullable<Store["appendInTransaction"]>>>("appendInTransaction", NEVER, () => {
      const outcome = this.#store.appendInTransaction?.(makeEntry);
      return outcome?.then((kept) => (this.crashed ? NEVER : kept));
    });

  close(): ReturnType<Store["close"]> {
    return this.#call("close", () => this.#store.close());
  }

  async #call<T>(method: StoreMethod, perform: () => Promise<T>): Promise<T> {
    const fault = this.#counted(method);
    if (this.crashed) return NEVER;
    const gate = this.#plan.gate?.(method, this.calls);
    if (gate !== undefined) await gate;
    if (fault?.kind === "crash") this.crash();
    if (this.crashed) return NEVER;
    if (fault?.kind === "refused") throw thrownBy(fault, method);
    let result: T;
    try {
      result = await perform();
    } catch (error) {
      // Who is dead learns nothing, not even of a failure.
      if (this.crashed) return NEVER;
      throw error;
    }
    if (fault?.kind === "crash after") this.crash();
    if (this.crashed) return NEVER;
    if (fault?.kind === "unknown") throw thrownBy(fault, method);
    return result;
  }

  #callNow<T>(method: StoreMethod, nothing: T, perform: () => T): T {
    const fault = this.#counted(method);
    if (fault?.kind === "crash") this.crash();
    if (this.crashed) return nothing;
    if (fault?.kind === "refused") throw thrownBy(fault, method);
    const result = perform();
    if (fault?.kind === "crash after") this.crash();
    if (this.crashed) return nothing;
    if (fault?.kind === "unknown") throw thrownBy(fault, method);
    return result;
  }

  #counted(method: StoreMethod): StoreFault | undefined {
    this.calls++;
    const ofMethod = (this.#callsOf.get(method) ?? 0) + 1;
    this.#callsOf.set(method, ofMethod);
    return this.#plan.faults?.find(({ at, on }) =>
      on === undefined ? at === this.calls : on === method && at === ofMethod,
    );
  }
}

function thrownBy(fault: StoreFault, method: StoreMethod): unknown {
  if (fault.error !== undefined) return fault.error;
  return fault.kind === "refused"
    ? new DeliveryError("STORE_BUSY", `${method} was refused by a fault of the test's. Nothing was kept; repeat it.`)
    : new DeliveryError(
        "STORE_FAILED",
        `${method} failed by a fault of the test's. Whether it was kept is unknown: repeat it.`,
      );
}
