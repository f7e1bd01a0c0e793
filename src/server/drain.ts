/**
 * Stopping without loss and without a storm.
 *
 * Rule: transports are closed, clients are never "disconnected": Socket.IO's clients come back by themselves after the first,
 * not after the second.
 */
import type { Server } from "socket.io";
import type { Hub } from "./hub.ts";

/** Options of `io.delivery.drain()`. */
export interface DrainOptions {
  /** How long to wait for acknowledgements of what is under way, milliseconds. @default 5_000 */
  readonly timeoutMs?: number;
  /** Over how long the transports are closed, milliseconds. @default 2_000 */
  readonly spreadMs?: number;
}

/** The part of Engine.IO's server that is needed. Its `opts` are read at each handshake. */
interface Engine {
  readonly clients: Record<string, { close(discard?: boolean): void }>;
  opts: { allowRequest?: (request: unknown, then: (error: string | null, success: boolean) => void) => void };
}

/** Looks again this often whether everything is acknowledged. */
const LOOK_EVERY_MS = 20;
/** Transports are closed in so many steps. */
const STEPS = 20;

/** Drains a server. Resolves when every transport is closed. */
export async function drain(
  io: Server,
  hub: Hub,
  { timeoutMs = 5_000, spreadMs = 2_000 }: DrainOptions,
): Promise<void> {
  const engine = io.engine as unknown as Engine | undefined;
  if (engine) engine.opts.allowRequest = (_request, then) => then("the server is draining", false);
  const { clock } = hub;
  const until = clock.now() + timeoutMs;
  if (!hub.writer.failing) await Promise.race([hub.writer.flushed(), wait(hub, timeoutMs)]);
  const underWay = () =>
    [...hub.sessions.values()].some((session) => session.busy > 0 || (session.connection?.inFlight ?? 0) > 0);
  while (underWay() && clock.now() < until) await wait(hub, LOOK_EVERY_MS);
  hub.cursors.flush();
  const clients = Object.values(engine?.clients ?? {});
  const step = Math.ceil(clients.length / STEPS);
  for (let i = 0; i < clients.length; i += step) {
    for (const client of clients.slice(i, i + step)) client.close(true);
    if (i + step < clients.length) await wait(hub, spreadMs / STEPS);
  }
  if (!hub.writer.failing) await hub.writer.flushed();
}

function wait(hub: Hub, ms: number): Promise<void> {
  return new Promise((resolve) => {
    hub.clock.at(hub.clock.now() + ms, resolve);
  });
}
