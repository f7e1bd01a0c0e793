/** Does the deployed application lose an order when the network is bad and its server is killed? Its own records decide. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { io } from "gapless-io/client";
import { checkHistory, faultProxy } from "gapless-io/testing";
import { expect, it } from "vitest";

const ORDERS = 200;

it(`${ORDERS} orders through cuts, a half-open connection and two kills: each booked, none lost`, async () => {
  const directory = await mkdtemp(join(tmpdir(), "deployed-"));
  const diary = join(directory, "server.jsonl");
  let server: ChildProcess | undefined;
  let port = 0;
  const start = async () => {
    server = fork(fileURLToPath(new URL("app.ts", import.meta.url)), [join(directory, "app.db"), diary, String(port)], {
      execArgv: ["--import", "tsx"],
    });
    [port] = (await once(server, "message")) as [number];
  };
  await start();
  const proxy = await faultProxy(port);
  const socket = io(`http://127.0.0.1:${proxy.port}`, { reconnectionDelay: 20, reconnectionDelayMax: 100 });
  const lines: string[] = [];
  const record = (line: object) => lines.push(JSON.stringify({ node: "client", t: Date.now(), ...line }));
  record({ type: "begin" });
  socket.on("connect", () => record({ type: "session", session: socket.delivery.session }));
  socket.delivery.on("status", ({ id, status }) => {
    if (status === "acked") record({ type: "acked", id: ids.get(id) });
  });

  const ids = new Map<string, string>();
  const order = async (id: string) => {
    record({ type: "emit", id });
    const answered = new Promise<string>((resolve) => {
      const handle = socket.delivery.emit("order", id, resolve);
      ids.set(handle.id, id);
    });
    expect(await answered).toBe("booked");
    record({ type: "answered", id });
  };

  try {
    const orders: Promise<void>[] = [];
    for (let n = 0; n < ORDERS; n++) {
      orders.push(order(`order-${n}`));
      if (n % 10 === 9) await orders.at(-10);
      if (n % 50 === 20) proxy.cut();
      if (n === 80) proxy.halfOpen();
      if (n % 80 === 60) {
        server?.kill("SIGKILL");
        await start();
      }
    }
    await Promise.all(orders);
    await socket.delivery.outbox.flush();
    const history = [...lines, ...(await readFile(diary, "utf8")).trim().split("\n")];
    expect(checkHistory(history)).toEqual([]);
    expect(history.filter((line) => line.includes('"answered"')).length).toBe(ORDERS);
  } finally {
    socket.delivery.close();
    await proxy.close();
    server?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);
