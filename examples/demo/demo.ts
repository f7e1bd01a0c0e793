/**
 * The demo: the same program on gapless-io and on plain Socket.IO with connection state recovery, under the same faults.
 *
 * For each of the two: a server process, a process with 20 clients, and a TCP proxy between them. While events are published
 * both ways, phase by phase, connections are cut, go half-open, stall, and the server is killed with SIGKILL.
 * Exits with 1 when gapless-io lost anything that it acknowledged, or handed anything out twice.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FaultProxy, faultProxy } from "../../src/testing/fault-proxy.ts";
import type { FromClients, FromServer, Kind } from "./protocol.ts";

const CLIENTS = 20;
const KINDS: readonly Kind[] = ["gapless-io", "Socket.IO + recovery"];
type Report = Extract<FromClients, { missing: number }>;

/** One server with its clients. */
class Side {
  readonly kind: Kind;
  readonly file: string;
  proxy!: FaultProxy;
  published = 0;
  /** Keys that the publisher was told are safe, in this phase. */
  acknowledged: string[] = [];
  #server!: ChildProcess;
  #clients!: ChildProcess;
  #port = 0;
  #ticks = 0;
  #report: ((report: Report) => void) | undefined;

  constructor(kind: Kind, file: string) {
    this.kind = kind;
    this.file = file;
  }

  async start(): Promise<void> {
    await this.startServer();
    this.proxy = await faultProxy(this.#port);
    this.#clients = child("clients.ts", { kind: this.kind, port: this.proxy.port, count: CLIENTS });
    const connected = new Promise<void>((resolve) => {
      this.#clients.on("message", (message: FromClients) => {
        if ("connected" in message) resolve();
        else if ("published" in message) this.#count(message);
        else this.#report?.(message);
      });
    });
    await connected;
    // What was published before the last client was there is not counted; let word of it arrive first.
    await sleep(300);
  }

  async startServer(): Promise<void> {
    const server = child("server.ts", { kind: this.kind, port: this.#port, file: this.file, from: this.#ticks });
    this.#server = server;
    this.#port = await new Promise<number>((resolve) => {
      server.on("message", (message: FromServer) => {
        if ("listening" in message) return resolve(message.listening);
        this.#ticks += message.published;
        this.#count(message);
      });
    });
  }

  /** SIGKILL, then the same again on the same port and file. */
  async killServer(): Promise<void> {
    // Numbers of the ticks that died untold are not used again.
    this.#ticks += 1_000;
    this.#server.kill("SIGKILL");
    await once(this.#server, "exit");
    await this.startServer();
  }

  report(): Promise<Report> {
    return new Promise((resolve) => {
      this.#report = resolve;
      this.#clients.send({ check: this.acknowledged });
    });
  }

  async stop(): Promise<void> {
    for (const process of [this.#clients, this.#server]) {
      process.kill();
      await once(process, "exit");
    }
    await this.proxy.close();
  }

  #count({ published, acknowledged }: { readonly published: number; readonly acknowledged: readonly string[] }): void {
    this.published += published;
    this.acknowledged.push(...acknowledged);
  }
}

interface Phase {
  readonly name: string;
  run(side: Side): Promise<void>;
}

const PHASES: readonly Phase[] = [
  { name: "calm", run: () => sleep(2_000) },
  // Before the clean cuts: Socket.IO's recovery lives for two minutes on what it saved at a clean one.
  { name: "half-open drops", run: (side) => repeat(10, 400, () => side.proxy.halfOpen()) },
  { name: "clean cuts", run: (side) => repeat(10, 400, () => side.proxy.cut()) },
  {
    name: "stalled clients",
    run: async (side) => {
      side.proxy.stallSome(5);
      await sleep(3_000);
      side.proxy.resume();
    },
  },
  { name: "server: SIGKILL", run: (side) => repeat(4, 1_200, () => side.killServer()) },
];

const dir = await mkdtemp(join(tmpdir(), "gapless-demo-"));
const sides = KINDS.map((kind, i) => new Side(kind, join(dir, `${i}.db`)));
const rows: string[][] = [];
let failed = false;
try {
  console.log(
    `Two Socket.IO servers, ${CLIENTS} clients each, the same faults for both. This takes about half a minute.\n`,
  );
  await Promise.all(sides.map((side) => side.start()));
  for (const phase of PHASES) {
    const results = await Promise.all(sides.map((side) => runPhase(side, phase)));
    for (const { row, bad, side } of results) {
      rows.push(row);
      if (bad && side.kind === "gapless-io") failed = true;
    }
  }
} finally {
  await Promise.all(sides.map((side) => side.stop()));
  await rm(dir, { recursive: true, force: true });
}

print(rows);
console.log(
  failed
    ? "\nFAILED: gapless-io lost something that it had acknowledged, or handed something out twice."
    : "\ngapless-io lost nothing that it had acknowledged, and handed nothing out twice.",
);
process.exit(failed ? 1 : 0);

async function runPhase(side: Side, phase: Phase): Promise<{ side: Side; row: string[]; bad: boolean }> {
  side.published = 0;
  side.acknowledged = [];
  const before = await side.report();
  const live = setInterval(() => show(side, phase), 250);
  await phase.run(side);
  // Everything acknowledged gets the same time to arrive, on both sides.
  const giveUpAt = Date.now() + 6_000;
  let after = await side.report();
  const { length } = side.acknowledged;
  const checked = side.acknowledged.slice(0, length);
  side.acknowledged = checked;
  while (after.missing > 0 && Date.now() < giveUpAt) {
    await sleep(100);
    side.acknowledged = checked;
    after = await side.report();
  }
  clearInterval(live);
  const duplicates = after.duplicates - before.duplicates;
  const row = [
    phase.name,
    side.kind,
    side.published,
    checked.length,
    after.delivered - before.delivered,
    duplicates,
    after.gaps - before.gaps,
    after.missing,
  ].map(String);
  if (!process.stdout.isTTY) console.log(row.join(" | "));
  return { side, row, bad: after.missing > 0 || duplicates > 0 };
}

function show(side: Side, phase: Phase): void {
  if (!process.stdout.isTTY) return;
  const line = `${phase.name.padEnd(16)} ${side.kind.padEnd(21)} published ${side.published}, acknowledged ${side.acknowledged.length}`;
  process.stdout.write(`\r\x1b[K${line}`);
}

function print(table: readonly string[][]): void {
  const head = ["phase", "", "published", "acknowledged", "delivered", "duplicates", "gaps", "lost"];
  const all = [head, ...table];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)));
  console.log("\r\x1b[K");
  for (const row of all) {
    console.log(
      row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join("  "),
    );
  }
  console.log("\nlost: acknowledged events that did not reach one of the clients. delivered counts every client.");
}

async function repeat(times: number, everyMs: number, fault: () => unknown): Promise<void> {
  for (let i = 0; i < times; i++) {
    await fault();
    await sleep(everyMs);
  }
}

function child(file: string, options: object): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, [JSON.stringify(options)], { execArgv: ["--import", "tsx"], stdio: "inherit" });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
