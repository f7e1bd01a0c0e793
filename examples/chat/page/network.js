/**
 * The network of this page, with a switch.
 *
 * Rule: it does what a lost network does, and no more: connections break, new ones fail, the browser says "offline" and "online". Nobody
 * tells Socket.IO or gapless-io. It is loaded before them, so that they find this WebSocket.
 */
{
  const connections = new Set();
  // A reload brings no network back.
  let offline = sessionStorage.getItem("offline") !== null;

  globalThis.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      connections.add(this);
      this.addEventListener("close", () => connections.delete(this));
      // Before it is open: the browser gives it up as one that could not be made.
      if (offline) this.close();
    }
  };

  globalThis.network = {
    get offline() {
      return offline;
    },
    set offline(now) {
      offline = now;
      if (offline) sessionStorage.setItem("offline", "");
      else sessionStorage.removeItem("offline");
      if (offline) for (const connection of connections) connection.close();
      dispatchEvent(new Event(offline ? "offline" : "online"));
    },
  };
}
