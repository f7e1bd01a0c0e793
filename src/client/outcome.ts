/**
 * What becomes of a call that may answer now or later.
 *
 * Rule: a call that answers at once is dealt with at once; nothing waits that does not have to.
 */

/** Calls `run` and then one of the two others. Neither is called twice. */
export function outcome<T>(
  run: () => T | PromiseLike<T>,
  ok: (value: T) => void,
  fail: (error: unknown) => void,
): void {
  let answer: T | PromiseLike<T>;
  try {
    answer = run();
  } catch (error) {
    fail(error);
    return;
  }
  if (typeof (answer as PromiseLike<T> | undefined)?.then === "function") (answer as PromiseLike<T>).then(ok, fail);
  else ok(answer as T);
}
