/**
 * A client of a simulation, over its processes.
 *
 * Rule: it outlives its processes when its storage does; what it was told is saved is in that storage.
 */

import type { Link } from "../../client/link.ts";
import { memoryStorage } from "../../client/storage.ts";
import type { ClientChange, ClientState, ClientStorage } from "../../client-storage.ts";
import type { Outgoing } from "../../core/outbox.ts";
import type { Behaviour } from "./behaviour.ts";
import { Life } from "./client-life.ts";
import { hit } from "./hits.ts";
import { Wire } from "./network.ts";
import type { Node } from "./node.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** What distinguishes one client from another. */
export interface Kind {
  /** Whether its storage survives its process. */
  readonly durable: boolean;
  readonly serial: boolean;
  /** Whether it loads a snapshot after a gap. */
  readonly resyncs: boolean;
}

/** One client, over its processes and connections. */
export class Client {
  readonly number: number;
  readonly kind: Kind;
  readonly #world: World;
  /** Counts what it is for the oracle: a client whose storage is gone is another one. */
  persona: number;
  #life: Life | undefined;
  #kept: ClientState | undefined;
  /** Stays away until this moment. */
  #awayUntil = 0;
  #lives = 0;
  #broken = false;

  constructor(world: World, number: number, kind: Kind) {
    this.#world = world;
    this.number = number;
    this.kind = kind;
    this.persona = world.newPersona(number);
  }

  get link(): Link | undefined {
    return this.#life?.link;
  }

  get wire(): Wire | undefined {
    return this.#life?.wire;
  }

  get process(): Process | undefined {
    return this.#life?.process;
  }

  get connected(): boolean {
    return this.#life?.link.delivery.state === "live";
  }

  /** Whether entries are with its handlers, or wait for them. */
  get busy(): boolean {
    return this.#life !== undefined && (this.#life.running > 0 || this.#life.link.ties.metrics.waiting > 0);
  }

  /** Starts a process of it. */
  start(): void {
    if (this.#life) return;
    const name = `C${this.number}.${++this.#lives}`;
    const process = new Process(this.#world.timeline, name, this.#world.skewMs());
    this.#world.timeline.trace(name, "starts");
    this.#life = new Life(
      this.#world,
      this,
      process,
      name,
      this.kind.durable ? this.#storage(process) : memoryStorage(),
    );
    this.#world.oracle.clientStarts(this.persona, this.#kept);
    this.#life.connect();
  }

  /** Kills its process, in the middle of whatever it does. */
  crash(): void {
    const life = this.#life;
    if (!life) return;
    this.#world.timeline.trace(life.process.name, "crashes");
    hit(this.#world.hits, life.running > 0 ? "client crash in a handler" : "client crash");
    this.#life = undefined;
    life.process.kill();
    life.wire?.halfOpen(this.#world.random.chance(0.5) ? "server" : "client");
    this.#saving?.();
    this.#saving = undefined;
    if (!this.kind.durable) {
      this.#world.oracle.personaEnds(this.persona);
      this.persona = this.#world.newPersona(this.number);
    } else this.#world.oracle.clientCrashed(this.persona, this.#kept);
  }

  /** Goes away for a while, and connects again. */
  away(ms: number): void {
    this.#awayUntil = this.#world.timeline.now + ms;
    this.#life?.wire?.close("client");
  }

  /** Whether it is cut off for ever: the others must not mind. */
  get broken(): boolean {
    return this.#broken;
  }

  /** From now on nothing that it sends arrives, whatever it connects to. */
  breaks(): void {
    this.#broken = true;
    this.#life?.wire?.blackHole("up");
  }

  /** Comes back, whatever it waits for. */
  home(): void {
    this.#awayUntil = 0;
  }

  get awayMs(): number {
    return this.#awayUntil - this.#world.timeline.now;
  }

  /** Somebody connects with what he has overheard of this client's hello, and only listens. */
  thief(node: Node): void {
    const { timeline, random, hits } = this.#world;
    const process = new Process(timeline, `T${this.number}`, 0);
    const hello = this.#life?.overheard;
    if (!hello) return;
    hit(hits, "hello stolen");
    this.#world.oracle.reading(this.persona).mayLoseSession = true;
    this.#world.oracle.inbound.contested.add(hello.session as string);
    let wire: Wire;
    const server = node.accept({ hello, persona: -1 }, () => wire);
    if (!server) return;
    wire = new Wire(
      timeline,
      random,
      hits,
      { latencyMs: 1, unkind: false },
      { process, receive() {}, ended() {} },
      server,
    );
    process.after(500, () => wire.close("client"));
  }

  /** Emits a message. */
  emit(n: number, behaviour: Behaviour, answered: boolean, timeoutMs?: number): void {
    this.#life?.emit(n, behaviour, answered, timeoutMs);
  }

  /** Nothing is said that a storage which survives does not have. */
  checkSaved(frame: readonly unknown[], session: string | undefined): void {
    if (!this.kind.durable) return;
    const saved = (what: string, holds: boolean | undefined): void => {
      if (!holds)
        this.#world.oracle.violated("saved first", `client ${this.number} sends ${what}, and has not saved it`);
    };
    saved(`on session ${session}`, this.#kept?.session === session);
    if (frame[0] !== "m") return;
    for (const [, id] of frame[2] as [number, string?][]) {
      if (id !== undefined)
        saved(
          `message ${id}`,
          this.#kept?.messages.some((message) => message.id === id),
        );
    }
  }

  #saving: (() => void) | undefined;

  /** A storage that is slow, fails now and then, and outlives the process. */
  #storage(process: Process): ClientStorage {
    const { random, hits } = this.#world;
    const keep = ({ place, put, remove }: ClientChange): void => {
      const messages = new Map<number, Outgoing>((this.#kept?.messages ?? []).map((message) => [message.seq, message]));
      for (const message of put) messages.set(message.seq, message);
      for (const seq of remove) messages.delete(seq);
      this.#world.oracle.saved(this.persona, place);
      this.#kept = { ...place, messages: [...messages.values()].sort((a, b) => a.seq - b.seq) };
    };
    return {
      durable: true,
      load: () =>
        new Promise((resolve) => {
          process.after(random.below(5), () => resolve(this.#kept));
        }),
      save: (change) =>
        new Promise((resolve, reject) => {
          const fails = this.#world.faulty("storage") && random.chance(0.1);
          // A process that dies in the middle has kept the change, or has not.
          this.#saving = () => {
            if (random.chance(0.5)) keep(change);
          };
          process.after(random.below(this.#world.faulty("storage") && random.chance(0.3) ? 300 : 5), () => {
            this.#saving = undefined;
            if (!fails || random.chance(0.5)) keep(change);
            if (fails) {
              hit(hits, "client storage failed");
              reject(new Error("simulated: the storage failed."));
            } else resolve();
          });
        }),
      close() {},
    };
  }
}
