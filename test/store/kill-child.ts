/**
 * Appends until it is killed, and says of each commit what was acknowledged. Started by `sqlite-kill.test.ts` with the
 * path of a file and the number of the first id.
 */
import { writeSync } from "node:fs";
import { sqlite } from "../../src/store/sqlite.ts";
import { append, nthId } from "./given.ts";

const [path = "", first = "0"] = process.argv.slice(2);
const store = sqlite(path);
await store.open();
for (let n = Number(first); ; n += 5) {
  const numbers = [n, n + 1, n + 2, n + 3, n + 4];
  const outcomes = await store.commit(numbers.map((number) => append(number, [`k${number % 3}`])));
  // Synchronously: what was written here has left the process before the next commit begins.
  writeSync(1, outcomes.map((outcome, i) => `${nthId(n + i)} ${outcome?.offset}\n`).join(""));
}
