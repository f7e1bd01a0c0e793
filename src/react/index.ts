/**
 * Reliable delivery in React components.
 *
 * Rule: what a component shows comes from the socket by `useSyncExternalStore`; nothing is begun while rendering, and what an effect begins its end ends,
 * so that Strict Mode's second mount and a hot reload leave nothing behind.
 */
import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import type { ClientDelivery, DeliveryState, Gap, OutboxStatus } from "../client/index.ts";

/** A socket of `gapless-io/client`. */
interface Reliable {
  readonly delivery: ClientDelivery;
}

/** What the outbox holds, always up to date. */
export function useOutbox({ delivery: { outbox } }: Reliable): OutboxStatus {
  const status = (): OutboxStatus => outbox.status;
  return useSyncExternalStore(outbox.subscribe, status, status);
}

/** Where the connection stands, always up to date. */
export function useDeliveryState({ delivery }: Reliable): DeliveryState {
  const state = (): DeliveryState => delivery.state;
  const subscribe = useCallback((changed: () => void) => delivery.on("state", changed), [delivery]);
  return useSyncExternalStore(subscribe, state, state);
}

/** Calls `listener` for every gap while the component is mounted. It may be another function at each render: the last one is called. */
export function useGap({ delivery }: Reliable, listener: (gap: Gap) => void): void {
  const last = useRef(listener);
  useEffect(() => {
    last.current = listener;
  });
  useEffect(() => delivery.on("gap", (gap) => last.current(gap)), [delivery]);
}
