/**
 * One process of the cluster, which may be killed at any time.
 *
 * Rule: it is hit by the pid that was started; one that dies is started again a second later, until it is ended.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** "starting" until its port is open. */
export type State = "starting" | "up" | "stopped" | "down";

const AGAIN_MS = 1_000;
const START_MS = 20_000;
const LOOK_MS = 25;
/** Given to one that is asked to end, before it is killed. */
const END_MS = 2_000;

export class Part {
  readonly name: string;
  readonly port: number;
  state: State = "down";
  /** How often it was started after the first time. */
  restarts = -1;
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #cont: NodeJS.Timeout | undefined;

  constructor(name: string, port: number, spawn: () => ChildProcess) {
    this.name = name;
    this.port = port;
    this.#spawn = spawn;
  }

  get pid(): number | undefined {
    return this.state === "down" ? undefined : this.#child?.pid;
  }

  /** Resolves when its port is open. */
  async start(): Promise<void> {
    const giveUpAt = Date.now() + START_MS;
    this.#launch();
    while (this.state !== "up") {
      if (Date.now() > giveUpAt) throw new Error(`${this.name} did not start`);
      await sleep(LOOK_MS);
    }
  }

  /** SIGKILL: it is not asked. */
  kill(): void {
    if (this.state !== "down") this.#child?.kill("SIGKILL");
  }

  /** SIGTERM: it ends what it has begun. */
  drain(): void {
    if (this.state === "up") this.#child?.kill("SIGTERM");
  }

  /** SIGSTOP, and SIGCONT after so many milliseconds: its connections stay, and nothing is answered. */
  stop(forMs: number): void {
    if (this.state !== "up") return;
    this.state = "stopped";
    this.#child?.kill("SIGSTOP");
    this.#cont = setTimeout(() => this.#goOn(), forMs);
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#goOn();
    const child = this.#child;
    if (!child || this.state === "down") return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await gone;
    clearTimeout(late);
  }

  /** The same for a process that is about to end itself, and cannot wait. */
  abandon(): void {
    this.#ended = true;
    this.#goOn();
    if (this.state !== "down") this.#child?.kill("SIGTERM");
  }

  #goOn(): void {
    clearTimeout(this.#cont);
    if (this.state !== "stopped") return;
    this.#child?.kill("SIGCONT");
    this.state = "up";
  }

  #launch(): void {
    this.restarts++;
    this.state = "starting";
    const child = this.#spawn();
    this.#child = child;
    const gone = () => {
      if (this.#child !== child || this.state === "down") return;
      clearTimeout(this.#cont);
      this.state = "down";
      if (!this.#ended) this.#timer = setTimeout(() => this.#launch(), AGAIN_MS);
    };
    child.once("exit", gone);
    // It could not be started at all.
    child.once("error", gone);
    void this.#listening(child);
  }

  async #listening(child: ChildProcess): Promise<void> {
    while (this.#child === child && this.state === "starting") {
      if (await open(this.port)) {
        if (this.#child === child && this.state === "starting") this.state = "up";
        return;
      }
      await sleep(LOOK_MS);
    }
  }
}

/** Whether somebody listens there. */
function open(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
