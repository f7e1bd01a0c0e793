/**
 * A seeded bug.
 *
 * Rule: it is one small change to a copy of the source, of the kind a tired engineer makes; and every one must be caught.
 */

/** One bug. */
export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  /** The file, below `src`. */
  readonly file: string;
  /** What to replace there: occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}
