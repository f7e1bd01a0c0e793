/**
 * The page of `hooks.test.ts`: one component that uses all hooks, in Strict Mode, and sockets whose listeners are counted.
 *
 * Rule: bundled with React's development build, the only one in which Strict Mode does something.
 */
import { createElement, type ReactNode, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { io } from "../../src/client/index.ts";
import { useDeliveryState, useGap, useOutbox } from "../../src/react/index.ts";

type ChatSocket = ReturnType<typeof io>;

/** What the test does with the page. */
export interface Page {
  sockets: ChatSocket[];
  /** Makes a socket, and answers its number. */
  make(): number;
  /** Shows socket `which` under a label; again: renders anew. */
  show(which: number, label: string): void;
  unmount(): void;
  /** Delivery listeners of a socket: those added and not removed. */
  listeners(which: number): number;
  /** What the hook of gaps was called with, each time: the label of that moment and the reason. */
  readonly gaps: string[];
  renders: number;
}

declare global {
  interface Window {
    page: Page;
  }
}

const counts: number[] = [];
let root: Root | undefined;

const page: Page = {
  sockets: [],
  gaps: [],
  renders: 0,
  make() {
    const which = page.sockets.length;
    const socket = io({ autoConnect: false, forceNew: true, transports: ["websocket"], reconnectionDelay: 50 });
    counts[which] = 0;
    const { delivery } = socket;
    const on = delivery.on.bind(delivery);
    delivery.on = (signal, listener) => {
      counts[which] = (counts[which] as number) + 1;
      const off = on(signal, listener);
      return () => {
        counts[which] = (counts[which] as number) - 1;
        off();
      };
    };
    page.sockets.push(socket);
    return which;
  },
  show(which, label) {
    root ??= createRoot(document.body.appendChild(document.createElement("div")));
    root.render(
      createElement(StrictMode, null, createElement(Shown, { socket: page.sockets[which] as ChatSocket, label })),
    );
  },
  unmount() {
    root?.unmount();
    root = undefined;
  },
  listeners: (which) => counts[which] as number,
};
window.page = page;

function Shown({ socket, label }: { readonly socket: ChatSocket; readonly label: string }): ReactNode {
  const { size, pending, durable } = useOutbox(socket);
  const state = useDeliveryState(socket);
  useGap(socket, ({ reason }) => page.gaps.push(`${label}: ${reason}`));
  page.renders++;
  return createElement(
    "p",
    null,
    `${label}: ${state}, ${size} kept, ${pending} pending, ${durable ? "durable" : "in memory"}`,
  );
}
