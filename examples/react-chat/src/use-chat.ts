/**
 * The chat of one socket, as components see it.
 *
 * Rule: each listener is added in an effect and removed at its end, so that there is one of it, whatever mounts, unmounts or is reloaded.
 */
import type { Gap } from "gapless-io/client";
import { useDeliveryState, useGap } from "gapless-io/react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Logged, Message } from "../protocol.ts";
import type { ChatSocket } from "./chat-socket.ts";
import { add, type Line, mark, put } from "./lines.ts";
import { me } from "./me.ts";

/** How long the server may take to answer. */
const ANSWER_MS = 5_000;

export interface Chat {
  readonly lines: readonly Line[];
  /** What may be missing, until the history was loaded anew. */
  readonly gap: Gap | undefined;
  say(text: string): void;
  /** Loads the history. */
  load(): Promise<void>;
}

export function useChat(socket: ChatSocket): Chat {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [gap, setGap] = useState<Gap>();
  const { delivery } = socket;

  useEffect(() => {
    const came = (message: Message): void => {
      const line: Line = { ...message, offset: delivery.current?.offset, status: "acked" };
      setLines((now) => put(now, [line]));
    };
    socket.on("message", came);
    return () => void socket.off("message", came);
  }, [socket, delivery]);

  useEffect(() => delivery.on("status", ({ id, status }) => setLines((now) => mark(now, id, status))), [delivery]);

  // What was written before the page was loaded, and waits.
  useEffect(() => delivery.outbox.subscribe(() => setLines((now) => add(now, waiting(socket)))), [socket, delivery]);

  useGap(socket, setGap);

  const load = useCallback(async () => {
    const history: readonly Logged[] = await socket.timeout(ANSWER_MS).emitWithAck("history");
    setLines((now) =>
      put(
        now,
        history.map(({ message, offset }) => ({ ...message, offset, status: "acked" })),
      ),
    );
    setGap(undefined);
  }, [socket]);

  // Once for each socket: what comes later is delivered, after every interruption.
  const state = useDeliveryState(socket);
  const loaded = useRef<ChatSocket>(undefined);
  useEffect(() => {
    if (state !== "live" || loaded.current === socket) return;
    loaded.current = socket;
    load().catch(() => {
      // Disconnected meanwhile: at the next connection.
      loaded.current = undefined;
    });
  }, [state, socket, load]);

  const say = (text: string): void => {
    const message: Message = { key: crypto.randomUUID(), from: me, text, at: Date.now() };
    const { id, status } = delivery.emit("say", message);
    setLines((now) => put(now, [{ ...message, id, status }]));
  };

  return { lines, gap, say, load };
}

function waiting({ delivery }: ChatSocket): Line[] {
  return delivery.outbox
    .list()
    .flatMap(({ id, args: [event, message] }): Line[] =>
      event === "say" ? [{ ...(message as Message), id, status: "stored" }] : [],
    );
}
