/**
 * Which server's process has a session, and since when.
 *
 * Rule: a stay is the time in which what a process knows of a session is true, though it may not be stored yet. It begins before the store can say so, and
 * ends when another process is found to have had the session.
 */

/** Of one session. */
interface Session {
  /** The process that has it in the store. */
  process: object | undefined;
  /** How often it was taken up. */
  changes: number;
  /** The number of a process's last stay. */
  readonly since: Map<object, number>;
  /** The count of changes when somebody came to a process that had not got the session. */
  readonly early: Map<object, number>;
}

/** The stays of all sessions. */
export class Stays {
  readonly #sessions = new Map<string, Session>();
  /** How many there were. */
  #count = 0;
  readonly #processes = new Map<object, number>();
  #numbers = 0;

  /** Whether a process has a session, as the store says. */
  has(session: string, process: object): boolean {
    return this.#sessions.get(session)?.process === process;
  }

  /** The name of a process's last stay at a session; what comes before the dot is that of the process. */
  name(session: string, process: object): string {
    return `${this.#numberOf(process)}.${this.#sessions.get(session)?.since.get(process) ?? 0}`;
  }

  /** Somebody comes to a process with a session. */
  comes(session: string | undefined, process: object): void {
    const stays = this.#sessions.get(session ?? "");
    if (!stays || stays.process === process || stays.early.get(process) === stays.changes) return;
    stays.early.set(process, stays.changes);
    // Somebody else has it, so what this process had not stored in a stay before is done with.
    stays.since.set(process, ++this.#count);
  }

  /** A process has the session now, as the store says. Answers whether it had it before. */
  taken(session: string, process: object): boolean {
    const stays = this.#sessions.get(session) ?? {
      process: undefined,
      changes: 0,
      since: new Map(),
      early: new Map(),
    };
    this.#sessions.set(session, stays);
    const stayed = stays.process === process;
    // It may have begun before the store could say so; unless somebody else had it in between.
    const begun = stayed || stays.early.get(process) === stays.changes;
    stays.process = process;
    stays.changes++;
    if (!begun) stays.since.set(process, ++this.#count);
    return stayed;
  }

  /** Names of stays at other processes than this one, of which the store does not know yet. */
  unaware(session: string, process: object): Set<string> {
    const { early, changes } = this.#sessions.get(session) ?? { early: new Map<object, number>(), changes: 0 };
    const others = [...early].filter(([other, at]) => other !== process && at === changes);
    return new Set(others.map(([other]) => this.name(session, other)));
  }

  /** A process has found that it does not have the session any more: what it had not stored is done with. */
  lost(session: string | undefined, process: object): void {
    const stays = this.#sessions.get(session ?? "");
    if (!stays) return;
    stays.early.delete(process);
    stays.since.set(process, ++this.#count);
  }

  /** The log was put back: whoever has a session takes it up anew. */
  restored(): void {
    for (const stays of this.#sessions.values()) {
      stays.process = undefined;
      stays.changes++;
      stays.early.clear();
    }
  }

  /** A process has noticed that the log was put back: for its sessions it is as if it had been started again. */
  noticed(process: object): void {
    this.#processes.set(process, this.#numbers++);
  }

  #numberOf(process: object): number {
    const number = this.#processes.get(process) ?? this.#numbers++;
    this.#processes.set(process, number);
    return number;
  }
}
