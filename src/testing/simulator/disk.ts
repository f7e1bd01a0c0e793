/**
 * The store that all servers of a simulation share, and what goes wrong with it.
 *
 * Rule: what was performed is told to the oracle in that moment, whoever learns of it later; a process that dies never hears of
 * its last commit, which may have been performed or not.
 */
import { DeliveryError } from "../../core/error.ts";
import type { Offset } from "../../core/position.ts";
import { memory } from "../../store/memory.ts";
import type { CommitId, LogState, Operation, Outcome, ReadQuery, Store, Tail } from "../../store/store.ts";
import { type Hits, hit } from "./hits.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What can be wrong with a store, for a while. */
export type Trouble = "full" | "busy" | "readonly" | "unknown" | "slow" | "unreadable";

/** Who is told what was performed. */
export interface Witness {
  performed(batch: readonly Operation[], outcomes: readonly (Outcome | undefined)[], process: Process): void;
  trimmed(floor: Offset): void;
  /** The store is back at what it was after so many steps, with a new epoch. */
  restored(steps: number): void;
  /** A process that ran meanwhile knows it now. */
  noticed(process: Process): void;
  expired(): void;
}

const REFUSALS = { full: "STORE_FULL", busy: "STORE_BUSY", readonly: "STORE_READONLY" } as const;

interface Pending {
  readonly process: Process;
  perform(): void;
}

/** One shared store. */
export class Disk {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #hits: Hits;
  readonly #make: () => Store;
  readonly #foreign: boolean;
  #base: Store;
  #witness: Witness | undefined;
  #head: Offset = 0;
  #floor: Offset = 0;
  #life = 1;
  #opening: Promise<void> | undefined;
  #trouble: { readonly kind: Trouble; readonly until: number } | undefined;
  /** Steps that changed the store, to be able to go back. */
  #steps: ((store: Store) => Promise<unknown>)[] = [];
  /** What each process knows of the log's life, and how it is told of another. */
  readonly #known = new Map<Process, { life: number; readonly replaced: (log: LogState) => void }>();
  readonly #pending = new Set<Pending>();
  readonly #performed = new Set<string>();

  /** @param make Makes the store. Default: `memory()`, which alone can be restored to an earlier state. */
  constructor(timeline: Timeline, random: Random, hits: Hits, make: (() => Store) | undefined) {
    this.#timeline = timeline;
    this.#random = random;
    this.#hits = hits;
    this.#foreign = make !== undefined;
    this.#make = make ?? memory;
    this.#base = this.#make();
  }

  set witness(witness: Witness) {
    this.#witness = witness;
  }

  get epoch(): string {
    return `E${this.#life}`;
  }

  get head(): Offset {
    return this.#head;
  }

  get floor(): Offset {
    return this.#floor;
  }

  /** The store itself, for those who look at the end. */
  get base(): Store {
    return this.#base;
  }

  /** Something is wrong from now on, for a while. */
  trouble(kind: Trouble, forMs: number): void {
    this.#trouble = { kind, until: this.#timeline.now + forMs };
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.#trouble = undefined;
  }

  /** A process dies: what it was committing may be performed, or not. */
  crash(process: Process): void {
    for (const pending of [...this.#pending]) {
      if (pending.process !== process) continue;
      this.#pending.delete(pending);
      if (this.#random.chance(0.5)) {
        hit(this.#hits, "crash after commit");
        pending.perform();
      } else hit(this.#hits, "crash before commit");
    }
  }

  /**
   * Goes back to an earlier state, as from a backup or after a failover, under a new epoch. Processes that run notice it when they next ask,
   * or after a while.
   *
   * @param lost How many steps are lost.
   */
  async restore(lost: number): Promise<void> {
    const steps = this.#steps.slice(0, Math.max(0, this.#steps.length - lost));
    this.#base = this.#make();
    this.#opening = undefined;
    this.#head = this.#floor = 0;
    await this.#open();
    for (const step of steps) await step(this.#base);
    const everything = { keys: [{ key: "", after: 0, upTo: Number.MAX_SAFE_INTEGER }], limit: 1, maxBytes: 1 };
    const { end, floor } = await this.#base.read(everything);
    this.#head = end;
    this.#floor = floor;
    this.#steps = steps;
    this.#life++;
    this.#witness?.restored(steps.length);
    for (const process of this.#known.keys()) process.after(this.#random.below(1_000), () => this.#notice(process));
  }

  /** The store as one process sees it. */
  view(process: Process): Store {
    const soon = <T>(work: () => Promise<T>): Promise<T> => {
      const life = this.#known.get(process)?.life;
      return this.#soon(process, () => this.#present(process, life, work));
    };
    return {
      durability: this.#base.durability,
      open: (replaced) =>
        this.#soon(process, async () => {
          this.#known.set(process, { life: this.#life, replaced: replaced ?? (() => {}) });
          return this.#open();
        }),
      commit: (batch, id) => this.#commit(process, batch, id),
      read: (query: ReadQuery) =>
        soon(() => {
          if (this.#now("unreadable")) throw new DeliveryError("STORE_FAILED", "simulated: it cannot be read.");
          return this.#base.read(query);
        }),
      tail: (after, sink) => this.#tail(process, after, sink),
      check: (offset, id) => soon(() => this.#base.check(offset, id)),
      session: (id) => soon(() => this.#base.session(id)),
      sessions: (after, limit) => soon(() => this.#base.sessions(after, limit)),
      sessionsOf: (principal) => soon(() => this.#base.sessionsOf(principal)),
      expire: (seenBefore, limit) =>
        soon(async () => {
          const step = (store: Store): Promise<number> => store.expire(seenBefore, limit);
          const expired = await step(this.#base);
          if (expired > 0) {
            this.#steps.push(step);
            hit(this.#hits, "session expired", expired);
            this.#witness?.expired();
          }
          return expired;
        }),
      trim: (retention, now, limit) =>
        soon(async () => {
          const step = (store: Store): ReturnType<Store["trim"]> => store.trim(retention, now, limit);
          const trimmed = await step(this.#base);
          if (trimmed.floor > this.#floor) {
            this.#steps.push(step);
            hit(this.#hits, "trim", trimmed.floor - this.#floor);
            this.#floor = trimmed.floor;
            this.#witness?.trimmed(trimmed.floor);
          }
          return trimmed;
        }),
      deadLetters: (after, limit) => soon(() => this.#base.deadLetters(after, limit)),
      usage: () => soon(() => this.#base.usage()),
      close: async () => {},
    };
  }

  /** Lets go of the store. */
  close(): Promise<void> {
    return this.#base.close();
  }

  /** Whether the process knows of the log's present life; it does from now on. */
  #notice(process: Process): boolean {
    const known = this.#known.get(process);
    if (!known || known.life === this.#life) return true;
    known.life = this.#life;
    hit(this.#hits, "log replaced under a server");
    this.#witness?.noticed(process);
    known.replaced(this.#state());
    return false;
  }

  /** Does something in the life of the log in which it was asked for. What is asked, or answered, in another is of no use. */
  async #present<T>(process: Process, life: number | undefined, work: () => Promise<T>): Promise<T> {
    const same = (): void => {
      if (this.#notice(process) && this.#known.get(process)?.life === life) return;
      throw new DeliveryError("STORE_REPLACED", "simulated: the log has another life.");
    };
    same();
    const result = await work();
    same();
    return result;
  }

  #now(kind: Trouble): boolean {
    return this.#trouble?.kind === kind && this.#timeline.now < this.#trouble.until;
  }

  async #open(): Promise<LogState> {
    this.#opening ??= this.#outside(this.#base.open()).then(({ head, floor }) => {
      this.#head = head;
      this.#floor = floor;
    });
    await this.#opening;
    return this.#state();
  }

  #state(): LogState {
    return { epoch: this.epoch, head: this.#head, floor: this.#floor, secret: new Uint8Array(32).fill(7) };
  }

  #outside<T>(work: Promise<T>): Promise<T> {
    return this.#foreign ? this.#timeline.outside(work) : work;
  }

  /** Asks the store after a short wait, and answers after another, if the process lives then. */
  #soon<T>(process: Process, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      process.after(this.#latencyMs(), () => {
        const answer = (settle: () => void): void => void process.after(this.#random.below(3), settle);
        let asked: Promise<T>;
        try {
          asked = this.#outside(work());
        } catch (error) {
          answer(() => reject(error as Error));
          return;
        }
        asked.then(
          (value) => answer(() => resolve(value)),
          (error: Error) => answer(() => reject(error)),
        );
      });
    });
  }

  #latencyMs(): number {
    return this.#now("slow") ? this.#random.between(200, 2_000) : this.#random.below(6);
  }

  #commit(
    process: Process,
    batch: readonly Operation[],
    id: CommitId | undefined,
  ): Promise<readonly (Outcome | undefined)[]> {
    const life = this.#known.get(process)?.life;
    const ms = this.#latencyMs();
    if (this.#now("slow")) hit(this.#hits, "slow commit");
    for (const kind of ["full", "busy", "readonly"] as const) {
      if (!this.#now(kind)) continue;
      hit(this.#hits, `commit refused: ${kind}`);
      return new Promise((_, reject) => {
        process.after(ms + this.#random.below(60), () => reject(new DeliveryError(REFUSALS[kind], "simulated.")));
      });
    }
    const unknown = this.#now("unknown") && this.#random.chance(0.7);
    const lost = unknown && this.#random.chance(0.5);
    if (unknown) hit(this.#hits, lost ? "commit unknown, not kept" : "commit unknown, kept");
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void): void => void process.after(this.#random.below(4), settle);
      const failed = (): void => reject(new DeliveryError("STORE_FAILED", "simulated: the outcome is unknown."));
      const perform = (): void => {
        if (!this.#pending.delete(pending) && process.alive) return;
        this.#outside(this.#present(process, life, () => this.#perform(process, batch, id))).then(
          (outcomes) =>
            answer(() => {
              if (unknown) failed();
              // It is not known that there was another life meanwhile, or it would not be answered.
              else if (this.#known.get(process)?.life === life) resolve(outcomes);
              else reject(new DeliveryError("STORE_REPLACED", "simulated: the log has another life."));
            }),
          (error: Error) => answer(() => reject(error)),
        );
      };
      const pending: Pending = { process, perform };
      if (lost) process.after(ms, failed);
      else {
        this.#pending.add(pending);
        this.#timeline.at(this.#timeline.now + ms, () => {
          if (this.#pending.has(pending)) perform();
        });
      }
    });
  }

  async #perform(
    process: Process,
    batch: readonly Operation[],
    id: CommitId | undefined,
  ): Promise<readonly (Outcome | undefined)[]> {
    const step = (store: Store): Promise<readonly (Outcome | undefined)[]> => store.commit(batch, id);
    const outcomes = await step(this.#base);
    // A store in real time shows what it has committed to its tails a turn or two later.
    for (let turns = this.#foreign ? 3 : 0; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    const name = id && `${id.writer} ${id.number}`;
    if (name !== undefined && this.#performed.has(name)) {
      hit(this.#hits, "commit repeated");
      return outcomes;
    }
    if (name !== undefined) this.#performed.add(name);
    this.#steps.push(step);
    for (const outcome of outcomes) this.#head = Math.max(this.#head, outcome?.offset ?? 0);
    this.#witness?.performed(batch, outcomes, process);
    return outcomes;
  }

  #tail(process: Process, after: Offset, sink: Parameters<Store["tail"]>[1]): Tail {
    let arrivesAt = 0;
    let stopped = false;
    const tail = this.#base.tail(after, (entries) => {
      arrivesAt = Math.max(arrivesAt, this.#timeline.now + this.#random.below(6));
      process.after(arrivesAt - this.#timeline.now, () => {
        if (!stopped) sink(entries);
      });
    });
    return {
      stop: () => {
        stopped = true;
        tail.stop();
      },
    };
  }
}
