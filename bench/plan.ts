/**
 * How much of everything a run does.
 *
 * Rule: a run in a hurry does the same with less of it.
 */

/** How long a run takes. */
export interface Plan {
  /** Not measured. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** How much of what is counted and not timed: 1, or less in a hurry. */
  readonly share: number;
}

/** What has not arrived or is not acknowledged after this time is lost. */
export const GRACE_MS = 5_000;
/** Clients that report by time report this often. */
export const REPORT_MS = 25;
