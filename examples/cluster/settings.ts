/**
 * What can be set, by the environment: of the command, and of each process that it starts.
 *
 * Rule: every process of the example reads its settings here, so that a container is given the same as a process.
 */

/** Absent: one is started. */
export const REDIS_URL: string | undefined = process.env.REDIS_URL || undefined;
/** Messages a second, of all nodes together. */
export const RATE: number = number("RATE", 100);
/** Socket.IO's own are 25 s and 20 s; nobody wants to look at a page for so long to see that a node stands still. */
export const PING_INTERVAL_MS: number = number("PING_INTERVAL_MS", 1_000);
export const PING_TIMEOUT_MS: number = number("PING_TIMEOUT_MS", 2_000);

/** A number of the environment. */
export function number(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${name} is a number, not ${process.env[name]}`);
}

/** A text of the environment. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
