/**
 * The page: wrapped clients and plain ones side by side, what they received, and buttons that hurt.
 *
 * Rule: it shows what the ledger says; it never decides itself that all is well.
 */
import { io as plainIo } from "socket.io-client";
import { io as reliableIo } from "../../../src/client/index.ts";
import { Ledger } from "../ledger.ts";
import { PLAIN_TICK, TICK } from "../names.ts";
import { BAR_MS, Chart } from "./chart.js";

const FEED_MS = 250;
const AUTO_MS = 4_000;
const STOP_MS = 10_000;
const HAPPENINGS = 12;

/** Browsers allow six HTTP connections to one address, and each long-polling client holds one. */
const WRAPPED = [
  ["websocket"],
  ["websocket"],
  ["websocket"],
  ["polling", "websocket"],
  ["polling", "websocket"],
  ["polling"],
];
const PLAIN = [["websocket"], ["polling", "websocket"]];

const nodes = JSON.parse(document.querySelector("meta[name=nodes]").content);
const ledger = new Ledger();
const clients = [];
const parts = new Map();
let place;
let readyAt;
let beganAt;
let auto;

const $ = (id) => document.getElementById(id);

/** An element with text or children. */
function make(tag, content = "", attributes = {}) {
  const element = document.createElement(tag);
  if (typeof content === "string") element.textContent = content;
  else element.append(...content);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function happened(text, kind = "") {
  const time = new Date().toLocaleTimeString("en-GB");
  $("log").prepend(make("li", [make("time", time), text], { class: kind }));
  while ($("log").children.length > HAPPENINGS) $("log").lastChild.remove();
}

class Client {
  constructor(name, transports, wrapped) {
    this.name = name;
    this.wrapped = wrapped;
    this.tally = ledger.add(wrapped);
    this.gaps = 0;
    this.connects = 0;
    this.away = false;
    const where = nodes.length > 0 ? nodes[clients.length % nodes.length] : location.origin;
    const options = {
      transports: nodes.length > 0 ? ["websocket"] : transports,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
      timeout: 5_000,
    };
    this.socket = wrapped ? reliableIo(where, options) : plainIo(where, options);
    if (wrapped) {
      this.socket.on(TICK, (id) => this.tally.receive(id, this.socket.delivery.current?.offset));
      this.socket.delivery.on("gap", ({ reason }) => {
        this.gaps++;
        happened(`${name} was told of a gap: ${reason}`);
      });
    } else this.socket.on(PLAIN_TICK, (id) => this.tally.receive(id));
    this.socket.on("connect", () => {
      const before = this.node;
      // Its id begins with the node's name; see nginx.conf.template.
      this.node = this.socket.io.engine.id.split("-")[0];
      if (this.connects++ === 0) return;
      const to = before === this.node ? `came back to node ${this.node}` : `moved from node ${before} to ${this.node}`;
      const behind = this.tally.onTheWay;
      happened(`${name} ${to}${wrapped && behind > 0 ? `, ${behind} behind` : ""}`);
    });
    this.socket.on("disconnect", () => {
      this.away = true;
    });
    this.#row();
  }

  #row() {
    const cell = (kind = "") => make("td", "", { class: kind });
    this.dot = make("span", "", { class: "dot" });
    this.cells = { node: cell("left"), transport: cell("left"), again: cell() };
    for (const name of ["received", "onTheWay", "missing", "doubled", "inverted", "gaps"]) this.cells[name] = cell();
    if (!this.wrapped) this.cells.gaps.textContent = "–";
    const canvas = make("canvas");
    this.chart = new Chart(canvas);
    const row = [
      make("td", [this.dot, this.name], { class: "left" }),
      ...Object.values(this.cells),
      make("td", [canvas]),
    ];
    $("clients").append(make("tr", row, { class: this.wrapped ? "" : "plain" }));
  }

  /** The next bar of its chart. */
  bar() {
    this.chart.add(this.tally.arrived, this.away);
    this.away = this.connects > 0 && !this.socket.connected;
  }

  show() {
    const { socket, tally, cells } = this;
    this.dot.className = `dot ${socket.connected ? "up" : "down"}`;
    cells.node.textContent = socket.connected ? this.node : "–";
    cells.transport.textContent = socket.connected ? socket.io.engine.transport.name : "–";
    cells.again.textContent = Math.max(0, this.connects - 1);
    cells.received.textContent = tally.received.toLocaleString("en");
    cells.onTheWay.textContent = tally.onTheWay;
    cells.onTheWay.className = tally.onTheWay > 50 ? "warn" : "";
    for (const name of ["missing", "doubled", "inverted"]) figure(cells[name], tally[name]);
    if (this.wrapped) figure(cells.gaps, this.gaps);
  }
}

/** A number that should be nought. */
function figure(element, count) {
  element.textContent = count.toLocaleString("en");
  element.className = count > 0 ? "bad" : "good";
}

/** The sum of some clients. */
function sums(id, of, names) {
  const sum = (value) => of.reduce((total, client) => total + value(client), 0);
  const values = {
    received: sum(({ tally }) => tally.received),
    missing: sum(({ tally }) => tally.missing),
    doubled: sum(({ tally }) => tally.doubled),
    "out of order": sum(({ tally }) => tally.inverted),
    "gaps told": sum(({ gaps }) => gaps),
  };
  const shown = names.map((name) => {
    const number = make("b");
    if (name === "received") number.textContent = values[name].toLocaleString("en");
    else figure(number, values[name]);
    return make("div", [number, make("span", name)]);
  });
  $(id).replaceChildren(...shown);
}

const control = (path) => fetch(`control/${path}`, { method: "POST", headers: { "x-cluster-control": "1" } });

/** What can be done to a part, and how that is told. */
const HURTS = {
  kill: ["kill -9", "kill -9", "SIGKILL; it is started again after a second"],
  stop: ["stop 10 s", "stopped for 10 s", "SIGSTOP: its connections stay, and nothing is answered"],
  drain: ["drain", "asked to drain and end", "SIGTERM: a rolling restart; it is started again after a second"],
};

const called = (name) => (name === "redis" ? "Redis" : name.replace("-", " "));

/** A card for a node, or for Redis. */
function card(name) {
  const head = make("h2", [make("span", "", { class: "dot" }), called(name)]);
  const pid = make("small");
  head.append(pid);
  const chips = make("div", "", { class: "chips" });
  const buttons = Object.keys(HURTS)
    .filter((how) => how !== "drain" || name !== "redis")
    .map((how) => {
      const [label, , title] = HURTS[how];
      const button = make("button", label, { title });
      button.onclick = () => hurt(name, how);
      return button;
    });
  const element = make("div", [head, chips, make("div", buttons, { class: "buttons" })], { class: "card" });
  $("parts").append(element);
  return { name, element, pid, chips, buttons };
}

function hurt(name, how) {
  happened(`${called(name)}: ${HURTS[how][1]}`, "hurt");
  void control(`${name}/${how}?ms=${STOP_MS}`);
}

function showPart({ name, state, pid, restarts }) {
  if (name === "nginx") return;
  if (!parts.has(name)) parts.set(name, card(name));
  const part = parts.get(name);
  part.state = state;
  part.element.className = `card ${state}`;
  part.pid.textContent = state === "up" ? `pid ${pid}${restarts > 0 ? `, restarts: ${restarts}` : ""}` : state;
  for (const button of part.buttons) button.disabled = state !== "up";
  const here = clients.filter(({ socket, node }) => socket.connected && name === `node-${node}`);
  const chips = here.map((client) => make("i", client.name, { class: client.wrapped ? "" : "plain" }));
  const none = name === "redis" ? "the log, and what the nodes tell each other" : "nobody";
  part.chips.replaceChildren(...(chips.length > 0 ? chips : [make("small", none)]));
}

async function feed() {
  const response = await fetch(place === undefined ? "feed" : `feed?after=${place}`);
  const { next, acknowledged, parts: states = [] } = await response.json();
  place = next;
  ledger.acknowledged(acknowledged, performance.now());
  $("auto").hidden = states.length === 0;
  for (const state of states.toSorted((a, b) => a.name.localeCompare(b.name))) showPart(state);
}

function show() {
  const now = performance.now();
  if (clients.every(({ socket }) => socket.connected)) readyAt ??= now;
  // Everybody is there, and the list has caught up.
  if (!ledger.counting && now - readyAt > 1_000) {
    ledger.begin();
    beganAt = now;
  }
  if (ledger.counting) {
    $("published").textContent = ledger.published.toLocaleString("en");
    $("rate").textContent = `acknowledged, ${Math.round((ledger.published * 1_000) / (now - beganAt))} a second`;
  }
  for (const client of clients) client.show();
  sums(
    "wrapped",
    clients.filter(({ wrapped }) => wrapped),
    ["received", "missing", "doubled", "out of order", "gaps told"],
  );
  sums(
    "plain",
    clients.filter(({ wrapped }) => !wrapped),
    ["received", "missing", "doubled", "out of order"],
  );
}

/** One of those that are up, now and then Redis. */
function somethingHappens() {
  const up = [...parts.values()].filter(({ state }) => state === "up").map(({ name }) => name);
  const among = up.filter((name) => name !== "redis" || Math.random() < 0.3);
  const name = among[Math.floor(Math.random() * among.length)];
  if (!name || up.length <= 2) return;
  const hows = name === "redis" ? ["kill"] : ["kill", "kill", "stop", "drain"];
  hurt(name, hows[Math.floor(Math.random() * hows.length)]);
}

$("auto").onclick = ({ currentTarget }) => {
  if (auto) clearInterval(auto);
  auto = auto ? undefined : setInterval(somethingHappens, AUTO_MS);
  currentTarget.setAttribute("aria-pressed", String(auto !== undefined));
  if (auto) somethingHappens();
};

for (const [i, transports] of WRAPPED.entries()) clients.push(new Client(`client ${i + 1}`, transports, true));
for (const [i, transports] of PLAIN.entries()) clients.push(new Client(`plain ${i + 1}`, transports, false));
$("wrapped-clients").textContent = `${WRAPPED.length} clients`;
$("plain-clients").textContent = `${PLAIN.length} clients`;
setInterval(() => {
  for (const client of clients) client.bar();
}, BAR_MS);
for (;;) {
  await feed().catch(() => {});
  show();
  await new Promise((resolve) => {
    setTimeout(resolve, FEED_MS);
  });
}
