import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { inWorld, until } from "./world.ts";

const KILLS = Number(process.env.KILLS ?? 8);

interface Said {
  handled?: number;
  sent?: number;
  settled?: number;
  status?: string;
  connected?: boolean;
  gap?: unknown;
  error?: string;
}

describe("a Node client with durable storage", () => {
  it(`goes on where it was over ${KILLS} SIGKILLs: nothing lost, in order, both ways`, async () => {
    const atServer: number[] = [];
    await inWorld(
      { setup: (io) => io.on("connection", (socket) => void socket.on("m", (n: number) => void atServer.push(n))) },
      async (world) => {
        const diaries: string[] = [];
        /** What a life has said, all but a last line that is half written. */
        const read = (diary: string): Said[] => {
          const lines = existsSync(diary) ? readFileSync(diary, "utf8").split("\n") : [];
          return lines.slice(0, -1).map((line) => JSON.parse(line));
        };
        let child: ChildProcess | undefined;
        const start = () => {
          const from = Math.max(-1, ...diaries.flatMap(read).map(({ sent }) => sent ?? -1)) + 1;
          const diary = join(world.dir, `life-${diaries.length}.jsonl`);
          diaries.push(diary);
          const script = fileURLToPath(new URL("killed-client.ts", import.meta.url));
          const args = [String(world.proxy.port), join(world.dir, "client.db"), diary, String(from)];
          child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
            stdio: ["ignore", "ignore", "inherit"],
          });
          return () => read(diary);
        };
        const kill = async () => {
          process.kill(child?.pid as number, "SIGKILL");
          await once(child as ChildProcess, "exit");
        };
        let said = start();
        await until("it is connected", () => said().some(({ connected }) => connected !== undefined));
        let next = 0;
        const publishing = setInterval(() => {
          for (let i = 0; i < 3; i++) world.io.emit("n", next++);
        }, 5);
        try {
          for (let i = 0; i < KILLS; i++) {
            const [from, taken] = [next, atServer.length];
            await until("it has handled some", () => said().filter(({ handled }) => handled !== undefined).length > 30);
            await until("and more was published and taken", () => next > from + 60 && atServer.length > taken + 30);
            await kill();
            said = start();
          }
          clearInterval(publishing);
          await until("it has everything", () => said().some(({ handled }) => handled === next - 1));
          const sent = Math.max(...said().map((one) => one.sent ?? -1));
          await until("the server has everything", () => (atServer.at(-1) ?? -1) >= sent);
        } finally {
          clearInterval(publishing);
          await kill();
        }
        const lives = diaries.map(read);
        const all = lives.flat();
        expect(all.filter(({ gap, error }) => gap !== undefined || error !== undefined)).toEqual([]);
        const handled = all.flatMap(({ handled: n }) => (n === undefined ? [] : [n]));
        expect([...new Set(handled)]).toEqual(Array.from({ length: next }, (_, n) => n));
        // At most what was in its handler, or settled and not yet kept, when the process died is handled again.
        for (const life of lives) {
          const own = life.flatMap(({ handled: n }) => (n === undefined ? [] : [n]));
          expect(own).toEqual([...new Set(own)].sort((a, b) => a - b));
        }
        expect(atServer).toEqual([...new Set(atServer)].sort((a, b) => a - b));
        const there = new Set(atServer);
        const settled = all.filter(({ status }) => status === "acked");
        expect(settled.length).toBeGreaterThan(100);
        expect(settled.filter(({ settled: n }) => !there.has(n as number))).toEqual([]);
        if (process.env.REPORT) {
          console.log(
            `kills ${KILLS}: handled ${handled.length} of ${next} published, ${handled.length - next} again after a kill; sent and settled ${settled.length}`,
          );
        }
      },
    );
  }, 180_000);
});
