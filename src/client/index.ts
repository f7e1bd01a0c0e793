/** The client: everything that an application may import. */
export type { ClientChange, ClientPlace, ClientState, ClientStorage, StorageHost } from "../client-storage.ts";
export { systemClock } from "../clock.ts";
export type { Clock } from "../core/clock.ts";
export { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
export type { OutboxLimits, Outgoing } from "../core/outbox.ts";
export { formatPosition, type Position, parsePosition } from "../core/position.ts";
export type { GapReason } from "../core/resume.ts";
export type { WireGap as Gap } from "../core/wire.ts";
export type {
  ClientDelivery,
  ClientMetrics,
  Current,
  DeliveryOutbox,
  DeliverySignals,
  DeliveryState,
  HistoryEntry,
  HistoryPage,
  MessageHandle,
  MessageStatus,
  OutboxStatus,
} from "./api.ts";
export { type IndexedDbOptions, indexedDb } from "./indexed-db.ts";
export { type IoOptions, io } from "./io.ts";
export { type KeyValue, type KeyValueStorageOptions, keyValueStorage } from "./key-value.ts";
export type { ReliableOptions } from "./options.ts";
export { type ReliableSocket, reliable } from "./reliable.ts";
export { memoryStorage } from "./storage.ts";
