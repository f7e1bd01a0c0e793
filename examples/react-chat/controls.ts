/**
 * What the process that started the example may ask of it: the test.
 *
 * Rule: only over the channel of `fork`; nobody on the network can.
 */
import { type ChatServer, startChat } from "./server.ts";

export interface Count {
  /** Sessions that the store has, and which of them are connected. */
  readonly sessions: readonly { readonly id: string; readonly connected: boolean }[];
  /** Connected sockets. */
  readonly sockets: number;
}

export interface Controls {
  close(): Promise<void>;
}

/** "count" answers a {@link Count}; "down" stops the chat's server, "up" starts it anew on the same port and the same file, unless it runs. */
export function serveControls(chat: ChatServer, file: string): Controls {
  const { port } = chat;
  let present: ChatServer | undefined = chat;
  const close = async (): Promise<void> => {
    const last = present;
    present = undefined;
    await last?.close();
  };
  const ask = async (question: unknown): Promise<unknown> => {
    if (question === "down") await close();
    if (question === "up") present ??= await startChat(file, port);
    return question === "count" && present ? count(present) : question;
  };
  if (process.send)
    process.on("message", (question) => void ask(question).then((answer) => process.send?.({ answer })));
  return { close };
}

async function count({ io }: ChatServer): Promise<Count> {
  const sessions: { id: string; connected: boolean }[] = [];
  for await (const { id, connected } of io.delivery.sessions()) sessions.push({ id, connected });
  return { sessions, sockets: io.sockets.sockets.size };
}
