/**
 * A worker without a server, in a process of its own: publishes numbers from `from` on until it is killed and says which are durable,
 * or ("once") publishes one through a store whose first commit fails, and has nothing else to do.
 *
 * Rule: it says that a number is durable only after it has the receipt.
 */
import { createEmitter } from "../../src/server/emitter.ts";
import { sqlite } from "../../src/store/sqlite.ts";
import { faultyStore } from "../../src/testing/store-faults.ts";

const [file = "", mode = "", from = "0"] = process.argv.slice(2);

if (mode === "once") {
  const faults = [{ at: 1, on: "commit", kind: "unknown" }] as const;
  const emitter = createEmitter(faultyStore(sqlite(file), { faults }));
  await emitter.to("r").publish("n", "once");
  process.exitCode = 7;
} else {
  const emitter = createEmitter(sqlite(file));
  const next = (n: number): void => {
    void emitter
      .to("r")
      .publish("n", n)
      .then(() => process.send?.(n));
    setImmediate(next, n + 1);
  };
  next(Number(from));
  process.on("disconnect", () => process.exit());
}
