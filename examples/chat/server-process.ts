/**
 * The process of the chat server, which may be killed at any time.
 *
 * Rule: it is hit by the pid that was started; when it dies it is started again a second later, until it is ended.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("server.ts", import.meta.url));
const AGAIN_MS = 1_000;
/** Given to one that is asked to end, before it is killed. */
const END_MS = 2_000;

export class ServerProcess {
  readonly #env: NodeJS.ProcessEnv;
  readonly #started: (pid: number | undefined) => void;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** @param started Told of every start. */
  constructor(env: NodeJS.ProcessEnv, started: (pid: number | undefined) => void) {
    this.#env = env;
    this.#started = started;
    this.#launch();
  }

  /** SIGKILL: it is not asked. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await gone;
    clearTimeout(late);
  }

  #launch(): void {
    const child = fork(PROGRAM, {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: this.#env,
    });
    this.#child = child;
    child.once("exit", () => {
      this.#child = undefined;
      if (!this.#ended) this.#timer = setTimeout(() => this.#launch(), AGAIN_MS);
    });
    this.#started(child.pid);
  }
}
