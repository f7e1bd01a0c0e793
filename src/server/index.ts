/** `gapless-io/server`: reliable delivery on an existing Socket.IO server. */
export type { Clock } from "../core/clock.ts";
export { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
export type { Offset } from "../core/position.ts";
export type { GapReason } from "../core/resume.ts";
export type { WireGap } from "../core/wire.ts";
export type { Durability, Retention, Store } from "../store/store.ts";
export type { DeadLetterInfo, ServerDelivery, SessionInfo } from "./delivery.ts";
export type { DeliveryEvents } from "./delivery-events.ts";
export type { DrainOptions } from "./drain.ts";
export type { HistoryEntry, HistoryOptions, HistoryPage } from "./history.ts";
export type { Limits } from "./limits.ts";
export type { Operator, PublishOptions } from "./operator.ts";
export type { ReliableOptions } from "./options.ts";
export type { Receipt } from "./publisher.ts";
export { type ReliableServer, type ReliableSocket, reliable } from "./reliable.ts";
export type { SocketDelivery } from "./socket-delivery.ts";
