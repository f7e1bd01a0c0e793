/**
 * Virtual time.
 *
 * Rule: one thing happens at a time, in the order of its moment and then of its asking; promises settle in between, and no
 * real time is waited for. Everything that happens leaves a trace, whose digest is the same for the same seed.
 */

/** When a simulation begins, milliseconds since 1970. Any moment would do. */
export const BEGINS_AT = 1_700_000_000_000;

/** Turns of the event loop that share one pass over it; only for speed. */
const TURNS = 16;

interface Happening {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What a trace is made of. */
export type Traced = string | number | boolean | undefined;

/** A queue of what is to happen. */
export class Timeline {
  /** The present moment, milliseconds since 1970. */
  now: number = BEGINS_AT;
  /** How many things have happened. */
  happened = 0;
  readonly #heap: Happening[] = [];
  readonly #lines: string[] | undefined;
  #asked = 0;
  #digest = 0x811c9dc5;
  #outside = 0;
  #failure: { readonly error: unknown } | undefined;

  /** @param recorded Whether to keep the trace as readable lines. */
  constructor(recorded: boolean) {
    this.#lines = recorded ? [] : undefined;
  }

  /** A number that stands for everything that was traced. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  /** The trace, when it was to be kept. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Writes down that something happened. */
  trace(who: string, what: string, ...more: readonly Traced[]): void {
    let hash = mix(mix(mix(this.#digest, this.now - BEGINS_AT), who), what);
    for (const part of more) hash = mix(hash, part);
    this.#digest = hash;
    this.#lines?.push(`${String(this.now - BEGINS_AT).padStart(7)} ms  ${who.padEnd(4)} ${what} ${more.join(" ")}`);
  }

  /** Adds a line for readers that is no part of the digest. */
  note(who: string, text: string): void {
    this.#lines?.push(`${String(this.now - BEGINS_AT).padStart(7)} ms  ${who.padEnd(4)} ${text}`);
  }

  /** Ends the run: what was claimed does not hold. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Lets something happen at a moment; at once, if that is past. Answers what prevents it. */
  at(at: number, run: () => void): () => void {
    const happening: Happening = { at: Math.max(Math.ceil(at), this.now), order: this.#asked++, run };
    push(this.#heap, happening);
    return () => {
      happening.run = undefined;
    };
  }

  /** Time stands still until something outside the simulation, a real disk for example, has come to its end. */
  outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    return work.finally(() => {
      this.#outside--;
    });
  }

  /** Lets time pass up to a moment. Rejects with what {@link fail} was given, or what was thrown. */
  run(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      const turn = (): void => {
        if (over) return;
        if (this.#failure) {
          over = true;
          reject(this.#failure.error);
          return;
        }
        if (this.#outside === 0 && !this.#next(until)) {
          over = true;
          this.now = Math.max(this.now, until);
          resolve();
          return;
        }
        setImmediate(turn);
      };
      for (let i = 0; i < TURNS; i++) setImmediate(turn);
    });
  }

  /** Lets the next thing happen, unless it is later than that. */
  #next(until: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.at > until) return false;
      pop(this.#heap);
      const { run } = first;
      if (!run) continue;
      this.now = first.at;
      this.happened++;
      try {
        run();
      } catch (error) {
        this.fail(error);
      }
      return true;
    }
  }
}

function mix(hash: number, part: Traced): number {
  let mixed = hash;
  if (typeof part === "string") {
    for (let i = 0; i < part.length; i++) mixed = Math.imul(mixed ^ part.charCodeAt(i), 0x01000193);
    return mixed;
  }
  const number = Number(part ?? -1);
  mixed = Math.imul(mixed ^ (number & 0xffff), 0x01000193);
  return Math.imul(mixed ^ ((number / 65_536) & 0xffff_ffff), 0x01000193);
}

function before(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Happening[], item: Happening): void {
  let i = heap.length;
  heap.push(item);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent] as Happening;
    if (before(above, item)) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = item;
}

function pop(heap: Happening[]): void {
  const last = heap.pop() as Happening;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Happening, heap[child] as Happening)) child++;
    if (before(last, heap[child] as Happening)) break;
    heap[i] = heap[child] as Happening;
    i = child;
  }
  heap[i] = last;
}
