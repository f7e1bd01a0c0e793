/**
 * Beside the chat: what delivery says of itself, and what one can do to it.
 *
 * Rule: for trying things out; a real chat has no such panel.
 */
import type { MessageStatus } from "gapless-io/client";
import { useDeliveryState, useOutbox } from "gapless-io/react";
import type { ReactNode } from "react";
import type { ChatSocket } from "./chat-socket.ts";
import { MARKS, StatusMark } from "./status-mark.tsx";

const SHOWN: readonly MessageStatus[] = ["pending", "stored", "sent", "acked", "failed"];

export function DeliveryPanel({ socket }: { readonly socket: ChatSocket }): ReactNode {
  const state = useDeliveryState(socket);
  const { pending, sent, failed, durable } = useOutbox(socket);
  const offline = state === "offline";
  return (
    <aside className="card">
      <h2>Delivery</h2>
      <div className="buttons">
        <button type="button" onClick={() => (offline ? socket.connect() : socket.disconnect())}>
          {offline ? "Go online" : "Go offline"}
        </button>
        <button type="button" disabled={state !== "live"} onClick={() => socket.emit("forget")}>
          Lose my session
        </button>
      </div>
      <dl>
        <dt>session</dt>
        <dd>
          <code>{socket.delivery.session?.slice(0, 10) ?? "none yet"}</code>
        </dd>
        <dt>not sent</dt>
        <dd>{pending}</dd>
        <dt>sent, no word yet</dt>
        <dd>{sent}</dd>
        <dt>failed</dt>
        <dd>{failed}</dd>
        <dt>survives a reload</dt>
        <dd>{durable ? "yes" : "no"}</dd>
      </dl>
      <ul>
        {SHOWN.map((status) => (
          <li key={status}>
            <StatusMark status={status} /> <b>{status}</b> <span>{MARKS[status][1]}</span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
