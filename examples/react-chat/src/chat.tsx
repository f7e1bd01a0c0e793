/**
 * The chat, given a socket.
 *
 * Rule: what it shows of delivery comes from the hooks; it neither makes nor ends the socket.
 */
import { type ReactNode, useEffect } from "react";
import type { ChatSocket } from "./chat-socket.ts";
import { Composer } from "./composer.tsx";
import { ConnectionPill } from "./connection-pill.tsx";
import { DeliveryPanel } from "./delivery-panel.tsx";
import { GapBanner } from "./gap-banner.tsx";
import { me } from "./me.ts";
import { MessageList } from "./message-list.tsx";
import { OutboxBadge } from "./outbox-badge.tsx";
import { useChat } from "./use-chat.ts";

export function Chat({ socket }: { readonly socket: ChatSocket }): ReactNode {
  const { lines, gap, say, load } = useChat(socket);

  // For the browser's console: `socket.delivery.metrics()`.
  useEffect(() => {
    Object.assign(window, { socket });
  }, [socket]);

  return (
    <main>
      <section className="card chat">
        <header>
          <h1>Lobby</h1>
          <small>you are {me}</small>
          <OutboxBadge socket={socket} />
          <ConnectionPill socket={socket} />
        </header>
        {gap && <GapBanner gap={gap} load={load} />}
        <MessageList lines={lines} />
        <Composer say={say} />
      </section>
      <DeliveryPanel socket={socket} />
    </main>
  );
}
