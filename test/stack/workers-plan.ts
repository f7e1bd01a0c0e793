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
  /** Says when everything so far is committed. */
  readonly flush?: true;
  /** Begins, or stops, to publish. */
  readonly busy?: boolean;
  /** Publishes the last message. */
  readonly last?: true;
}

/** From a worker. */
export interface WorkerNews {
  readonly listening?: true;
  readonly flushed?: true;
  readonly published?: number;
  /** Publishes under way. */
  readonly open?: number;
  /** Sockets that are connected. */
  readonly sockets?: number;
  /** Errors that delivery has told of, by code. */
  readonly errors?: Readonly<Record<string, number>>;
  /** The longest that its event loop was held up since the last news, milliseconds. */
  readonly stalledMs?: number;
}

/** From the primary: its port, or what a worker said. */
export type PrimaryNews = { readonly port: number } | ({ readonly pid: number } & WorkerNews);

/** The room of every other client. */
export const HALF = "half";

/** Whether a client is in it. */
export function inHalf(name: string): boolean {
  return name.charCodeAt(0) % 2 === 0;
}
