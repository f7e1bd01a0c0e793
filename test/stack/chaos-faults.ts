/**
 * The faults of the chaos run.
 *
 * Rule: each ends by itself and takes back what it did, so that the next begins with a working network; none waits for anything
 * but its own time.
 */
import type { Direction, FaultProxy, UpgradeFault } from "../../src/testing/fault-proxy.ts";
import { type Order, sleep } from "./chaos-diary.ts";

/** A process that can be stopped and told to stall. */
interface Victim {
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  order(order: Order): void;
}

/** What there is to be hit. */
export interface Target {
  readonly proxy: FaultProxy;
  readonly server: Victim;
  readonly groups: readonly Victim[];
  /** A number from 0 to `below` - 1. */
  readonly random: (below: number) => number;
  /** Waits for a condition, but not longer than this. */
  reached(condition: () => boolean, withinMs: number): Promise<boolean>;
  /** Kills a client process and starts it again. */
  killClients(group: number): Promise<void>;
}

/** A fault. */
export interface Fault {
  readonly name: string;
  inject(target: Target): Promise<void> | void;
}

/** Longer than pingInterval + pingTimeout: both sides notice. */
const NOTICED_MS = 1_700;

function blackHole(direction: Direction | undefined, what: string, ms: (run: Target) => number): Fault {
  return {
    name: `black hole ${what}`,
    async inject(run) {
      run.proxy.stall(direction);
      await sleep(ms(run));
      run.proxy.resume();
    },
  };
}

/** Where in an upgrade it hits: before the request, before the answer, in the probe, after it, in the upgrade packet, after it. */
const UPGRADE_BYTES = [undefined, 0, 6, 12, 15, 19, 60];

function upgrade(kind: UpgradeFault["kind"]): Fault {
  return {
    name: `upgrade ${kind}`,
    async inject(run) {
      const { proxy } = run;
      const before = proxy.upgrades;
      proxy.onUpgrade((head) => {
        const afterBytes = UPGRADE_BYTES[run.random(UPGRADE_BYTES.length)];
        // Those that only speak WebSocket get through now and then.
        if (!/[?&]sid=/.test(head) && run.random(2) === 0) return undefined;
        return afterBytes === undefined ? { kind } : { kind, afterBytes };
      });
      proxy.cut();
      await run.reached(() => proxy.upgrades >= before + 6, 400);
      proxy.onUpgrade(undefined);
      if (kind === "hold") await sleep(run.random(200));
      proxy.resume();
    },
  };
}

function pause(name: string, who: (run: Target) => Victim): Fault {
  return {
    name: `SIGSTOP ${name}`,
    async inject(run) {
      const part = who(run);
      part.signal("SIGSTOP");
      await sleep(NOTICED_MS + run.random(500));
      part.signal("SIGCONT");
    },
  };
}

const briefly = (run: Target) => 30 + run.random(300);
const noticed = (run: Target) => NOTICED_MS + run.random(300);
const directions: readonly Direction[] = ["toServer", "toClient"];

export const FAULTS: readonly Fault[] = [
  { name: "none", inject: () => {} },
  { name: "none", inject: () => {} },
  { name: "cut", inject: ({ proxy }) => proxy.cut() },
  { name: "RST", inject: ({ proxy }) => proxy.reset() },
  { name: "half-open", inject: ({ proxy }) => proxy.halfOpen() },
  {
    name: "delay",
    async inject({ proxy, random }) {
      proxy.delay({ latencyMs: 2 + random(60), jitterMs: random(80) });
      await sleep(100 + random(300));
      proxy.delay(undefined);
    },
  },
  blackHole("toServer", "to the server, brief", briefly),
  blackHole("toClient", "to the clients, brief", briefly),
  blackHole(undefined, "both ways, brief", briefly),
  {
    name: "black hole one way, noticed",
    async inject(run) {
      run.proxy.stall(directions[run.random(2)]);
      await sleep(noticed(run));
      run.proxy.resume();
    },
  },
  {
    name: "cut after N bytes",
    inject({ proxy, random }) {
      proxy.cutAfter(1 + random(3_000), directions[random(2)] as Direction);
    },
  },
  {
    name: "next connection cut after N bytes",
    async inject({ proxy, random }) {
      proxy.cut();
      for (let i = 0; i < 5; i++) {
        proxy.cutNextAfter(1 + random(2_500), directions[random(2)] as Direction);
        await sleep(random(20));
      }
    },
  },
  upgrade("cut"),
  upgrade("reset"),
  upgrade("hold"),
  { name: "server's event loop stalls", inject: (run) => run.server.order({ stallMs: 50 + run.random(600) }) },
  {
    name: "clients' event loop stalls",
    inject: (run) => run.groups[run.random(2)]?.order({ stallMs: 50 + run.random(600) }),
  },
  pause("server", (run) => run.server),
  pause("clients", (run) => run.groups[run.random(2)] as Victim),
  { name: "SIGKILL of clients that keep nothing", inject: (run) => run.killClients(0) },
  { name: "SIGKILL of clients with durable storage", inject: (run) => run.killClients(1) },
  { name: "SIGKILL of clients with durable storage", inject: (run) => run.killClients(1) },
];
