/**
 * A client of a simulation: the production link with an application on it, without Socket.IO.
 *
 * Rule: what Socket.IO's client would do between the network and the link is done here, and nothing else. A client outlives its
 * processes when its storage does.
 */

import { createLink, type Link } from "../../client/link.ts";
import type { Message } from "../../client/outbox.ts";
import type { AnyFunction, RawSocket } from "../../client/socket.ts";
import { memoryStorage } from "../../client/storage.ts";
import type { ClientChange, ClientState, ClientStorage } from "../../client-storage.ts";
import type { Outgoing } from "../../core/outbox.ts";
import type { Hello, Welcome } from "../../core/wire.ts";
import { type Behaviour, behave } from "./behaviour.ts";
import { first } from "./handlers.ts";
import { hit } from "./hits.ts";
import { type End, Wire } from "./network.ts";
import type { Node } from "./node.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** A connection that takes longer is given up, milliseconds. */
const CONNECT_TIMEOUT_MS = 6_000;

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

/** One process of a client. */
class Life {
  readonly process: Process;
  readonly link: Link;
  wire: Wire | undefined;
  /** Handlers under way. */
  running = 0;
  /** A hello that somebody could say who has overheard its last welcome. */
  overheard: Hello | undefined;
  readonly #world: World;
  readonly #client: Client;
  readonly #attempts = new Map<number, number>();
  #ids = 0;

  constructor(world: World, client: Client, process: Process, name: string, storage: ClientStorage) {
    this.#world = world;
    this.#client = client;
    this.process = process;
    const { oracle, random } = world;
    const { persona } = client;
    const prefix = name.replace(/[^0-9]/g, "Z");
    this.link = createLink({
      ...world.clientSettings,
      storage,
      dispatch: client.kind.serial ? "serial" : "concurrent",
      clock: process.clock,
      random: random.next,
      newId: () => `00${`${prefix}X${++this.#ids}`.padStart(24, "0")}`,
      ...(client.kind.resyncs
        ? {
            resync: (gap) => {
              if (world.faulty("resync") && random.chance(0.3)) throw new Error("simulated: resync fails.");
              return oracle.resync(persona, gap);
            },
          }
        : {}),
    });
    const { delivery } = this.link;
    delivery.on("error", (error) => oracle.error(name, error));
    delivery.on("gap", (gap) => oracle.gap(persona, gap));
    delivery.on("dead-letter", ({ args, attempts }) => oracle.clientDead(persona, args[1] as number, attempts));
    // What the signal gives is the message itself, with the error it ended with.
    delivery.on("status", (message) => {
      const { id, status, error } = message as Message;
      oracle.inbound.status(id, status, error?.code);
    });

    this.link.bind(this.#socket());
  }

  /** Makes a connection, some time from now. */
  connect(): void {
    const { random } = this.#world;
    const ms = Math.max(random.between(20, 400), Math.min(this.#client.awayMs, 60_000));
    this.process.after(ms, () => {
      if (this.#client.awayMs > 0) {
        this.connect();
        return;
      }
      this.link.ties.loaded(() => this.#knock(this.#world.nodeFor(this.#client.number)));
    });
  }

  #knock(node: Node): void {
    const { link, process } = this;
    const { timeline, random, hits, weather, oracle } = this.#world;
    const { persona } = this.#client;
    let over = false;
    let connected = false;
    const end: End = {
      process,
      receive: (text) => {
        if (over || this.wire !== wire) return;
        if (text === "connected") {
          connected = true;
          link.connected();
          if (this.#client.broken) wire.blackHole("up");
          link.start();
          return;
        }
        const frame = JSON.parse(text);
        if (frame[1] === "w") {
          const { v, session, token, epoch, offset } = frame[2] as Welcome;
          this.overheard = { v, session, token, epoch, offset, floor: 0 };
          oracle.welcomed(persona, frame[2]);
        }
        link.frame(frame);
      },
      ended: () => {
        if (over) return;
        over = true;
        if (this.wire === wire) this.wire = undefined;
        link.reader.run();
        link.closed();
        this.connect();
      },
    };
    let wire: Wire;
    const hello = link.hello();
    const server = node.accept({ hello, persona }, () => wire);
    if (!server) {
      link.closed();
      this.connect();
      return;
    }
    wire = new Wire(timeline, random, hits, weather, end, server);
    this.wire = wire;
    process.after(CONNECT_TIMEOUT_MS, () => {
      if (!connected) wire.close("client");
    });
  }

  emit(n: number, behaviour: Behaviour, answered: boolean, timeoutMs: number | undefined): void {
    const { oracle, timeline } = this.#world;
    const { persona } = this.#client;
    timeline.trace(this.process.name, "emits", n, behaviour, answered);
    const message = this.link.outbox.emit(
      ["m", n, behaviour],
      false,
      answered
        ? Object.assign((...answer: unknown[]) => oracle.inbound.answered(n, answer), { withError: true })
        : undefined,
      timeoutMs,
    );
    if (!message) throw new Error("a message was not taken in, and not refused either");
    oracle.inbound.emitted(persona, n, message.id, behaviour, answered && timeoutMs === undefined);
  }

  #handle(n: number, behaviour: Behaviour): unknown {
    const { oracle, timeline } = this.#world;
    const { persona } = this.#client;
    const { offset, attempt } = this.link.reader.current as { offset: number; attempt: number };
    this.#attempts.set(n, attempt);
    timeline.trace(this.process.name, "handles", n, offset, attempt);
    oracle.clientHandles(persona, offset, n, behaviour, attempt);
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        this.process.after(ms, () => resolve());
      });
    this.running++;
    const works = (): void => {
      oracle.clientHandled(persona, n);
    };
    try {
      const { entry } = this.#world.handlers;
      const result = first(
        entry && (() => entry({ n, offset, client: persona, attempt })),
        (work) => timeline.outside(work),
        () => behave(behaviour, attempt, wait, works),
      );
      if (!(result instanceof Promise)) {
        this.running--;
        return undefined;
      }
      return result.finally(() => {
        this.running--;
      });
    } catch (error) {
      this.running--;
      throw error;
    }
  }

  #socket(): RawSocket {
    const life = this;
    const listeners: AnyFunction[] = [(...args) => life.#handle(args[0] as number, args[1] as Behaviour)];
    const socket: Partial<RawSocket> = {
      active: true,
      packet: ({ data }) => {
        life.#client.checkSaved(data.slice(1), life.overheard?.session);
        life.wire?.send("up", JSON.stringify(data.slice(1)));
      },
      disconnect: () => {
        // Superseded: as an application would, it connects anew after a while.
        hit(life.#world.hits, "superseded");
        life.#world.oracle.reading(life.#client.persona).mayLoseSession = true;
        life.wire?.close("client");
        return socket as RawSocket;
      },
      io: {
        opts: {},
        get engine() {
          return { readyState: "open", close: () => life.wire?.close("client") };
        },
      },
      notifyOutgoingListeners: () => {},
      listenersAny: () => [],
      listeners: (event) => (event === "e" ? listeners : []),
      off: () => {},
    };
    return socket as RawSocket;
  }
}
