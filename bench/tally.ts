/**
 * Whether everything came, once and in order.
 *
 * Rule: a figure with a loss, a duplicate or a wrong order is no figure.
 */

/** What went wrong. */
export interface Findings {
  readonly lost: number;
  readonly duplicates: number;
  readonly disordered: number;
}

/** Nothing went wrong. */
export const FINE: Findings = { lost: 0, duplicates: 0, disordered: 0 };

/** Counts messages that are numbered from 0 without holes. */
export class Tally {
  #next = 0;
  #duplicates = 0;
  #disordered = 0;
  readonly #missing = new Set<number>();

  /** Message `n` came. */
  take(n: number): void {
    if (n === this.#next) this.#next++;
    else if (n > this.#next) {
      while (this.#next < n) this.#missing.add(this.#next++);
      this.#next++;
    } else if (this.#missing.delete(n)) this.#disordered++;
    else this.#duplicates++;
  }

  /** Whether all of so many have come. */
  has(count: number): boolean {
    return this.#next >= count && this.#missing.size === 0;
  }

  /** What went wrong, given how many there were. */
  close(count: number): Findings {
    const lost = this.#missing.size + Math.max(0, count - this.#next);
    return { lost, duplicates: this.#duplicates, disordered: this.#disordered };
  }
}

/** All of them together. */
export function sum(all: readonly Findings[]): Findings {
  let [lost, duplicates, disordered] = [0, 0, 0];
  for (const one of all) {
    lost += one.lost;
    duplicates += one.duplicates;
    disordered += one.disordered;
  }
  return { lost, duplicates, disordered };
}

/** What went wrong, in words; nothing when nothing did. */
export function describe({ lost, duplicates, disordered }: Findings): string {
  const counts = [
    [lost, "lost"],
    [duplicates, "duplicates"],
    [disordered, "out of order"],
  ] as const;
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(", ");
}
