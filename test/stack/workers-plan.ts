/**
 * What the processes of the workers' test are told, and what they tell.
 *
 * Rule: nothing that is said here is evidence; that is in the diaries.
 */

/** To the primary and its workers, on their command lines. */
export interface WorkersPlan {
  readonly workers: number;
  readonly workerScript: string;
  /** The log. */
  readonly file: string;
  /** Where the diaries are. */
  readonly dir: string;
  readonly publishesPerSecond: number;
}

/** To a worker, or all. */
export interface WorkerOrder {
  /** Answers this number when everything so far is committed. */
  readonly flush?: number;
  /** Begins, or stops, to publish. */
  readonly busy?: boolean;
  /** Publishes the last message. */
  readonly last?: true;
}

/** From a worker. */
export interface WorkerNews {
  readonly listening?: true;
  /** The number of the last `flush` that was done. */
  readonly flushed?: number;
  readonly published?: number;
  /** Sockets that are connected. */
  readonly sockets?: number;
  /** Errors that delivery has told of, by code. */
  readonly errors?: Readonly<Record<string, number>>;
  /** The longest that its event loop was held up since the last news, milliseconds. */
  readonly stalledMs?: number;
}

/** From the primary: its port, how a worker ended, or what a worker said. */
export type PrimaryNews =
  | { readonly port: number }
  | { readonly pid: number; readonly ended: string }
  | ({ readonly pid: number } & WorkerNews);

/** The room of every other client. */
export const HALF = "half";

/** Whether a client is in it. */
export function inHalf(name: string): boolean {
  return name.charCodeAt(0) % 2 === 0;
}
