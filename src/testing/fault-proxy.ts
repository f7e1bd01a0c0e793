/**
 * A TCP proxy between clients and a server, with the faults that networks have.
 *
 * Rule: loopback only; a fault concerns the connections that exist when it is asked for, or until it is taken back.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Direction, type Latency, Link } from "./fault-link.ts";

export type { Direction, Latency } from "./fault-link.ts";

/** What happens to a connection that asks for a WebSocket. */
export interface UpgradeFault {
  /** `cut` and `reset` end it; `hold` lets nothing pass any more until {@link FaultProxy.resume}. */
  readonly kind: "cut" | "reset" | "hold";
  /**
   * After how many bytes that the client has sent after its request's head. 0: the request arrives, the answer does not get
   * through. Socket.IO's probe is the first 12, the upgrade packet the next 7. Default: before the request arrives.
   */
  readonly afterBytes?: number;
}

/** A running proxy. */
export interface FaultProxy {
  /** The port to connect to. */
  readonly port: number;
  /** Connections open on the clients' side. */
  readonly open: number;
  /** Connections that have asked for a WebSocket. */
  readonly upgrades: number;
  /** Connections from now on go to this port. */
  retarget(port: number): void;
  /** Ends every connection on both sides. */
  cut(): void;
  /** The same with a reset (RST), as after a crashed router or a firewall. */
  reset(): void;
  /** Ends every connection on the clients' side; the server is told nothing, and hears nothing any more. */
  halfOpen(): void;
  /** Nothing passes until {@link resume}, in this direction or, by default, in either; nobody is told. Concerns connections made meanwhile, too. */
  stall(direction?: Direction): void;
  /** The same for the connections that exist, one in `every`, in both directions. */
  stallSome(every: number): void;
  /** Ends {@link stall}: what was held passes. */
  resume(): void;
  /** Everything takes longer, in both directions, on connections made meanwhile, too; order is kept. `undefined` ends it. */
  delay(latency: Latency | undefined): void;
  /** Every connection ends once so many more bytes have passed in this direction; they arrive. */
  cutAfter(bytes: number, direction: Direction): void;
  /** The same for the next connection that is made. */
  cutNextAfter(bytes: number, direction: Direction): void;
  /**
   * Asked for every connection that asks for a WebSocket, given its request's head: what is to happen to it. One whose path
   * has a `sid` is the upgrade of a connection that polls. `undefined` ends it.
   */
  onUpgrade(decide: ((head: string) => UpgradeFault | undefined) | undefined): void;
  /** New connections are refused until called with false. */
  refuse(refuse: boolean): void;
  close(): Promise<void>;
}

const BOTH: readonly Direction[] = ["toServer", "toClient"];

/**
 * Starts a proxy on a free port of the loopback address.
 *
 * @param target The server's port.
 * @param random Chance, for jitter: a number in [0, 1). Default: `Math.random`.
 */
export async function faultProxy(target: number, random: () => number = Math.random): Promise<FaultProxy> {
  const links = new Set<Link>();
  /** The server's sides of half-open connections. */
  const abandoned = new Set<Socket>();
  const stalled = new Set<Direction>();
  let port = target;
  let refused = false;
  let upgrades = 0;
  let latency: Latency | undefined;
  let next: { readonly bytes: number; readonly direction: Direction } | undefined;
  let decide: ((head: string) => UpgradeFault | undefined) | undefined;

  const fail = (link: Link, { kind, afterBytes }: UpgradeFault, pending: number): void => {
    const act = {
      cut: () => link.cut(),
      reset: () => link.reset(),
      hold: () => BOTH.forEach((direction) => void link.hold(direction)),
    }[kind];
    if (afterBytes === undefined) act();
    else link.after(pending + afterBytes, "toServer", act);
  };

  const server: Server = createServer((near) => {
    if (refused) {
      near.destroy();
      return;
    }
    const link: Link = new Link(near, connect(port, "127.0.0.1"), random, {
      closed: () => links.delete(link),
      upgrade(head, pending) {
        upgrades++;
        const fault = decide?.(head);
        if (fault) fail(link, fault, pending);
      },
    });
    links.add(link);
    if (latency) link.delay(latency);
    for (const direction of stalled) link.hold(direction);
    if (next) link.cutAfter(next.bytes, next.direction);
    next = undefined;
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");

  return {
    port: address.port,
    get open() {
      return links.size;
    },
    get upgrades() {
      return upgrades;
    },
    retarget(to) {
      port = to;
    },
    cut() {
      for (const link of links) link.cut();
    },
    reset() {
      for (const link of links) link.reset();
    },
    halfOpen() {
      for (const link of links) {
        const far = link.abandon();
        links.delete(link);
        abandoned.add(far);
        far.on("close", () => abandoned.delete(far));
      }
    },
    stall(direction) {
      for (const way of direction ? [direction] : BOTH) {
        stalled.add(way);
        for (const link of links) link.hold(way);
      }
    },
    stallSome(every) {
      let i = 0;
      for (const link of links) if (i++ % every === 0) for (const direction of BOTH) link.hold(direction);
    },
    resume() {
      stalled.clear();
      for (const link of links) link.resume();
    },
    delay(by) {
      latency = by;
      for (const link of links) link.delay(by);
    },
    cutAfter(bytes, direction) {
      for (const link of links) link.cutAfter(bytes, direction);
    },
    cutNextAfter(bytes, direction) {
      next = { bytes, direction };
    },
    onUpgrade(hook) {
      decide = hook;
    },
    refuse(refuse) {
      refused = refuse;
    },
    close() {
      for (const link of links) link.cut();
      for (const far of abandoned) far.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
