import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const EXPORTS = {
  "gapless-io": ["DeliveryError"],
  "gapless-io/server": ["DeliveryError", "reliable"],
  "gapless-io/emitter": ["DeliveryError", "createEmitter"],
  "gapless-io/client": ["io", "reliable", "indexedDb", "keyValueStorage", "memoryStorage"],
  "gapless-io/react": ["useDeliveryState", "useGap", "useOutbox"],
  "gapless-io/sqlite": ["sqlite", "sqliteStorage"],
  "gapless-io/redis": ["redis"],
  "gapless-io/memory": ["memory"],
};

function run(...args: string[]): string {
  return execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** These load `dist`, as a user does; `npm test` builds it first. */
describe("the built package", () => {
  for (const [path, names] of Object.entries(EXPORTS)) {
    it(`loads ${path} by import`, () => {
      const script = `import * as all from ${JSON.stringify(path)}; console.log(JSON.stringify(Object.keys(all)))`;
      expect(JSON.parse(run("--input-type=module", "-e", script))).toEqual(expect.arrayContaining(names));
    });

    it(`loads ${path} by require()`, () => {
      const script = `console.log(JSON.stringify(Object.keys(require(${JSON.stringify(path)}))))`;
      expect(JSON.parse(run("-e", script))).toEqual(expect.arrayContaining(names));
    });
  }

  it("shows its package.json", () => {
    expect(run("-p", `require("gapless-io/package.json").name`).trim()).toBe("gapless-io");
  });

  it("touches nothing of a browser when its client is loaded, and a socket made, on a server", () => {
    const script = `
      const touched = [];
      for (const name of ["window", "document", "navigator", "indexedDB", "localStorage", "sessionStorage", "location", "BroadcastChannel"]) {
        // What asks first may ask: it is as if it were not there.
        Object.defineProperty(globalThis, name, { get() { touched.push(new Error(name).stack); return undefined; } });
      }
      const { io } = await import("gapless-io/client");
      await import("gapless-io/react");
      const loaded = [...touched];
      const socket = io("http://127.0.0.1:1", { autoConnect: false });
      socket.emit("kept");
      await new Promise(setImmediate);
      console.log(JSON.stringify([loaded.filter((at) => at.includes("/dist/")), socket.delivery.state, socket.delivery.outbox.status]));`;
    const status = { size: 1, pending: 1, sent: 0, failed: 0, durable: false };
    expect(JSON.parse(run("--input-type=module", "-e", script))).toEqual([[], "offline", status]);
  });

  it("has builds for pages, with their source maps", () => {
    for (const file of ["gapless.min.js", "gapless.esm.min.js"]) {
      const path = fileURLToPath(import.meta.resolve(`gapless-io/${file}`));
      expect(readFileSync(path, "utf8")).toContain(`//# sourceMappingURL=${file}.map`);
      expect(JSON.parse(readFileSync(`${path}.map`, "utf8")).sources).toContain("../src/client/link.ts");
    }
  });

  it("loads its server and stores without better-sqlite3, a client of Redis and socket.io-client", () => {
    const script = `
      const { Module } = require("node:module");
      const load = Module._load;
      Module._load = function (name, ...rest) {
        if (/better-sqlite3|redis$|socket\\.io-client/.test(name) && !name.startsWith("gapless-io/")) throw new Error("must not be loaded: " + name);
        return load.call(this, name, ...rest);
      };
      require("gapless-io/server"); require("gapless-io/memory"); require("gapless-io/sqlite"); require("gapless-io/redis");
      console.log("fine");`;
    expect(run("-e", script).trim()).toBe("fine");
  });
});
