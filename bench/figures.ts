/**
 * What a figure is, and what it is to reach.
 *
 * Rule: a figure says in its label what it counts and in what unit; a workload declares every figure that it yields.
 */

/** A number that a workload yields. */
export interface Figure {
  /** Under which the processes report it. */
  readonly key: string;
  readonly label: string;
  readonly digits: number;
  readonly better?: "more" | "less";
  /** Whether the table shows its ratio to plain Socket.IO. */
  readonly ratio?: boolean;
  readonly targets?: readonly Target[];
}

/** What one of our peers is to reach. */
export interface Target {
  /** The peer's key. */
  readonly peer: string;
  /** What is bounded: the figure, or its ratio to the same of plain Socket.IO. */
  readonly of: "value" | "ratio";
  /** Whether the bound is the least or the most, the figure's `better` says. */
  readonly bound: number;
}

/** What is reported, by key. What cannot be known is `NaN`. */
export type Numbers = Readonly<Record<string, number>>;

/** A bound for the ratio to plain Socket.IO, of ours at `disk` unless told. */
export function ratio(bound: number, peer = "disk"): Target {
  return { peer, of: "ratio", bound };
}

/** A bound for the figure itself, of ours at `disk` unless told. */
export function value(bound: number, peer = "disk"): Target {
  return { peer, of: "value", bound };
}

/** Whether a median reaches a target. */
export function reaches({ better }: Figure, { bound }: Target, median: number): boolean {
  return better === "less" ? median <= bound : median >= bound;
}

/** Units of work in a second. */
export function rate(units: string, targets: readonly Target[] = []): Figure {
  return { key: "rate", label: `${units}/s`, digits: 0, better: "more", ratio: true, targets };
}

/** What a unit of work costs. */
export function serverUs(unit: string, targets: readonly Target[] = []): Figure {
  return { key: "serverUs", label: `server µs/${unit}`, digits: 2, better: "less", ratio: true, targets };
}

/** Growth of the server's memory. */
export function growthMb(targets: readonly Target[] = []): Figure {
  return { key: "growthMb", label: "server RSS grows by MB", digits: 1, better: "less", targets };
}

/** For the reader's judgement of the others: how busy the rest of the machine was. */
export const busy: readonly Figure[] = [
  { key: "clientsCores", label: "clients' cores", digits: 2 },
  { key: "othersCores", label: "others' cores", digits: 2 },
];

/** The event loop of the server. */
export const loop: readonly Figure[] = [
  { key: "loopP99", label: "loop p99 ms", digits: 1 },
  { key: "loopMax", label: "loop max ms", digits: 1 },
];
