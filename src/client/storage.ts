/**
 * Storage that keeps nothing.
 *
 * Rule: it is synchronous, so that an emit leaves in the turn in which it was made.
 */
import type { ClientStorage } from "../client-storage.ts";

/** Cursor and outbox live as long as the socket object. */
export function memoryStorage(): ClientStorage {
  return { durable: false, volatile: true, load: () => undefined, save() {}, close() {} };
}
