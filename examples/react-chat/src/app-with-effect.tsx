/**
 * The chat with a socket that is made in an effect: it lives as long as the component, for example as long as a user is logged in.
 *
 * Rule: what the effect has made its end closes. Strict Mode mounts twice: the second socket takes up the session of the first.
 */
import { io } from "gapless-io/client";
import { type ReactNode, useEffect, useState } from "react";
import { Chat } from "./chat.tsx";
import { type ChatSocket, options } from "./chat-socket.ts";

export function AppWithEffect(): ReactNode {
  const [socket, setSocket] = useState<ChatSocket>();
  useEffect(() => {
    const made: ChatSocket = io(options);
    setSocket(made);
    return () => made.delivery.close();
  }, []);
  return socket && <Chat socket={socket} />;
}
