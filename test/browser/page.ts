/**
 * The page of the browser's tests: emits orders, listens to news, and tells the test what happens to both.
 *
 * Rule: news are dealt with when the test has taken them down, so that a page that is killed has lost nothing that it has acknowledged.
 */
import { indexedDb, io, type ReliableSocket } from "../../src/client/index.ts";

/** What the address says. */
const settings = new URLSearchParams(location.search);
const SERVER = settings.get("server") as string;

// biome-ignore lint/suspicious/noExplicitAny: the tests' own events.
type Events = Record<string, any>;

/** What tests do with it. */
export interface App {
  readonly socket: ReliableSocket<Events, Events>;
  /** Emits orders `name:from` to `name:to - 1`. */
  order(name: string, from: number, to: number): void;
  /** News, in the order in which they came. */
  readonly news: number[];
  readonly gaps: unknown[];
  readonly errors: string[];
  readonly states: string[];
  /** The sizes that the outbox told of. */
  readonly sizes: number[];
  /** Makes another socket. */
  connect(url: string): App["socket"];
  /** Whether it was put aside and came back. */
  persisted: boolean;
  /** Closes IndexedDB's connections, as a browser may. */
  closeDatabases(): void;
}

/** What is to be told, by kind. A browser does not take hundreds of requests at once. */
const lines: Record<string, string[]> = {};
let telling: Promise<void> | undefined;
const tell = (what: string, text: string): Promise<void> => {
  lines[what] ??= [];
  lines[what].push(text);
  telling ??= new Promise((resolve) => setTimeout(resolve)).then(async () => {
    telling = undefined;
    const told = JSON.stringify(lines);
    for (const kind of Object.keys(lines)) delete lines[kind];
    await fetch("/tell", { method: "POST", body: told, keepalive: true });
  });
  return telling;
};

/** The connections that this page has made. */
const databases: IDBDatabase[] = [];
let closed = 0;
const { open } = IDBFactory.prototype;
IDBFactory.prototype.open = function (this: IDBFactory, ...args: Parameters<typeof open>) {
  const request = open.apply(this, args);
  request.addEventListener("success", () => databases.push(request.result));
  return request;
};

const socket = io<Events>(SERVER, {
  transports: (settings.get("transports")?.split(",") ?? ["polling", "websocket"]) as ("polling" | "websocket")[],
  reconnectionDelay: Number(settings.get("delay") ?? 100),
  reconnectionDelayMax: Number(settings.get("delay") ?? 300),
  reliable: {
    ackTimeoutMs: 2_000,
    ackDelayMs: Number(settings.get("ackDelay") ?? 200),
    warnOnUnload: settings.has("warn"),
    storage: indexedDb({ durability: "relaxed", name: settings.get("name") ?? "test" }),
  },
});

const app: App = {
  socket,
  news: [],
  gaps: [],
  errors: [],
  states: [],
  sizes: [],
  persisted: false,
  connect: (url) => io<Events>(url, { forceNew: true }),
  order(name, from, to) {
    for (let n = from; n < to; n++) {
      const id = `${name}:${n}`;
      const handle = socket.delivery.emit("order", id);
      ids.set(handle.id, id);
    }
  },
  closeDatabases() {
    for (const db of databases.splice(0)) {
      db.close();
      // `close()` says nothing. A browser that closes it does; but Safari has been seen not to.
      if (closed++ % 2) db.dispatchEvent(new Event("close"));
    }
  },
};
const ids = new Map<string, string>();
Object.assign(window, { app });
addEventListener("pageshow", ({ persisted }) => {
  app.persisted = persisted;
});

socket.delivery.on("status", ({ id, status }) => {
  if (status === "stored") void tell(status, ids.get(id) ?? id).catch(() => {});
});
socket.delivery.on("gap", (gap) => app.gaps.push(gap));
socket.delivery.on("error", (error) => app.errors.push(String(error)));
socket.delivery.on("state", (state) => app.states.push(state));
socket.delivery.outbox.subscribe(({ size }) => app.sizes.push(size));
socket.on("news", async (n: number) => {
  app.news.push(n);
  await tell("news", `${settings.get("tab") ?? "tab"} ${n}`);
});
