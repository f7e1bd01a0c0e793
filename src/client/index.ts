/** The client: everything that an application may import. */
export type { ClientChange, ClientPlace, ClientState, ClientStorage } from "../client-storage.ts";
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
  DeliveryOutbox,
  HistoryEntry,
  HistoryPage,
  MessageHandle,
  OutboxStatus,
} from "./delivery.ts";
export type { Current } from "./dispatch.ts";
export { type IoOptions, io } from "./io.ts";
export type { ReliableOptions } from "./options.ts";
export { type ReliableSocket, reliable } from "./reliable.ts";
export type { MessageStatus } from "./sending.ts";
export type { DeliverySignals, DeliveryState } from "./signals.ts";
export { memoryStorage } from "./storage.ts";
