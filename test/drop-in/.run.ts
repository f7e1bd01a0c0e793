import { runScript } from "/work/main/test/drop-in/harness.ts";
import { SCRIPTS } from "/work/main/test/drop-in/scripts.ts";
import { format } from "/work/main/test/drop-in/trace.ts";

const [, , pattern = "", server = "raw", client = "plain", transport = "websocket", sv = "4.8", cv = "4.8"] =
  process.argv;
process.on("unhandledRejection", (e) => console.log("UNHANDLED", e));
for (const s of SCRIPTS.filter((s) => s.name.includes(pattern))) {
  const t = Date.now();
  try {
    const place = { server: sv, client: cv, transport } as any;
    const ref = await runScript(s, place, { name: "ref", server: "raw", making: () => "plain" });
    if (process.env.SHOW) console.log(format(ref.trace));
    if (server !== "raw" || client !== "plain") {
      const run = await runScript(s, place, {
        name: `${server} ${client}`,
        server: server as any,
        making: () => client as any,
      });
      const x = format(ref.trace),
        y = format(run.trace);
      if (run.reports.length) console.log("REPORTS", s.name, run.reports);
      if (x !== y) {
        console.log("DIFF", s.name);
        const fs = await import("node:fs");
        fs.writeFileSync("/tmp/x", x + "\n");
        fs.writeFileSync("/tmp/y", y + "\n");
        const cp = await import("node:child_process");
        console.log(cp.spawnSync("diff", ["-U2", "/tmp/x", "/tmp/y"]).stdout.toString());
      }
    }
  } catch (e) {
    console.log("FAILED", s.name, (e as Error).message.slice(0, 3000));
  }
  if (Date.now() - t > 400) console.log("slow", s.name, Date.now() - t);
}
console.log("done", SCRIPTS.length);
process.exit(0);
