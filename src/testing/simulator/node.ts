/**
 * A server of a simulation: the production hub with an application on it, without Socket.IO.
 *
 * Rule: what Socket.IO would do between the network and the hub is done here, and nothing else.
 */
import { admit } from "../../server/admission.ts";
import { namespaceKey, roomKey, sessionKey } from "../../server/audience.ts";
import { parseHello } from "../../server/client-frames.ts";
import { Codec } from "../../server/codec.ts";
import type { Connection, Outlet } from "../../server/connection.ts";
import type { DeliveryEvents } from "../../server/delivery-events.ts";
import { Events } from "../../server/events.ts";
import type { Recipient } from "../../server/handling.ts";
import { Hub } from "../../server/hub.ts";
import { ended, received } from "../../server/inbound.ts";
import { Metrics } from "../../server/metrics.ts";
import { type Audience, Publisher } from "../../server/publisher.ts";
import { keepBounds, trimStep } from "../../server/retention.ts";
import { type Behaviour, behave } from "./behaviour.ts";
import { first } from "./handlers.ts";
import { hit } from "./hits.ts";
import type { End, Wire } from "./network.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** The one namespace. */
export const NAMESPACE = "/";

/** What a client says when it connects. */
export interface Knock {
  readonly hello: unknown;
  readonly persona: number;
}

/** A publish of a simulation. */
export interface Publish {
  readonly rooms: readonly string[];
  readonly except: readonly string[];
  /** To the session of this client only. */
  readonly to?: string;
  readonly n: number;
  readonly behaviour: Behaviour;
  /** An id that was used before. */
  readonly id?: string;
}

/** One process of a server. */
interface Life {
  readonly process: Process;
  readonly hub: Hub;
  readonly publisher: Publisher;
}

/** One server, over its lives. */
export class Node {
  readonly name: string;
  readonly #world: World;
  #life: Life | undefined;
  readonly #wires = new Set<Wire>();
  /** Connections by client, and who is on them. */
  readonly #connections = new Map<
    Connection,
    { readonly wire: Wire; readonly persona: number; readonly flight: Flight }
  >();
  #lives = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get up(): boolean {
    return this.#life !== undefined;
  }

  get hub(): Hub | undefined {
    return this.#life?.hub;
  }

  get process(): Process | undefined {
    return this.#life?.process;
  }

  /** Starts it. */
  start(): void {
    if (this.#life) return;
    const { timeline, random, disk, settings } = this.#world;
    const name = `${this.name}.${++this.#lives}`;
    const process = new Process(timeline, name, this.#world.skewMs());
    const events = new Events<DeliveryEvents>();
    events.on("error", (error) => this.#world.oracle.error(name, error));
    let ids = 0;
    const newId = (): string => ulid(`${name.slice(1)}X${++ids}`);
    const hub = new Hub({
      store: disk.view(process),
      settings,
      codec: new Codec(settings.limits, true),
      spliced: true,
      clock: process.clock,
      random: random.next,
      later: (run) => void process.after(0, run),
      newId,
      newSession: () => `s${this.#world.next()}`,
      events,
      metrics: new Metrics(),
    });
    const publisher = new Publisher(hub, newId);
    this.#life = { process, hub, publisher };
    keepBounds(hub);
    timeline.trace(name, "starts");
    void hub.open();
  }

  /** Kills it. @param told Whether the clients' transports break at once; else they learn of it by their heartbeat. */
  crash(told: boolean): void {
    const life = this.#life;
    if (!life) return;
    this.#world.timeline.trace(life.process.name, "crashes");
    this.#life = undefined;
    life.process.kill();
    this.#world.disk.crash(life.process);
    for (const wire of this.#wires) {
      if (told) wire.cut();
      else wire.halfOpen("server");
    }
    this.#wires.clear();
    this.#connections.clear();
  }

  /** A trim step now, instead of when its time comes. */
  trim(): void {
    const { hub, process } = this.#life ?? {};
    if (!hub?.opened || !process) return;
    trimStep(hub).catch((error: unknown) => this.#world.oracle.error(process.name, error));
  }

  /** A client connects. Answers the server's end of its wire; `undefined` when the server is down. */
  accept(knock: Knock, wire: () => Wire): End | undefined {
    const life = this.#life;
    if (!life) return undefined;
    const { process, hub } = life;
    let connection: Connection | undefined;
    let over = false;
    const leave = (): void => {
      this.#wires.delete(wire());
      if (!connection) return;
      this.#connections.delete(connection);
      ended(hub, connection);
    };
    process.after(0, () => {
      this.#wires.add(wire());
      void this.#admit(life, knock, wire()).then((admitted) => {
        connection = admitted;
        if (over) leave();
        else if (admitted) this.#connected(life, admitted, wire(), knock.persona);
      });
    });
    return {
      process,
      receive: (text) => {
        if (connection) this.#receive(hub, connection, text);
      },
      ended: () => {
        over = true;
        leave();
      },
    };
  }

  #receive(hub: Hub, connection: Connection, text: string): void {
    const forged = text.startsWith(FORGED);
    const before = forged ? stateOf(hub) : "";
    const frame = JSON.parse(forged ? text.slice(FORGED.length) : text);
    if (!forged && (frame[0] === "a" || frame[0] === "r"))
      this.#connections.get(connection)?.flight.acknowledged(frame[1]);
    if (!forged && frame[0] === "m") this.#world.oracle.inbound.came(connection.session.id, frame[2]);
    if (received(hub, connection, frame) === "bad") hit(this.#world.hits, "bad frame from a client");
    if (forged && stateOf(hub) !== before) {
      this.#world.oracle.violated("authority", `${text} made ${before} ${stateOf(hub)}`);
    }
  }

  async #admit(
    { hub, process }: { hub: Hub; process: Process },
    knock: Knock,
    wire: Wire,
  ): Promise<Connection | undefined> {
    const { oracle } = this.#world;
    let session = "";
    const flight = new Flight();
    // What it may not read any more when it comes in.
    const lost = this.#world.lostRooms(knock.persona);
    const send = (text: string): void => {
      const still = lost.filter((room) => this.#world.revoked.has(`${knock.persona} ${room}`));
      const inFlight = flight.sent(text, oracle.sent(session, text, still, process));
      if (inFlight > hub.settings.limits.windowEntries) {
        oracle.violated("bounded", `${inFlight} entries are on their way to ${session}`);
      }
      wire.send("down", text);
    };
    const outlet: Outlet = {
      frame: (frame) => send(JSON.stringify(frame)),
      encoded: (number, { text }) => send(`[${number}${text}`),
      close: () => wire.close("server"),
    };
    const hello = parseHello(JSON.parse(JSON.stringify(knock.hello)));
    if (!hello) return undefined;
    try {
      await hub.ready;
      oracle.comes(hello.session, process);
      const admission = await admit(hub, {
        hello,
        namespace: NAMESPACE,
        principal: this.#world.principal(knock.persona),
        authorize: (room) => !this.#world.revoked.has(`${knock.persona} ${room}`),
        outlet,
      });
      session = admission.session.id;
      oracle.owned(session, knock.persona, process, admission.welcome);
      if (admission.welcome.resumed) hit(this.#world.hits, "session resumed");
      else if (hello.session !== undefined) hit(this.#world.hits, "session refused");
      this.#world.timeline.trace(process.name, "admits", knock.persona, session, admission.welcome.offset);
      wire.send("down", JSON.stringify([0, "w", admission.welcome]), true);
      this.#connections.set(admission.connection, { wire, persona: knock.persona, flight });
      // Socket.IO joins rooms and writes CONNECT in later turns.
      await new Promise<void>((resolve) => process.after(this.#world.random.below(25), resolve));
      return admission.connection;
    } catch (error) {
      oracle.error(process.name, error);
      // Not so when another connection on this server was faster.
      if (String(error).includes("another server has the session")) oracle.lost(hello.session, process);
      wire.close("server");
      return undefined;
    }
  }

  #connected({ hub }: { hub: Hub }, connection: Connection, wire: Wire, persona: number): void {
    wire.send("down", "connected", true);
    connection.start();
    queueMicrotask(() => connection.session.handling?.attach(this.#recipient(hub, connection, wire, persona)));
    for (const room of this.#world.wanted(persona)) connection.session.join(roomKey(NAMESPACE, room));
  }

  /** The rooms of a client change, as by its handlers' `socket.join` and `socket.leave`. Answers whether it is here. */
  membership(persona: number, room: string, joins: boolean): boolean {
    for (const [connection, on] of this.#connections) {
      if (on.persona !== persona || connection.session.connection !== connection) continue;
      if (joins) connection.session.join(roomKey(NAMESPACE, room));
      else connection.session.leave(roomKey(NAMESPACE, room));
      return true;
    }
    return false;
  }

  /** Publishes, as `emit` does or as `publish` does. */
  publish(publish: Publish, acknowledged: boolean): void {
    const life = this.#life;
    if (!life) return;
    const { publisher, process } = life;
    const { oracle } = this.#world;
    const { n, rooms, to } = publish;
    const keys =
      to !== undefined
        ? [sessionKey(to)]
        : rooms.length === 0
          ? [namespaceKey(NAMESPACE)]
          : rooms.map((room) => roomKey(NAMESPACE, room));
    const except = publish.except.map((room) => roomKey(NAMESPACE, room));
    const args = ["e", n, publish.behaviour];
    this.#world.timeline.trace(process.name, acknowledged ? "publishes" : "emits", n, keys.join());
    oracle.published(n, args, process);
    if (!acknowledged) {
      this.#emit(life, { keys, except }, n, args);
      return;
    }
    publisher.publish({ keys, except }, args, publish.id).then(
      (receipt) => oracle.receipt(n, receipt),
      (error: unknown) => oracle.refusedPublish(n, error),
    );
  }

  /** As a server's `emit` does. */
  #emit({ publisher, hub, process }: Life, audience: Audience, n: number, args: readonly unknown[]): void {
    const { oracle } = this.#world;
    oracle.published(n, args, process);
    if (publisher.emit(audience, args)) return;
    const here = [...hub.sessions.values()].filter((session) => audience.keys.some((key) => session.has(key)));
    oracle.notDurable(
      n,
      here.map(({ id }) => id),
      process,
    );
  }

  #recipient(hub: Hub, connection: Connection, wire: Wire, persona: number): Recipient {
    const { oracle } = this.#world;
    const life = this.#life;
    const session = connection.session.id;
    const attempts = new Map<number, number>();
    return {
      onListener: () => {},
      dispatch: (args, then) => {
        if (!wire.openAtServer || !this.#connections.has(connection)) return then({ kind: "gone" });
        const [event, n, behaviour, answer] = args as [string, number, Behaviour, ((...answer: unknown[]) => void)?];
        if (event !== "m") throw new Error(`a message with event ${event}`);
        if (behaviour === "swallowed") {
          hit(this.#world.hits, "message swallowed by a middleware");
          oracle.swallowed(n);
          return;
        }
        const call = (): unknown => {
          const attempt = (attempts.get(n) ?? 0) + 1;
          attempts.set(n, attempt);
          const run = oracle.handling(persona, session, n, life?.process ?? {});
          if (behaviour === "slow") answer?.(n, run.number);
          if (behaviour === "publishes" && life) {
            const made = this.#world.derived(n, session);
            this.#emit(life, { keys: [roomKey(NAMESPACE, "r0")], except: [] }, made, ["e", made, "prompt"]);
          }
          const wait = (ms: number): Promise<void> =>
            new Promise((resolve) => {
              hub.clock.at(hub.clock.now() + ms, resolve);
            });
          const { message } = this.#world.handlers;
          return first(
            message && (() => message({ n, session, client: persona, attempt })),
            (work) => this.#world.timeline.outside(work),
            () =>
              behave(behaviour, attempt, wait, () => {
                oracle.handled(n, run);
                if (behaviour !== "slow" && behaviour !== "mute") answer?.(n, run.number);
              }),
          );
        };
        then({ kind: "listeners", calls: [call] });
      },
    };
  }
}

/** Marks what a client sends and may not. */
export const FORGED = "!";

/** What a node knows of its sessions, as text. */
function stateOf(hub: Hub): string {
  return [...hub.sessions.values()]
    .map(({ id, cursor, arrived, inbox }) => `${id} ${cursor} ${arrived} ${inbox.received} ${inbox.state.settled}`)
    .join(", ");
}

/** The entries on their way on one connection, counted on the wire. */
class Flight {
  #frames: { readonly number: number; readonly entries: number }[] = [];

  /** A frame is sent. Answers how many entries are on their way. */
  sent(text: string, entries: number): number {
    const number = Number.parseInt(text.slice(1), 10);
    if (text.startsWith(',"s",', 1 + String(number).length)) this.#frames = [];
    if (entries > 0) this.#frames.push({ number, entries });
    return this.#frames.reduce((sum, frame) => sum + frame.entries, 0);
  }

  /** Frames up to a number are there. */
  acknowledged(number: number): void {
    this.#frames = this.#frames.filter((frame) => frame.number > number);
  }
}

/** A ULID that is made of a short name. */
function ulid(name: string): string {
  return `01${name.replace(/[^0-9A-HJKMNP-TV-Z]/g, "Z").padStart(24, "0")}`;
}
