/**
 * How many messages are on their way.
 *
 * Rule: one `useOutbox`; nothing is shown when nothing waits.
 */
import { useOutbox } from "gapless-io/react";
import type { ReactNode } from "react";
import type { ChatSocket } from "./chat-socket.ts";

export function OutboxBadge({ socket }: { readonly socket: ChatSocket }): ReactNode {
  const { size } = useOutbox(socket);
  return size > 0 && <span className="badge">{size} waiting</span>;
}
