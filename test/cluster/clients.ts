/**
 * The clients of a cluster run, in one process that is never killed: each listens, sends orders, and keeps a diary.
 *
 * Rule: it writes down that it has handled something in the turn in which it does.
 */
import { io as plainIo } from "socket.io-client";
import { io, type ReliableSocket } from "../../src/client/index.ts";
import { digest } from "../stack/chaos-diary.ts";
import { bufferedDiary, type ClientsNews, type ClientsPlan, LAST, type Order } from "./plan.ts";

const plan: ClientsPlan = JSON.parse(process.argv[2] as string);
const { say, flush } = bufferedDiary(plan.diary);
// biome-ignore lint/suspicious/noExplicitAny: tests emit whatever they like.
type Any = any;

/** Orders that a client has under way, at most. */
const MAX_OPEN = 50;

let busy = false;
let recovered = 0;
let fresh = 0;
let gaps = 0;

/** An entry of the official adapter's stream is named by time and number; as one number it compares with others. */
function officialOffset(name: unknown): number | undefined {
  const [, ms, number] = /^(\d+)-(\d+)$/.exec(String(name)) ?? [];
  return ms === undefined ? undefined : Number(ms) * 1_000 + Number(number);
}

class Client {
  readonly name: string;
  readonly socket: ReliableSocket<Any, Any>;
  readonly #wrapped = plan.mode !== "official";
  #session: string | undefined;
  #number = 0;
  /** In its rooms. */
  ready: string | undefined;
  connections = 0;
  /** Orders begun and not over. */
  open = 0;
  /** Messages received and not handled. */
  handling = 0;
  readonly got = new Set<string>();

  constructor(name: string, port: number) {
    this.name = name;
    this.#say({ type: "begin" });
    const options: Any = {
      transports: ["websocket"],
      auth: { name },
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 60,
      timeout: 1_000,
    };
    const url = `http://127.0.0.1:${port}`;
    this.socket = this.#wrapped
      ? io(url, { ...options, reliable: { ackTimeoutMs: 1_000, ackDelayMs: 50 } })
      : (plainIo(url, options) as Any);
    this.socket.on("connect", () => this.#connected());
    this.socket.on("ready", () => {
      this.ready = this.#session;
    });
    this.socket.on("n", (message: { readonly id: string }, offset: unknown) => this.#handle(message, offset));
    if (!this.#wrapped) return;
    this.socket.delivery.on("gap", (gap) => {
      gaps++;
      this.#say({ type: "gap", ...gap });
    });
    this.socket.delivery.on("state", (state) => this.#say({ type: "state", state }));
    this.socket.delivery.on("error", (error) => console.error(`[${name}] ${error}`));
  }

  #say(line: object): void {
    say({ node: this.name, ...line });
  }

  #connected(): void {
    if (this.connections++ > 0) {
      if (this.#wrapped ? this.socket.delivery.recovered : (this.socket as Any).recovered) recovered++;
      else fresh++;
    }
    const session = this.#wrapped ? this.socket.delivery.session : this.name;
    if (session === this.#session || session === undefined) return;
    this.#session = session;
    this.#say({ type: "session", session });
  }

  #handle(message: { readonly id: string }, last: unknown): Promise<void> | undefined {
    const { id } = message;
    const offset = this.#wrapped ? this.socket.delivery.current?.offset : officialOffset(last);
    const data = digest(message);
    const line = { id, offset, data };
    if (id.startsWith(LAST)) this.got.add(id);
    if (data % 100 > 0 || !this.#wrapped) {
      this.#say({ type: "handled", ...line });
      return undefined;
    }
    // Some take their time, and are under way when their client moves to another node.
    this.#say({ type: "received", ...line });
    this.handling++;
    return new Promise((resolve) => {
      setTimeout(
        () => {
          this.#say({ type: "handled", ...line });
          this.handling--;
          resolve();
        },
        10 + (data % 190),
      );
    });
  }

  emit(): void {
    if (this.open >= MAX_OPEN || !this.socket.connected) return;
    const id = `${this.name}.${this.#number++}`;
    const order = { id };
    this.#say({ type: "emit", id, data: digest(order) });
    this.open++;
    const over = (type: "answered" | "acked" | "failed") => {
      this.open--;
      this.#say({ type, id });
    };
    if (!this.#wrapped) {
      (this.socket as Any)
        .timeout(5_000)
        .emitWithAck("order", order)
        .then(
          () => over("answered"),
          () => over("failed"),
        );
      return;
    }
    if (this.#number % 2 === 0) {
      this.socket.emitWithAck("order", order).then(
        (answer: unknown) => {
          if (answer !== id) throw new Error(`the answer to ${id} is ${answer}`);
          over("answered");
        },
        (error: unknown) => {
          console.error(`[${this.name}] ${id}: ${error}`);
          over("failed");
        },
      );
      return;
    }
    void this.socket.delivery
      .emit("order", order, () => {})
      .settled.then((status) => over(status === "acked" ? "acked" : "failed"));
  }
}

const clients = plan.clients.map(({ name, port }) => new Client(name, port));

function by<T>(value: (client: Client) => T | undefined): Record<string, T> {
  const all: Record<string, T> = {};
  for (const client of clients) {
    const its = value(client);
    if (its !== undefined) all[client.name] = its;
  }
  return all;
}

let due = 0;
let turn = 0;
let tickedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  due = Math.min(due + ((now - tickedAt) * plan.emitsPerSecond) / 1_000, 20);
  tickedAt = now;
  for (; due >= 1; due--) if (busy) clients[turn++ % clients.length]?.emit();
}, 10);

function tell(more: ClientsNews = {}): void {
  const news: ClientsNews = {
    ready: by(({ ready }) => ready),
    connected: clients.filter(({ socket }) => socket.connected).map(({ name }) => name),
    open: clients.reduce((sum, { open, socket }) => sum + open + (socket.delivery?.outbox.size ?? 0), 0),
    handling: clients.reduce((sum, { handling }) => sum + handling, 0),
    connections: by(({ connections }) => connections),
    recovered,
    fresh,
    gaps,
    got: by(({ got }) => [...got]),
    ...more,
  };
  process.send?.(news);
}
setInterval(() => {
  flush();
  tell();
}, 20);
process.on("message", (order: Order) => {
  if (order.busy !== undefined) busy = order.busy;
  if (order.flush) {
    flush();
    tell({ flushed: true });
  }
});
process.on("disconnect", () => process.exit());
