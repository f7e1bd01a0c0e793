/**
 * Making `socket.delivery`.
 *
 * Rule: it looks and asks; the work is done elsewhere.
 */
import type { ClientDelivery, DeliveryOutbox, MessageHandle, MessageStatus, OutboxStatus } from "./api.ts";
import { ask } from "./ask.ts";
import type { Link } from "./link.ts";
import { failure, type Message, unsent } from "./outbox.ts";

/** The delivery of a link. `emit` answers `undefined` for what went the native way. */
export function createDelivery(
  link: Link,
  emit: (event: string, args: unknown[]) => Message | undefined,
): ClientDelivery {
  const { ties, outbox, delivery } = link;
  const { settings, metrics, after, socket } = ties;
  const listeners = new Set<(status: OutboxStatus) => void>();
  const { messages } = outbox;

  let last: OutboxStatus | undefined;
  const status = (): OutboxStatus => {
    // One that is withdrawn is kept until the server knows, but nobody waits for it.
    const waiting = messages.values().filter(({ args }) => args);
    const size = waiting.length;
    const pending = waiting.filter(unsent).length;
    const { durable } = settings.storage;
    const now = { size, pending, sent: size - pending, failed: metrics.failed, durable, error: link.storageError() };
    if (!last || (Object.keys(now) as (keyof OutboxStatus)[]).some((key) => now[key] !== last?.[key])) last = now;
    return last;
  };
  /** Ends the telling, which begins with the first that is to be told. */
  let stops: (() => void)[] = [];
  let telling = false;
  const tellSoon = (): void => {
    if (!telling) {
      queueMicrotask(() => {
        telling = false;
        for (const listener of listeners) ties.safely(() => listener(status()));
      });
    }
    telling = true;
  };

  const kept: DeliveryOutbox = {
    get durable() {
      return settings.storage.durable;
    },
    get status() {
      return status();
    },
    get size() {
      return status().size;
    },
    get bytes() {
      return outbox.bytes();
    },
    subscribe(listener) {
      if (listeners.size === 0) stops = [delivery.on("status", tellSoon), delivery.on("outbox", tellSoon)];
      listeners.add(listener);
      listener(status());
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) for (const stop of stops) stop();
      };
    },
    flush: ({ timeoutMs = Number.POSITIVE_INFINITY } = {}) =>
      new Promise((resolve) => {
        let stop: (() => void) | undefined;
        const finish = (empty: boolean): void => {
          cancel();
          stop?.();
          resolve(empty);
        };
        const cancel = after(timeoutMs, () => finish(false));
        ties.loaded(() => {
          stop = kept.subscribe(({ size }) => size === 0 && queueMicrotask(() => finish(true)));
        });
      }),
    clear: () => {
      for (const message of messages.values()) outbox.giveUp(message, "DISCARDED");
    },
    list: () => messages.values().flatMap(({ id, seq, args }) => (args ? { id, seq, args } : [])),
  };

  return Object.assign(delivery, {
    outbox: kept,
    emit(event: string, ...args: unknown[]): MessageHandle {
      const message = emit(event, args);
      if (!message) {
        const plain: MessageStatus = "sent";
        return {
          id: "",
          seq: 0,
          status: plain,
          error: undefined,
          settled: Promise.resolve(plain),
          discard: (): boolean => false,
        };
      }
      return Object.assign(message, {
        error: message.error,
        settled: new Promise<MessageStatus>((resolve) => {
          message.ended = resolve;
        }),
        discard: (): boolean => outbox.giveUp(message, "DISCARDED"),
      });
    },
    history: ({ room, limit = 50, before }: Parameters<ClientDelivery["history"]>[0]) =>
      new Promise<Awaited<ReturnType<ClientDelivery["history"]>>>((resolve, reject) => {
        const refuse = (code: string): void =>
          reject(failure(code, ["history"], "was not answered; ask again when connected"));
        if (!link.wrapped() || !socket().connected) {
          refuse("CLOSED");
          return;
        }
        ask(ties, { room, limit, before }, (page) => {
          if (!Array.isArray(page?.entries)) {
            refuse(page ? (page.code ?? "BAD_FRAME") : "ACK_TIMEOUT");
            return;
          }
          const entries = page.entries.map(([offset, id, args]) => ({ offset, id, args }));
          resolve({ entries, more: page.more === true, before: entries.at(-1)?.offset });
        });
      }),
    close() {
      link.end();
      socket().disconnect();
    },
  });
}
