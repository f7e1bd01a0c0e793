/**
 * What one client has read, as it really was.
 *
 * Rule: an entry is dealt with when a handler has done its work, or given up, or a snapshot or a gap that the client was told of
 * contains it. Nothing else counts.
 */
import type { ClientPlace } from "../../client-storage.ts";
import type { Welcome, WireGap } from "../../core/wire.ts";
import type { LoggedEntry, LogModel } from "./log-model.ts";
import type { Oracle, OracleOptions } from "./oracle.ts";

/** Part of the log that the client reads as one session. */
interface Stretch {
  readonly session: string;
  readonly epoch: string;
  readonly start: number;
}

interface ToldGap extends WireGap {
  /** The life of the log that it begins in, and the one that it ends in. */
  readonly fromEpoch: string | undefined;
  readonly toEpoch: string;
}

/** One client's reading, over the lives of its process. */
export class Reading {
  readonly #persona: number;
  /** Whether what it has settled is to be in its storage before anybody hears of it. */
  readonly #durable: boolean;
  readonly #oracle: Oracle;
  #saved: ClientPlace | undefined;
  readonly #options: OracleOptions;
  #stretches: Stretch[] = [];
  readonly #gaps: ToldGap[] = [];
  readonly #snapshots: { readonly epoch: string; readonly upTo: number }[] = [];
  readonly #handled = new Set<number>();
  readonly #dead = new Set<number>();
  /** What an earlier life saved as settled. */
  readonly #settled = new Set<LoggedEntry>();
  /** In this life: how often an entry was begun, and how many attempts were made at it. */
  #begun = new Map<number, number>();
  #attempts = new Map<number, number>();
  #lastBegun = new Map<string, number>();
  #toldInLife = new Set<string>();
  #welcomedInLife = false;
  /** Whether it may find its session gone. */
  mayLoseSession = false;
  readonly revoked: Set<string> = new Set();
  /** Entries that a handler has begun with. */
  readonly #began = new Set<LoggedEntry>();
  /** Sessions of it for which something could not be made durable, and whether that is still to be told. */
  readonly #overflows = new Map<string, boolean>();

  constructor(persona: number, durable: boolean, oracle: Oracle, options: OracleOptions) {
    this.#persona = persona;
    this.#durable = durable;
    this.#oracle = oracle;
    this.#options = options;
  }

  /** A process of the client starts, from what was kept. */
  starts(kept: ClientPlace | undefined): void {
    this.#begun = new Map();
    this.#attempts = new Map();
    this.#lastBegun = new Map();
    this.#toldInLife = new Set();
    this.#welcomedInLife = false;
    if (!kept?.session) {
      // It never knew the session it had.
      this.#stretches = [];
      return;
    }
    const last = this.#stretches.findLastIndex(
      ({ session, epoch }) => session === kept.session && epoch === kept.epoch,
    );
    if (last >= 0) this.#stretches.length = last + 1;
    else if (kept.session) this.mayLoseSession = true;
    for (const entry of this.#entries(kept.epoch)) {
      if (!this.#handled.has(entry.n) && !this.#dead.has(entry.n)) continue;
      if (entry.offset <= kept.cursor || kept.above.includes(entry.offset)) this.#settled.add(entry);
    }
  }

  /** A server has let it in. */
  welcomed({ session, epoch, offset }: Welcome): void {
    this.#welcomedInLife = true;
    const last = this.#stretches.at(-1);
    if (last?.session !== session || last.epoch !== epoch) this.#stretches.push({ session, epoch, start: offset });
  }

  /** It is told of a gap. */
  gap(gap: WireGap): void {
    // What an earlier life was told of and has not finished is told again.
    if (!this.#welcomedInLife) return;
    const { from, to, reason, room } = gap;
    const now = this.#stretches.at(-1) as Stretch;
    const before = this.#stretches.at(-2);
    const fromEpoch = reason === "epoch" ? before?.epoch : now.epoch;
    const told: ToldGap = { ...gap, fromEpoch, toEpoch: now.epoch };
    this.#gaps.push(told);
    const text = `${reason} (${from}, ${to}] of client ${this.#persona}`;
    const falsely = (why: string): void => this.#oracle.violated("no false gap", `${text}: ${why}`);
    if (reason !== "overflow" && reason !== "unauthorized") {
      const key = `${reason} ${from} ${to} ${now.epoch} ${now.session}`;
      if (this.#toldInLife.has(key)) falsely("it was told before");
      this.#toldInLife.add(key);
    }
    switch (reason) {
      case "retention":
        // One that was on its way when the log was set back is of the life before.
        if (now.epoch === this.#oracle.log.epoch && to > this.#oracle.log.floor)
          falsely(`the floor is ${this.#oracle.log.floor}`);
        if (from >= to) falsely("it is empty");
        break;
      case "epoch":
        if (before && before.epoch === now.epoch) falsely("the log is the same");
        break;
      case "session":
        if (!before) break;
        if (!this.mayLoseSession && !this.#options.forgetful && this.#oracle.log.sessions.has(before.session)) {
          falsely(`session ${before.session} is there`);
        }
        this.mayLoseSession = false;
        break;
      case "unauthorized":
        if (!this.revoked.has(room as string)) falsely(`it may read ${room}`);
        break;
      case "overflow":
        if (!this.#overflows.has(now.session)) falsely("everything was durable");
        this.#overflows.set(now.session, false);
        break;
      default:
        falsely("no such thing can be");
    }
  }

  /** Something for a session of it could not be made durable. @param due Whether it must be told. */
  overflows(session: string, due: boolean): void {
    this.#overflows.set(session, due || this.#overflows.get(session) === true);
  }

  /** The session has another server process, which knows only what was stored. */
  moved(session: string): void {
    if (this.#overflows.has(session)) this.#overflows.set(session, false);
  }

  /** Its storage has this now. */
  saves(place: ClientPlace): void {
    this.#saved = place;
  }

  /** Whether its storage has an entry that it has handled as settled. */
  hasSaved(epoch: string, entry: LoggedEntry): boolean {
    const { n, offset } = entry;
    if (!this.#durable || this.#saved?.epoch !== epoch || !this.#handled.has(n)) return true;
    return (
      offset <= this.#saved.cursor ||
      this.#saved.above.includes(offset) ||
      this.#settled.has(entry) ||
      this.#told(epoch, entry)
    );
  }

  /** It loads a snapshot. Answers the position that the snapshot stands for. */
  snapshot(_gap: WireGap): unknown {
    const { epoch, head } = this.#oracle.log;
    this.#snapshots.push({ epoch, upTo: head });
    return `${epoch}.${head}`;
  }

  /** Whether it has begun to handle it. */
  began(entry: LoggedEntry): boolean {
    return this.#began.has(entry);
  }

  /** A handler of it is called. @param copies How often the entry was appended, in different lives of the log. */
  handles(entry: LoggedEntry, attempt: number, copies: number): void {
    const { n, offset, epoch } = entry;
    const who = `client ${this.#persona} handles ${n} at ${offset}`;
    const runs = this.#attempts.get(n) ?? 0;
    const begun = (this.#begun.get(n) ?? 0) + (attempt === 1 ? 1 : 0);
    if (begun > copies || (copies === 1 && attempt !== runs + 1)) {
      this.#oracle.violated("once a life", `${who}, attempt ${attempt} after ${runs}`);
    }
    this.#begun.set(n, begun);
    this.#attempts.set(n, attempt);
    if (this.#settled.has(entry)) this.#oracle.violated("settled stays", `${who}; that was saved as settled`);
    if (attempt > 1) return;
    this.#began.add(entry);
    if (offset <= (this.#lastBegun.get(epoch) ?? -1)) {
      this.#oracle.violated("in order", `${who} after ${this.#lastBegun.get(epoch)}`);
    }
    this.#lastBegun.set(epoch, offset);
  }

  /** A handler has done its work. */
  handled(n: number): void {
    this.#handled.add(n);
  }

  /** An entry was given up. */
  gaveUp(n: number, attempts: number): void {
    this.#dead.add(n);
    this.#oracle.hit("entry given up");
    if (attempts !== this.#options.maxDeliveries || this.#attempts.get(n) !== attempts || this.#handled.has(n)) {
      this.#oracle.violated(
        "failed is failed",
        `client ${this.#persona} gave ${n} up after ${this.#attempts.get(n)} runs`,
      );
    }
  }

  /** Whether an entry is no open matter. */
  dealtWith(epoch: string, entry: LoggedEntry): boolean {
    const { n, offset } = entry;
    if (this.#handled.has(n) || this.#dead.has(n)) return true;
    if (this.#snapshots.some((snapshot) => snapshot.epoch === epoch && offset <= snapshot.upTo)) return true;
    return this.#told(epoch, entry);
  }

  /** Whether a gap that it was told of contains an entry. */
  #told(epoch: string, { offset, keys }: LoggedEntry): boolean {
    return this.#gaps.some((gap) => {
      // A room that is lost takes only what was for nobody else.
      if (gap.room !== undefined && !keys.every((key) => key.endsWith(`\n${gap.room}`))) return false;
      if (gap.fromEpoch === gap.toEpoch) return epoch === gap.toEpoch && gap.from < offset && offset <= gap.to;
      return (epoch === gap.fromEpoch && offset > gap.from) || (epoch === gap.toEpoch && offset <= gap.to);
    });
  }

  /** The first entry it is entitled to and has not dealt with. */
  missing(logs: readonly LogModel[]): string | undefined {
    for (const [i, { session: id, epoch, start }] of this.#stretches.entries()) {
      const log = logs.find((other) => other.epoch === epoch);
      const session = log?.sessions.get(id);
      if (!log || !session) continue;
      const next = this.#stretches[i + 1];
      const end = next?.epoch === epoch ? next.start : Number.POSITIVE_INFINITY;
      for (const entry of log.entries) {
        if (entry.offset <= start || entry.offset > end || !log.entitled(session, entry)) continue;
        if (!this.dealtWith(epoch, entry)) return `${entry.n} at ${entry.offset} of ${epoch}, as session ${id}`;
      }
    }
    const { session = "" } = this.#stretches.at(-1) ?? {};
    return this.#overflows.get(session) ? `the overflow gap of session ${session}` : undefined;
  }

  #entries(epoch: string | undefined): readonly LoggedEntry[] {
    return this.#oracle.log.epoch === epoch ? this.#oracle.log.entries : [];
  }
}
