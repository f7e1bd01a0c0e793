/**
 * The line between the clients' process and the server's: one TCP connection beside what is measured.
 *
 * Rule: it is the same for every peer, and little is said on it, because its cost is in the figures.
 */
import { connect, createServer, type Socket } from "node:net";

/** What is said on it. */
export type Said =
  /** The clients are connected. */
  | { readonly kind: "ready" }
  /** The server is ready for what they send. */
  | { readonly kind: "go" }
  /** `done` messages have reached everybody, `total` units of work are done, with this much CPU time of the clients' process. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number; readonly cpuUs: number }
  /** It is enough; this many were published. */
  | { readonly kind: "end"; readonly published: number }
  /** So many were sent, by sender. */
  | { readonly kind: "sent"; readonly sent: readonly number[] };

/** One end of it. */
export interface Line {
  say(said: Said): void;
  /** Takes the place of the listener before. What came while there was none comes now. */
  listen(listener: (said: Said) => void): void;
}

/** The server's end: a port, and the line once the clients have called. */
export async function answerLine(): Promise<{ readonly port: number; readonly line: Promise<Line> }> {
  let called: (line: Line) => void = () => {};
  const line = new Promise<Line>((resolve) => {
    called = resolve;
  });
  const server = createServer((socket) => called(lineOn(socket)));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, line };
}

/** The clients' end. */
export function callLine(port: number): Line {
  return lineOn(connect(port, "127.0.0.1"));
}

function lineOn(socket: Socket): Line {
  let rest = "";
  let early: Said[] = [];
  let listener = (said: Said): unknown => early.push(said);
  socket.setNoDelay(true).setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const one of lines) listener(JSON.parse(one));
  });
  // The other process ended: the runner knows.
  socket.on("error", () => {});
  return {
    say: (said) => void socket.write(`${JSON.stringify(said)}\n`),
    listen(next) {
      listener = next;
      const came = early;
      early = [];
      came.forEach(next);
    },
  };
}
