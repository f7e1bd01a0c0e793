/**
 * What an application can be told of delivery, with `io.delivery.on`.
 *
 * Rule: nothing here is needed for delivery to work.
 */
import type { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import type { WireGap } from "../core/wire.ts";
import type { DeadLetter } from "../store/store.ts";

/** What happens in delivery, for `io.delivery.on`. */
export type DeliveryEvents = {
  /** A client was told that it missed something. */
  gap: { readonly session: string; readonly namespace: string } & WireGap;
  /** A message was given up on. */
  "dead-letter": DeadLetter;
  /** A client came back. */
  replay: { readonly session: string; readonly namespace: string; readonly from: Offset; readonly to: Offset };
  /** Something that should be looked at. Nothing that was acknowledged is lost by it. */
  error: DeliveryError | Error;
  /** The store began to fail, or works again (`undefined`). */
  store: DeliveryError | undefined;
};
