/** Property tests: how many runs, and from which seed. A failure prints seed and path; `FC_SEED` repeats it. */
import fc from "fast-check";

const seed = process.env.FC_SEED;
fc.configureGlobal({
  numRuns: Number(process.env.FC_RUNS ?? 200),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
});
