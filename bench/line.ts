/**
 * The line between the clients' process and the server's: one TCP connection beside what is measured.
 *
 * Rule: it is the same for every peer, and little is said on it, because its cost is in the figures.
 */
import { connect, createServer, type Socket } from "node:net";

/** What is said while something is measured. */
export interface Progress {
  /** Messages that have reached everybody they are for. */
  readonly done: number;
  /** Units of work done. */
  readonly total: number;
  /** CPU time of the clients' process. */
  readonly cpuUs: number;
}

/** One half has come to a point that the other waits for. */
interface Step {
  readonly step: string;
  readonly numbers: readonly number[];
}

/** One end of it. */
export class Line {
  readonly #socket: Socket;
  readonly #reached = new Map<string, readonly number[]>();
  readonly #waiting = new Map<string, (numbers: readonly number[]) => void>();
  #onProgress: ((progress: Progress) => void) | undefined;
  #rest = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding("utf8");
    socket.on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const one of lines) this.#take(JSON.parse(one));
    });
    // The other process ended: the runner knows.
    socket.on("error", () => {});
  }

  /** Says how far it is. What nobody listens to is gone. */
  progress(progress: Progress): void {
    this.#say(progress);
  }

  /** Takes the place of the listener before. */
  onProgress(listener: ((progress: Progress) => void) | undefined): void {
    this.#onProgress = listener;
  }

  /** Says that it has come to this point. Each point is come to once. */
  reach(step: string, ...numbers: number[]): void {
    this.#say({ step, numbers });
  }

  /** Waits until the other half has come to this point, and answers what it said there. Rejects after this time. */
  reached(step: string, ms: number): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const numbers = this.#reached.get(step);
      if (numbers) return resolve(numbers);
      const timer = setTimeout(() => reject(new Error(`"${step}" was not reached within ${ms} ms`)), ms);
      this.#waiting.set(step, (said) => {
        clearTimeout(timer);
        resolve(said);
      });
    });
  }

  #say(said: Progress | Step): void {
    this.#socket.write(`${JSON.stringify(said)}\n`);
  }

  #take(said: Progress | Step): void {
    if (!("step" in said)) this.#onProgress?.(said);
    else {
      this.#reached.set(said.step, said.numbers);
      this.#waiting.get(said.step)?.(said.numbers);
    }
  }
}

/** The server's end: a port, and the line once the clients have called. */
export async function answerLine(): Promise<{ readonly port: number; readonly line: Promise<Line> }> {
  let called: (line: Line) => void = () => {};
  const line = new Promise<Line>((resolve) => {
    called = resolve;
  });
  const server = createServer((socket) => called(new Line(socket)));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, line };
}

/** The clients' end. */
export function callLine(port: number): Line {
  return new Line(connect(port, "127.0.0.1"));
}
