/**
 * The chat: a socket, and what the page shows of it.
 *
 * Rule: what waits is what the outbox says, what was said is what the log says; the page itself keeps only who sits here and in which rooms.
 */
import { whoAmI } from "./person.js";
import { Room } from "./room.js";

const { gapless, network } = globalThis;
const $ = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name=${name}]`).content;

const STATES = {
  offline: "offline",
  connecting: "connecting …",
  plain: "connected, not reliable",
  live: "connected",
  resyncing: "catching up …",
  superseded: "taken over by another tab",
};
const REASONS = {
  retention: "it is older than what the server keeps",
  epoch: "the server's log was replaced",
  session: "the server does not know this tab any more",
};
const SERIES = 20;
const SERIES_MS = 100;

const me = await whoAmI($("who"));
const rooms = new Map(
  meta("rooms")
    .split(" ")
    .map((name) => [name, new Room(name, me)]),
);
// Each tab is in rooms of its own, also after a reload.
const joined = new Set(JSON.parse(sessionStorage.getItem("joined") ?? '["lobby"]'));
let current;

const socket = gapless.io(meta("chat"), {
  transports: ["websocket"],
  reconnectionDelay: 200,
  reconnectionDelayMax: 1_000,
  // Messages go through the outbox. What asks the server for something is asked anew when it is there again.
  reliable: { durable: (event) => event === "message" },
});
const { delivery } = socket;

function say(room, text) {
  const message = { key: crypto.randomUUID(), room: room.name, from: me.id, name: me.name, text };
  const { id, status } = delivery.emit("message", message);
  room.waits(message, id, status);
}

socket.on("message", (message) => {
  const room = rooms.get(message.room);
  if (!joined.has(message.room) || !room.arrived(message) || room === current) return;
  const count = room.button.querySelector(".unread");
  count.textContent = Number(count.textContent) + 1;
});

delivery.on("status", ({ id, status }) => {
  for (const room of rooms.values()) room.became(id, status);
});

/** Also shows those from before a reload, once they are loaded. */
function showOutbox() {
  const { size, durable } = delivery.outbox.status;
  $("badge").hidden = size === 0;
  $("badge").textContent = `${size} waiting`;
  $("badge").title = durable ? "Kept by this browser: reload or close the tab if you like" : "In memory only";
  for (const { id, args } of delivery.outbox.list()) rooms.get(args[1].room)?.waits(args[1], id, "stored");
}
delivery.outbox.subscribe(showOutbox);

/** A gap is a hole in what is shown. A page that shows nothing yet loads everything there is anyway. */
delivery.on("gap", ({ reason }) => {
  if (![...rooms.values()].some(({ complete }) => complete)) return;
  $("reason").textContent = REASONS[reason] ?? reason;
  $("gap").hidden = false;
});

$("reload").onclick = () => {
  $("gap").hidden = true;
  for (const name of joined) load(rooms.get(name));
};

function load(room) {
  const take = room.expectHistory();
  socket.emit("history", room.name, (messages) => joined.has(room.name) && take(messages));
}

/** Tells the server in which rooms we want to be, then loads what is not here. */
function enter() {
  sessionStorage.setItem("joined", JSON.stringify([...joined]));
  if (!socket.connected) return;
  socket.emit("rooms", [...joined], () => {
    for (const name of joined) if (!rooms.get(name).complete) load(rooms.get(name));
  });
}
socket.on("connect", enter);

function showState() {
  const { state } = delivery;
  $("state").dataset.state = network.offline ? "offline" : state;
  $("state").textContent = network.offline ? "no network" : STATES[state];
  $("network").textContent = network.offline ? "Go online" : "Go offline";
  $("network").setAttribute("aria-pressed", network.offline);
}
delivery.on("state", showState);

$("network").onclick = () => {
  network.offline = !network.offline;
  showState();
};

$("kill").onclick = () => fetch("/kill", { method: "POST", headers: { "x-chat-control": "1" } });

$("series").onclick = () => {
  for (let i = 1; i <= SERIES; i++) setTimeout(say, i * SERIES_MS, current, `${i} of ${SERIES}`);
};

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  if (current && text.value.trim()) say(current, text.value.trim());
  text.value = "";
};

/** Shows a room, and joins it. */
function select(room) {
  current = room;
  if (room && !joined.has(room.name)) {
    joined.add(room.name);
    enter();
  }
  for (const each of rooms.values()) {
    each.show(each === room);
    each.button.classList.toggle("joined", joined.has(each.name));
    each.button.setAttribute("aria-current", each === room);
  }
  if (room) room.button.querySelector(".unread").textContent = "";
  $("title").textContent = room ? `# ${room.name}` : "No room";
  $("leave").hidden = !room;
  $("text").disabled = $("send").disabled = $("series").disabled = !room;
  $("text").placeholder = room ? `Message to #${room.name}` : "Choose a room";
}

$("leave").onclick = () => {
  joined.delete(current.name);
  current.forget();
  enter();
  select(rooms.get([...joined][0]));
};

for (const room of rooms.values()) {
  room.button = document.createElement("button");
  const unread = Object.assign(document.createElement("span"), { className: "unread" });
  room.button.append(`# ${room.name}`, unread);
  room.button.onclick = () => select(room);
  $("rooms").append(room.button);
  $("messages").append(room.element);
}
$("name").textContent = me.name;
showState();
select(rooms.get([...joined][0]));
