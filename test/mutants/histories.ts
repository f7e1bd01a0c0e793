/** Runs histories on whatever source it was bundled with, and tells what came of it. A child process of run.ts. */
import { checkHistories } from "../../src/testing/simulator/check.ts";
import { Violation } from "../../src/testing/simulator/violation.ts";

const { histories, failure } = await checkHistories({ runs: Number(process.argv[2]), seed: 1, shrinks: false });
const { violation } = failure ?? {};
const property = violation instanceof Violation ? violation.property : violation?.name;
console.log(JSON.stringify({ histories, property, message: violation?.message }));
// Timers of what went wrong may be left.
process.exit(0);
