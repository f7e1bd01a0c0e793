/** `gapless-io`: what server, client and stores share. No side belongs here: import `gapless-io/server` or `gapless-io/client`. */
export { DeliveryError, type DeliveryErrorCode } from "./core/error.ts";
export { type Epoch, formatPosition, type Offset, type Position, parsePosition } from "./core/position.ts";
export type { GapReason } from "./core/resume.ts";
export type {
  AudienceKey,
  DeadLetter,
  Durability,
  Entry,
  LogState,
  Membership,
  NewEntry,
  Operation,
  Outcome,
  Page,
  ReadQuery,
  Retention,
  Store,
  StoredSession,
  Tail,
} from "./store/store.ts";
