/**
 * Clients of the chaos run, some in one process: each listens, sends orders without end, and keeps a diary.
 *
 * Rule: it writes down that it has handled something in the turn in which it does, before anything of it can be acknowledged.
 */
import { io as plainIo } from "socket.io-client";
import { io, type ReliableSocket } from "../../src/client/index.ts";
import { sqliteStorage } from "../../src/store/client-sqlite.ts";
import {
  type ClientPlan,
  type ClientsPlan,
  content,
  diary,
  digest,
  LAST,
  type News,
  type Order,
  stall,
} from "./chaos-diary.ts";

const plan: ClientsPlan = JSON.parse(process.argv[2] as string);
const write = diary(plan.diary);
// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;

/** Orders that a client has under way, at most. */
const MAX_OPEN = 100;

let acknowledged = 0;
let quiet = false;

class Client {
  readonly socket: ReliableSocket<Any, Any>;
  readonly name: string;
  readonly #wrapped = plan.kind !== "plain";
  #session: string | undefined;
  #number = 0;
  open = 0;
  /** Received, and not handled. */
  readonly busy = new Set<string>();
  ended = false;
  connected = false;

  constructor({ name, transports, file }: ClientPlan) {
    this.name = name;
    this.#say({ type: "begin", kept: file !== undefined && plan.life > 0 });
    const options: Any = {
      transports,
      auth: { name },
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 60,
      timeout: 1_000,
    };
    const url = `http://127.0.0.1:${plan.port}`;
    const storage = file === undefined ? {} : { storage: sqliteStorage(file, { durability: "os" }) };
    this.socket = this.#wrapped
      ? io(url, { ...options, reliable: { ackTimeoutMs: 400, ackDelayMs: 50, ...storage } })
      : (plainIo(url, options) as Any);
    this.socket.on("connect", () => {
      this.connected = true;
      const session = this.#wrapped ? this.socket.delivery.session : name;
      if (session === this.#session || session === undefined) return;
      this.#session = session;
      this.#say({ type: "session", session });
    });
    this.socket.on("n", (message: { readonly id: string }) => this.#handle(message));
    if (!this.#wrapped) return;
    this.socket.delivery.on("gap", (gap) => this.#say({ type: "gap", ...gap }));
    this.socket.delivery.on("dead-letter", ({ args }) => this.#say({ type: "dead", id: (args[1] as Any).id }));
    this.socket.delivery.on("error", (error) => {
      if (!String(error).includes("on purpose")) console.error(`[${name}] ${error}`);
    });
  }

  #say(line: object): void {
    write({ node: this.name, ...line });
  }

  #handle(message: { readonly id: string }): Promise<void> | undefined {
    const { id } = message;
    const { offset, attempt } = (this.#wrapped && this.socket.delivery.current) || { offset: undefined, attempt: 1 };
    const line = { id, offset, data: digest(message) };
    const kind = digest(id) % 200;
    if (id === LAST) this.ended = true;
    if (kind > 20 || !this.#wrapped) {
      this.#say({ type: "handled", ...line });
      return undefined;
    }
    // Some take their time, and a few fail at first.
    this.#say({ type: "received", ...line });
    this.busy.add(id);
    if (kind === 0 && attempt === 1) throw new Error("on purpose");
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#say({ type: "handled", ...line });
        this.busy.delete(id);
        resolve();
      }, kind);
    });
  }

  emit(): void {
    if (this.open >= MAX_OPEN || !this.connected) return;
    const id = `${this.name}.${plan.life}.${this.#number++}`;
    const order = content(id);
    this.#say({ type: "emit", id, data: digest(order) });
    this.open++;
    const answered = (answer: unknown) => {
      if (answer !== id) throw new Error(`the answer to ${id} is ${answer}`);
      this.#say({ type: "answered", id });
    };
    if (!this.#wrapped || this.#number % 2 === 0) {
      this.socket
        .emitWithAck("order", order)
        .then((answer: unknown) => {
          acknowledged++;
          answered(answer);
        })
        .catch((error: unknown) => {
          this.#say({ type: "failed", id });
          if (this.#wrapped) console.error(`[${this.name}] ${id}: ${error}`);
        })
        .finally(() => this.open--);
      return;
    }
    void this.socket.delivery.emit("order", order, answered).settled.then((status) => {
      this.open--;
      if (status === "acked") {
        acknowledged++;
        this.#say({ type: "acked", id });
      } else {
        this.#say({ type: "failed", id });
        console.error(`[${this.name}] ${id}: ${status}`);
      }
    });
  }
}

const clients = plan.clients.map((client) => new Client(client));
let due = 0;
let tickedAt = performance.now();
let turn = 0;
setInterval(() => {
  const now = performance.now();
  due = Math.min(due + ((now - tickedAt) * plan.emitsPerSecond) / 1_000, 50);
  tickedAt = now;
  for (; due >= 1; due--) if (!quiet) clients[turn++ % clients.length]?.emit();
}, 5);

let up = false;
setInterval(() => {
  const news: News = {
    acknowledged,
    open: clients.reduce(
      (sum, { open, busy, socket }) => sum + open + busy.size + (socket.delivery?.outbox.size ?? 0),
      0,
    ),
    ended: clients.every((client) => client.ended),
    states: Object.fromEntries(
      clients.map(({ name, socket }) => [
        name,
        `${socket.connected ? "connected" : "not connected"}, ${socket.delivery?.state}`,
      ]),
    ),
  };
  acknowledged = 0;
  if (!up && clients.every((client) => client.connected)) {
    up = true;
    process.send?.({ ...news, up: 1 });
  } else process.send?.(news);
}, 20);
process.on("message", ({ stallMs, quiet: now }: Order) => {
  if (stallMs) stall(stallMs);
  if (now !== undefined) quiet = now;
});
process.on("disconnect", () => process.exit());
