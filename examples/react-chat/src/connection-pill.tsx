/**
 * Where the connection stands.
 *
 * Rule: one `useDeliveryState`, in words.
 */
import type { DeliveryState } from "gapless-io/client";
import { useDeliveryState } from "gapless-io/react";
import type { ReactNode } from "react";
import type { ChatSocket } from "./chat-socket.ts";

const WORDS: Record<DeliveryState, string> = {
  offline: "offline",
  connecting: "connecting…",
  plain: "plain Socket.IO",
  live: "live",
  resyncing: "loading anew…",
  superseded: "open elsewhere",
};

export function ConnectionPill({ socket }: { readonly socket: ChatSocket }): ReactNode {
  const state = useDeliveryState(socket);
  return (
    <span className="pill" data-state={state} role="status">
      <i className="dot" />
      {WORDS[state]}
    </span>
  );
}
