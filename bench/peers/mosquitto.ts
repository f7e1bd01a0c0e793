/**
 * Mosquitto: MQTT with QoS 1 and sessions that outlive their connections.
 *
 * Rule: no queue of the broker is bounded, so that it may not drop; the publisher, which is the application, is a client of the broker in the server's
 * process, and both count. What comes again after a reconnect the client drops.
 */
import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { broker, loaded, missing } from "./broker.ts";
import type { Client, Payload, Peer, Service } from "./peer.ts";

/** What is used of the package. */
interface Mqtt {
  connectAsync(url: string, options: object): Promise<MqttClient>;
}
interface MqttClient {
  readonly stream: Socket;
  on(event: "message", listener: (topic: string, data: Buffer, packet: { readonly dup: boolean }) => void): void;
  on(event: "error", listener: () => void): void;
  once(event: "connect", listener: () => void): void;
  subscribeAsync(topics: readonly string[], options: object): Promise<unknown>;
  publish(topic: string, data: string, options: object): void;
  publishAsync(topic: string, data: string, options: object): Promise<unknown>;
  reconnect(): void;
}

const MQTT = "mqtt";
const QOS = { qos: 1 };
const SETTINGS = { clean: false, reconnectPeriod: 0, keepalive: 120 };
const EVERYBODY = "everybody";
const QUESTIONS = "questions";

/** MQTT QoS 1. */
export const mosquitto: Peer = {
  key: "mosquitto",
  name: "Mosquitto, QoS 1",
  kept: "in the broker's memory",
  can: ["rooms", "replays"],
  missing: () => missing("mosquitto", "mosquitto", [MQTT]),

  async serve(dir): Promise<Service> {
    const config = join(dir, "mosquitto.conf");
    const server = await broker("mosquitto", (port) => {
      const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", "set_tcp_nodelay true"];
      writeFileSync(config, [...lines, "max_queued_messages 0", "max_inflight_messages 1000", ""].join("\n"));
      return ["-c", config];
    });
    const application = await (await loaded<Mqtt>(MQTT)).connectAsync(urlOf(server.port), {
      ...SETTINGS,
      clientId: "app",
    });
    const publish = (topic: string, payload: Payload) => application.publish(topic, JSON.stringify(payload), QOS);
    await application.subscribeAsync([QUESTIONS], QOS);
    return {
      port: server.port,
      pid: server.pid,
      end: server.end,
      publish: (payload) => publish(EVERYBODY, payload),
      publishTo: (room, payload) => publish(`room/${room}`, payload),
      handle: (handler) => application.on("message", (_topic, data) => void handler(JSON.parse(data.toString()))),
    };
  },

  async connect(port, id): Promise<Client> {
    const client = await (await loaded<Mqtt>(MQTT)).connectAsync(urlOf(port), {
      ...SETTINGS,
      clientId: `client-${id}`,
    });
    client.on("error", () => {});
    await client.subscribeAsync([EVERYBODY], QOS);
    let next = 0;
    return {
      listen(listener) {
        client.on("message", (_topic, data, { dup }) => {
          const payload: Payload = JSON.parse(data.toString());
          if (dup && payload.n < next) return;
          next = payload.n + 1;
          listener(payload);
        });
      },
      async ask(payload) {
        await client.publishAsync(QUESTIONS, JSON.stringify(payload), QOS);
        return payload.n;
      },
      join: async (rooms) =>
        void (await client.subscribeAsync(
          rooms.map((room) => `room/${room}`),
          QOS,
        )),
      cut: () => void client.stream.destroy(),
      comeBack: () =>
        new Promise((resolve) => {
          client.once("connect", resolve);
          client.reconnect();
        }),
      pause: () => void client.stream.pause(),
      resume: () => void client.stream.resume(),
    };
  },
};

function urlOf(port: number): string {
  return `mqtt://127.0.0.1:${port}`;
}
