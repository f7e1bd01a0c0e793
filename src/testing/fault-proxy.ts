/**
 * A TCP proxy between clients and a server, with the faults that networks have.
 *
 * Rule: loopback only; a fault concerns the connections that exist when it is asked for, or until it is taken back.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** A running proxy. */
export interface FaultProxy {
  /** The port to connect to. */
  readonly port: number;
  /** Connections open on the clients' side. */
  readonly open: number;
  /** Connections from now on go to this port. */
  retarget(port: number): void;
  /** Ends every connection on both sides. */
  cut(): void;
  /** Ends every connection on the clients' side; the server is told nothing, and hears nothing any more. */
  halfOpen(): void;
  /** Nothing passes in either direction until {@link resume}; nobody is told. Concerns connections made meanwhile, too. */
  stall(): void;
  /** The same for the connections that exist, one in `every`. */
  stallSome(every: number): void;
  resume(): void;
  /** New connections are refused until called with false. */
  refuse(refuse: boolean): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Starts a proxy on a free port of the loopback address. @param target The server's port. */
export async function faultProxy(target: number): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let port = target;
  let stalled = false;
  let refused = false;

  const server: Server = createServer((near) => {
    if (refused) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    const pair: Pair = { near, far };
    pairs.add(pair);
    near.setNoDelay(true);
    far.setNoDelay(true);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far);
    far.pipe(near);
    near.on("close", () => {
      // After halfOpen() the pipes are gone, and the server's side stays.
      if (pairs.delete(pair)) far.destroy();
    });
    far.on("close", () => {
      if (pairs.delete(pair)) near.destroy();
    });
    if (stalled) hold(pair);
  });

  const hold = ({ near, far }: Pair) => {
    near.unpipe(far);
    far.unpipe(near);
    near.pause();
    far.pause();
  };
  const abandoned = new Set<Socket>();

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");

  return {
    port: address.port,
    get open() {
      return pairs.size;
    },
    retarget(next) {
      port = next;
    },
    cut() {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      pairs.clear();
    },
    halfOpen() {
      for (const pair of pairs) {
        hold(pair);
        abandoned.add(pair.far);
        pair.far.on("close", () => abandoned.delete(pair.far));
      }
      const broken = [...pairs];
      pairs.clear();
      for (const { near } of broken) near.destroy();
    },
    stall() {
      stalled = true;
      for (const pair of pairs) hold(pair);
    },
    stallSome(every) {
      let i = 0;
      for (const pair of pairs) if (i++ % every === 0) hold(pair);
    },
    resume() {
      stalled = false;
      for (const { near, far } of pairs) {
        if (!near.readableFlowing) near.pipe(far);
        if (!far.readableFlowing) far.pipe(near);
      }
    },
    refuse(refuse) {
      refused = refuse;
    },
    close() {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      for (const far of abandoned) far.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
