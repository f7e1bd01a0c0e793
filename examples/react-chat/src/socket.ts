/**
 * The socket of the page.
 *
 * Rule: one for each page, made before React renders anything, so that Strict Mode has nothing to make twice.
 */
import { io } from "gapless-io/client";
import { type ChatSocket, options } from "./chat-socket.ts";

// Hot reload: the copy of this module before this one lets go of the session, so that this one takes it up. Not in `hot.dispose`: Vite
// calls that only in the module that takes the update, which is the component that imports this one.
import.meta.hot?.data.socket?.delivery.close();

export const socket: ChatSocket = io(options);

if (import.meta.hot) import.meta.hot.data.socket = socket;
