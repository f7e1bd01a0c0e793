/**
 * What is shown of a room: messages of the log in its order, and below them those that wait in the outbox.
 *
 * Rule: a message has one bubble, found by its key, wherever it came from: typed here, kept from before a reload, live, or history.
 */
import { hueOf } from "./person.js";

/** What is shown of a status, and what it means. */
const MARKS = {
  pending: ["○ pending", "Not sent yet, and only in this page's memory"],
  stored: ["◔ stored", "Not sent yet, and kept by this browser: reload or close the tab if you like"],
  sent: ["✓ sent", "On its way, and not known to be settled"],
  acked: ["✓✓ acked", "In the server's log, on its disk"],
  failed: ["! failed", "Given up"],
  expired: ["! expired", "Waited for too long, and given up"],
};
const ENDED = ["acked", "failed", "expired"];
/** Nearer to the end than this, it stays at the end. */
const AT_END_PX = 80;

const make = (tag, className, text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

export class Room {
  #me;
  #bubbles = new Map();
  #log = make("ol", "log");
  #waiting = make("ol", "waiting");

  constructor(name, me) {
    this.name = name;
    this.#me = me;
    this.element = make("section", "messages");
    this.element.dataset.room = name;
    this.element.append(this.#log, this.#waiting);
    /** Whether its history is here, and everything that came after it. */
    this.complete = false;
  }

  /** One came from the log. Answers whether it was not known to be there. */
  arrived(message) {
    const bubble = this.#bubble(message);
    if (bubble.parentElement === this.#log) return false;
    // One of ours that another tab has delivered, or that was settled before this page was loaded.
    if (!bubble.dataset.id) this.#mark(bubble, "acked");
    this.#change(() => this.#log.append(bubble));
    return true;
  }

  /** One is in the outbox; `id` is its name there. */
  waits(message, id, status) {
    const bubble = this.#bubble(message);
    if (bubble.dataset.id) return;
    bubble.dataset.id = id;
    this.#mark(bubble, status);
    if (!bubble.parentElement) this.#change(() => this.#waiting.append(bubble));
  }

  /** What became of one that was in the outbox. */
  became(id, status) {
    const bubble = this.element.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (bubble) this.#mark(bubble, status);
  }

  /** History is asked for. Answers what takes it: it replaces what was shown then, and what came since follows it. */
  expectHistory() {
    const before = new Set(this.#log.children);
    return (messages) =>
      this.#change(() => {
        for (const bubble of [...before, ...this.#waiting.children]) {
          const { key, status } = bubble.dataset;
          const old = before.has(bubble) || ENDED.includes(status);
          if (old && this.#bubbles.get(key) === bubble) this.#bubbles.delete(key);
        }
        const since = [...this.#log.children].filter((bubble) => !before.has(bubble));
        const shown = messages.map((message) => {
          const bubble = this.#bubble(message);
          if (!bubble.dataset.id) this.#mark(bubble, "acked");
          return bubble;
        });
        this.#log.replaceChildren(...shown, ...since.filter((bubble) => !shown.includes(bubble)));
        for (const bubble of [...this.#waiting.children]) {
          if (this.#bubbles.get(bubble.dataset.key) !== bubble) bubble.remove();
        }
        this.complete = true;
      });
  }

  /** Forgets what came from the log. */
  forget() {
    this.expectHistory()([]);
    this.complete = false;
  }

  show(shown) {
    this.element.hidden = !shown;
    if (shown) this.#toEnd();
  }

  #bubble({ key, from, name, text, at = Date.now() }) {
    let bubble = this.#bubbles.get(key);
    if (!bubble) {
      bubble = make("li", from === this.#me.id ? "mine" : "");
      bubble.style.setProperty("--hue", hueOf(from));
      Object.assign(bubble.dataset, { key, from });
      const foot = make("small", "foot");
      foot.append(make("time", ""), make("span", "mark"));
      const body = make("div", "body");
      body.append(make("b", "author", name), make("p", "text", text), foot);
      bubble.append(make("i", "face", name.slice(0, 1).toUpperCase()), body);
      this.#bubbles.set(key, bubble);
    }
    const time = new Date(at).toLocaleTimeString("en-GB", { timeStyle: "short" });
    bubble.querySelector("time").textContent = time;
    return bubble;
  }

  /** Only one's own are followed. */
  #mark(bubble, status) {
    if (bubble.dataset.from !== this.#me.id) return;
    const [text, title] = MARKS[status];
    bubble.dataset.status = status;
    Object.assign(bubble.querySelector(".mark"), { textContent: text, title });
  }

  /** Makes a change of what is shown; who reads above is not moved. */
  #change(make) {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    make();
    let last;
    for (const bubble of this.element.querySelectorAll("li")) {
      const { from } = bubble.dataset;
      bubble.classList.toggle("again", from === last);
      last = from;
    }
    if (scrollHeight - scrollTop - clientHeight < AT_END_PX) this.#toEnd();
  }

  #toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
