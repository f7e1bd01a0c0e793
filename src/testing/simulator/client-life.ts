/**
 * One process of a simulated client: the production link with an application on it, without Socket.IO.
 *
 * Rule: what Socket.IO's client would do between the network and the link is done here, and nothing else.
 */

import { createLink, type Link } from "../../client/link.ts";
import type { Message } from "../../client/outbox.ts";
import type { AnyFunction, RawManager, RawSocket } from "../../client/socket.ts";
import type { ClientStorage } from "../../client-storage.ts";
import type { Hello, Welcome } from "../../core/wire.ts";
import { type Behaviour, behave } from "./behaviour.ts";
import type { Client } from "./client.ts";
import { first } from "./handlers.ts";
import { hit } from "./hits.ts";
import { type End, Wire } from "./network.ts";
import type { Node } from "./node.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** A connection that takes longer is given up, milliseconds. */
const CONNECT_TIMEOUT_MS = 6_000;

/** One process of a client. */
export class Life {
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
    const send = ([, ...frame]: unknown[]): void => {
      life.#client.checkSaved(frame, life.overheard?.session);
      life.wire?.send("up", JSON.stringify(frame));
    };
    const socket: Partial<RawSocket> = {
      active: true,
      nsp: "/",
      packet: ({ data }) => send(data),
      disconnect: () => {
        // Superseded: as an application would, it connects anew after a while.
        const { hits, oracle } = life.#world;
        const { persona } = life.#client;
        hit(hits, "superseded");
        if (!oracle.inbound.contested.has(life.overheard?.session as string))
          oracle.violated("its own", `client ${persona} is told to stay away, and nobody else ever had its session`);
        oracle.reading(persona).mayLoseSession = true;
        life.wire?.close("client");
        return socket as RawSocket;
      },
      io: {
        opts: {},
        get engine() {
          return {
            readyState: "open",
            close: () => life.wire?.close("client"),
            // "2" is Socket.IO's kind of packet.
            write: (text: string) => send(JSON.parse(text.slice(1))),
          };
        },
      } as unknown as RawManager,
      notifyOutgoingListeners: () => {},
      listenersAny: () => [],
      listeners: (event) => (event === "e" ? listeners : []),
      off: () => {},
    };
    return socket as RawSocket;
  }
}
