/**
 * The chat with the socket of `socket.ts`.
 *
 * Rule: the only one that imports that socket; everybody else is given it, and gets the new one when that module is reloaded.
 */
import type { ReactNode } from "react";
import { Chat } from "./chat.tsx";
import { socket } from "./socket.ts";

export function App(): ReactNode {
  return <Chat socket={socket} />;
}
