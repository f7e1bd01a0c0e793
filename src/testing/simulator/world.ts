/**
 * Servers, clients, a store and the network between them, on one virtual clock.
 *
 * Rule: a world does what a plan says and nothing else; all chance comes from the plan's seed.
 */
import type { ReliableOptions as ClientOptions } from "../../client/options.ts";
import { type Settings, settle } from "../../server/options.ts";
import type { Store } from "../../store/store.ts";
import type { Behaviour } from "./behaviour.ts";
import { Client } from "./client.ts";
import { Disk } from "./disk.ts";
import type { Handlers } from "./handlers.ts";
import { type Hits, hit } from "./hits.ts";
import type { Weather } from "./network.ts";
import { FORGED, Node } from "./node.ts";
import { Oracle } from "./oracle.ts";
import type { Fault, Plan, Step } from "./plan.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

/** Attempts of every handler. */
const MAX_DELIVERIES = 3;
const ROOMS = ["r0", "r1", "r2"];

/** What surrounds a plan. */
export interface WorldOptions {
  /** Keeps a readable trace. */
  readonly recorded?: boolean;
  /** Makes the store. Default: `memory()`. */
  readonly makeStore?: () => Store;
  /** Makes handlers under test. */
  readonly handlers?: () => Handlers;
}

/** A simulated world. */
export class World {
  readonly plan: Plan;
  /** Under test. */
  readonly handlers: Handlers;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly hits: Hits = new Map();
  readonly oracle: Oracle;
  readonly disk: Disk;
  readonly weather: Weather;
  readonly settings: Settings;
  readonly clientSettings: ClientOptions;
  readonly nodes: Node[];
  readonly clients: Client[];
  /** "client room" pairs that may not be read any more. */
  readonly revoked: Set<string> = new Set();
  readonly #wanted = new Map<number, Set<string>>();
  readonly #clientOf = new Map<number, number>();
  readonly #at = new Map<number, number>();
  readonly #derived = new Map<string, number>();
  #numbers = 0;
  #personas = 0;
  #ids: string[] = [];
  #healed = false;

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan;
    this.handlers = options.handlers?.() ?? {};
    this.timeline = new Timeline(options.recorded === true);
    this.random = new Random(plan.seed);
    this.weather = { latencyMs: plan.latencyMs, unkind: plan.network === "unkind" };
    this.disk = new Disk(this.timeline, this.random, this.hits, options.makeStore);
    this.oracle = new Oracle({
      timeline: this.timeline,
      hits: this.hits,
      maxDeliveries: MAX_DELIVERIES,
      forgetful: this.faulty("expiry"),
    });
    this.disk.witness = this.oracle;
    const tight = plan.tight;
    this.settings = settle(
      {
        retention: { maxAgeMs: 86_400_000, ...(plan.keeps > 0 ? { maxEntries: plan.keeps } : {}) },
        sessionTtlMs: this.faulty("expiry") ? 20_000 : 86_400_000,
        ackTimeoutMs: 1_000,
        maxResends: 2,
        maxDeliveries: MAX_DELIVERIES,
        answerWaitMs: 1_500,
        ...(tight
          ? {
              limits: {
                windowEntries: 3,
                windowBytes: 300,
                frameBytes: 150,
                recentEntries: 4,
                recentBytes: 500,
                pendingEntries: 12,
                heldEntries: 3,
                waitingWrites: 4,
              },
            }
          : {}),
      },
      1e6,
    );
    this.clientSettings = {
      ackTimeoutMs: 1_000,
      maxResends: 2,
      maxDeliveries: MAX_DELIVERIES,
      ackDelayMs: 50,
      ...(tight ? { maxHeld: 4, outbox: { maxEntries: 6, windowEntries: 2, windowBytes: 200 } } : {}),
    };
    this.nodes = Array.from({ length: plan.nodes }, (_, i) => new Node(this, `N${i}`));
    this.clients = plan.clients.map((kind, i) => new Client(this, i, kind));
  }

  /** Starts everything. */
  start(): void {
    for (const node of this.nodes) node.start();
    for (const client of this.clients) client.start();
  }

  /** Whether a class of faults is on. */
  faulty(fault: Fault): boolean {
    return !this.#healed && this.plan.faults.includes(fault);
  }

  /** A number that was not used before. */
  next(): number {
    return ++this.#numbers;
  }

  /** How wrong a new process's clock is. */
  skewMs(): number {
    return this.faulty("clock") ? this.random.between(-3_600_000, 3_600_000) : 0;
  }

  /** A client begins, or begins again with nothing. */
  newPersona(client: number): number {
    const persona = ++this.#personas;
    this.#clientOf.set(persona, client);
    this.#wanted.set(persona, new Set(ROOMS.filter((_, i) => (client + i) % 3 !== 2)));
    this.oracle.newPersona(persona, this.plan.clients[client]?.durable === true);
    return persona;
  }

  /** Rooms that the application puts a client in whenever it connects. */
  wanted(persona: number): Iterable<string> {
    return this.#wanted.get(persona) ?? [];
  }

  /** Rooms that a client may not read any more. */
  lostRooms(persona: number): string[] {
    return ROOMS.filter((room) => this.revoked.has(`${persona} ${room}`));
  }

  /** Who the application says a client is. */
  principal(persona: number): string | null {
    const client = this.#clientOf.get(persona) ?? 1;
    return client % 2 === 0 ? `p${client}` : null;
  }

  /** The server that a client's next connection goes to. */
  nodeFor(client: number): Node {
    if (this.faulty("wander") || !this.#at.has(client)) this.#at.set(client, this.random.below(this.nodes.length));
    const node = this.nodes[this.#at.get(client) as number] as Node;
    if (!node.up) this.#at.delete(client);
    return node;
  }

  /** The number that a handler's publish has: the same for each run of the handler in one session. */
  derived(n: number, session: string): number {
    const cause = `${n} ${session}`;
    const known = this.#derived.get(cause);
    if (known !== undefined) return known;
    const made = this.next();
    this.#derived.set(cause, made);
    return made;
  }

  /** Does one step of the plan. */
  async step(step: Step): Promise<void> {
    this.checkBounds();
    const { timeline, hits } = this;
    const node = (i: number): Node => this.nodes[i % this.nodes.length] as Node;
    const client = (i: number): Client => this.clients[i % this.clients.length] as Client;
    switch (step.do) {
      case "wait":
        await timeline.run(timeline.now + step.ms);
        return;
      case "publish":
        for (let i = 0; i < step.times; i++)
          this.#publish(node(step.node), { ...step, behaviour: turn(step.behaviour, i) });
        return;
      case "emit":
        for (let i = 0; i < step.times; i++) {
          client(step.client).emit(this.next(), turn(step.behaviour, i), step.answered, step.timeoutMs);
        }
        return;
      case "member":
        this.#member(client(step.client), ROOMS[step.room] as string, step.joins);
        return;
      case "revoke": {
        const { persona } = client(step.client);
        const room = ROOMS[step.room] as string;
        if (step.revoked) {
          this.revoked.add(`${persona} ${room}`);
          this.oracle.reading(persona).revoked.add(room);
          this.#wanted.get(persona)?.delete(room);
        } else this.revoked.delete(`${persona} ${room}`);
        return;
      }
      case "cut":
        if (client(step.client).connected) hit(hits, "cut");
        client(step.client).wire?.cut();
        return;
      case "half-open":
        if (client(step.client).connected) hit(hits, `half-open: the ${step.learns} knows`);
        client(step.client).wire?.halfOpen(step.learns);
        return;
      case "black hole":
        if (client(step.client).connected) hit(hits, `black hole ${step.direction}`);
        client(step.client).wire?.blackHole(step.direction);
        return;
      case "crash server": {
        const it = node(step.node);
        if (it.up) hit(hits, "server crash");
        it.crash(step.told);
        timeline.at(timeline.now + step.downMs, () => it.start());
        return;
      }
      case "crash client": {
        const it = client(step.client);
        it.crash();
        timeline.at(timeline.now + step.downMs, () => it.start());
        return;
      }
      case "away":
        hit(hits, step.ms > 20_000 ? "away for long" : "away");
        client(step.client).away(step.ms);
        return;
      case "store":
        this.disk.trouble(step.trouble, step.ms);
        return;
      case "trim":
        node(step.node).trim();
        return;
      case "stall server":
        hit(hits, "server stalls");
        node(step.node).process?.stall(step.ms);
        return;
      case "stall client":
        hit(hits, "client stalls");
        client(step.client).process?.stall(step.ms);
        return;
      case "step clock":
        hit(hits, step.ms < 0 ? "clock set back" : "clock set forward");
        (step.node % 2 === 0 ? node(step.node) : client(step.client)).process?.stepClock(step.ms);
        return;
      case "forge":
        this.#forge(client(step.client), step.frame);
        return;
      case "steal":
        this.#steal(client(step.client));
        return;
      case "restore":
        if (step.live !== true) for (const each of this.nodes) each.crash(true);
        hit(hits, "store restored");
        await timeline.run(timeline.now);
        await this.disk.restore(step.lost);
        for (const each of this.nodes) each.start();
    }
  }

  /** Notes what is larger than it may be. */
  checkBounds(): void {
    for (const { link, number } of this.clients) {
      const most = this.clientSettings.outbox?.maxEntries ?? 10_000;
      if (link && link.outbox.messages.size > most) {
        this.oracle.violated("bounded", `client ${number} keeps ${link.outbox.messages.size} messages`);
      }
    }
  }

  /** Notes what is kept although nobody is connected and nothing is under way any more. */
  checkLeaks(): void {
    for (const { hub, name } of this.nodes) {
      const sessions = [...(hub?.sessions.values() ?? [])];
      // A gap that is stored nowhere is kept until the client hears of it, or is forgotten.
      const left = sessions.filter(({ owed }) => owed.length === 0).length;
      if (left > 0 || (sessions.length === 0 && (hub?.audiences ?? 0) > 0)) {
        this.oracle.violated("bounded", `${name} still has ${left} sessions, in ${hub?.audiences} audiences`);
      }
    }
  }

  /** Notes what was done more often than needed. */
  checkEfficiency(): void {
    const wasted = (what: string, times: number): void => {
      if (times > 0) this.oracle.violated("efficient", `${times} ${what} without a fault`);
    };
    for (const { hub } of this.nodes) {
      wasted("resends of a server", hub?.metrics.resends ?? 0);
      wasted("messages came twice", hub?.metrics.duplicates ?? 0);
    }
    for (const { link } of this.clients) {
      wasted("resends of a client", link?.ties.metrics.resends ?? 0);
      wasted("entries came twice", link?.ties.metrics.duplicates ?? 0);
    }
  }

  /** All faults are gone, but for a client that is broken for ever. */
  heal(): void {
    this.#healed = true;
    this.disk.heal();
    Object.assign(this.weather, { latencyMs: 5, unkind: false } satisfies Weather);
    for (const node of this.nodes) node.start();
    for (const client of this.clients) {
      client.home();
      client.start();
    }
    const [first] = this.clients;
    if (first && this.plan.broken && this.clients.length > 1) {
      hit(this.hits, "a client stays broken");
      first.breaks();
    }
  }

  #publish(node: Node, { rooms, except, to, acknowledged, again, behaviour }: Extract<Step, { do: "publish" }>): void {
    if (!node.up) return;
    const n = this.next();
    const session = to === undefined ? undefined : this.clients[to % this.clients.length]?.link?.delivery.session;
    if (to !== undefined && session === undefined) return;
    let id: string | undefined;
    if (acknowledged && this.random.chance(0.5)) {
      const known = again && this.#ids.length > 0;
      id = known ? this.random.pick(this.#ids) : `02${String(n).padStart(24, "0")}`;
      if (!known) this.#ids.push(id);
    }
    node.publish(
      {
        n,
        rooms: rooms.map((room) => ROOMS[room] as string),
        except: except.map((room) => ROOMS[room] as string),
        behaviour,
        ...(session === undefined ? {} : { to: session }),
        ...(id === undefined ? {} : { id }),
      },
      acknowledged,
    );
  }

  #member({ persona }: Client, room: string, joins: boolean): void {
    if (joins && this.revoked.has(`${persona} ${room}`)) return;
    const here = this.nodes.some((node) => node.membership(persona, room, joins));
    if (!here) return;
    hit(this.hits, joins ? "join" : "leave");
    const wanted = this.#wanted.get(persona);
    if (joins) wanted?.add(room);
    else wanted?.delete(room);
  }

  /** A client says what it may not. */
  #forge(client: Client, which: number): void {
    const wire = client.wire;
    if (!wire?.openAtClient || !client.connected) return;
    const far = 2 ** 40;
    const frames: unknown[][] = [
      ["a", far, 0],
      ["a", 0, far],
      ["r", far],
      ["m", 0, [[far, "x", 1, ["m", 1, "prompt"]]]],
      ["a", -1, 0],
      ["m", 0, [[0]]],
      ["z"],
      ["a", "1", "1"],
    ];
    hit(this.hits, "forged frame");
    wire.send("up", FORGED + JSON.stringify(frames[which % frames.length]), true);
  }

  /** Somebody presents what he has overheard of a client's hello. */
  #steal(client: Client): void {
    if (client.connected) client.thief(this.random.pick(this.nodes));
  }
}

/** Every second event is an easy one, so that it may be settled before the one ahead of it. */
function turn(behaviour: Behaviour, i: number): Behaviour {
  return i % 2 === 0 ? behaviour : "prompt";
}
