import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ClientChange } from "../../src/client-storage.ts";
import type { Outgoing } from "../../src/core/outbox.ts";
import { sqliteStorage } from "../../src/store/client-sqlite.ts";
import { type Peer, startPeer, until } from "./peer.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gapless-client-"));
  file = join(folder, "client.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const message = (seq: number, ...args: unknown[]): Outgoing => ({
  seq,
  id: `m${seq}`,
  args: ["e", ...args],
  wantsAnswer: false,
  bytes: 10,
  expiresAt: 1e15,
});
const change = (nextSeq: number, put: Outgoing[], remove: number[] = []): ClientChange => ({
  place: { session: "S", token: "1.x", epoch: "E", cursor: 5, above: [7], last: [7, "A"], gaps: [], nextSeq },
  put,
  remove,
});

describe("sqliteStorage", () => {
  test("gives back what was saved; a change made twice is made once; names are apart", () => {
    const storage = sqliteStorage(file, { durability: "os" });
    expect(storage.load()).toBeUndefined();
    for (let i = 0; i < 2; i++) storage.save(change(4, [message(1), message(2, Buffer.from("ab")), message(3)], [9]));
    for (let i = 0; i < 2; i++) storage.save(change(4, [{ ...message(3), args: undefined }], [1]));
    storage.close();
    const again = sqliteStorage(file);
    expect(again.load()).toEqual({
      ...change(4, []).place,
      messages: [message(2, Buffer.from("ab")), { ...message(3), args: undefined }],
    });
    again.close();
    const other = sqliteStorage(file, { name: "other" });
    expect(other.load()).toBeUndefined();
    other.close();
  });
});

describe("a client that is killed while it sends", () => {
  let peer: Peer;
  beforeEach(async () => {
    peer = await startPeer();
  });
  afterEach(() => peer.close());

  const start = (from: number): ChildProcess =>
    fork(join(import.meta.dirname, "killed-client.ts"), [peer.url, file, String(from)], {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });

  test("nothing that it had kept is missing, and no number is used again", async () => {
    // What the child reports as kept: the number of each message, after it was saved.
    const kept = new Map<number, number>();
    let from = 0;
    for (const kills of [1, 2, 3]) {
      const child = start(from);
      child.on("message", ([seq, n]: [number, number]) => {
        expect(kept.get(seq) ?? n).toBe(n);
        kept.set(seq, n);
      });
      const enough = peer.messages.length + 100;
      await until(() => peer.messages.length >= enough);
      child.kill("SIGKILL");
      await once(child, "exit");
      from = kills * 1_000_000;
    }
    await once(start(-1), "exit");
    const seen = peer.messages.map(([, n]) => n);
    expect(new Set(seen).size).toBe(seen.length);
    for (const n of kept.values()) expect(seen).toContain(n);
    expect(seen).toEqual([...seen].sort((a, b) => (a as number) - (b as number)));
  });
});
