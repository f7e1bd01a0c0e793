/** What the demo's processes tell each other. Every published event has a key: who published it, and its number. */

/** The two ways that are compared. */
export type Kind = "gapless-io" | "Socket.IO + recovery";

/** To the server's process, on its command line. */
export interface ServerOptions {
  readonly kind: Kind;
  readonly port: number;
  readonly file: string;
  /** Number of the first tick. */
  readonly from: number;
}

/** From the server's process. */
export type FromServer =
  | { readonly listening: number }
  | { readonly published: number; readonly acknowledged: readonly string[] };

/** To the clients' process, on its command line. */
export interface ClientsOptions {
  readonly kind: Kind;
  readonly port: number;
  readonly count: number;
}

/** To the clients' process. */
export type ToClients =
  | { readonly send: boolean }
  /** Which of these have not reached every client? */
  | { readonly check: readonly string[] };

/** From the clients' process. */
export type FromClients =
  | { readonly connected: true }
  | { readonly published: number; readonly acknowledged: readonly string[] }
  | {
      readonly delivered: number;
      readonly duplicates: number;
      readonly gaps: number;
      /** (event, client) pairs that are missing. */
      readonly missing: number;
      readonly online: number;
    };
