/**
 * NATS JetStream: a stream in a file, and a durable consumer with explicit acknowledgements for each client.
 *
 * Rule: defaults of the server and of the consumers; the publisher, which is the application, is a client in the server's process, and both count.
 * What comes again after a reconnect the client drops.
 */
import type { Socket } from "node:net";
import { broker, loaded, missing } from "./broker.ts";
import type { Client, Payload, Peer, Service } from "./peer.ts";

/** What is used of the package. */
interface Nats {
  connect(options: object): Promise<Connection>;
}
interface Connection {
  readonly protocol: { readonly transport: { readonly socket: Socket } };
  publish(subject: string, data: string): void;
  jetstream(): JetStream;
  jetstreamManager(): Promise<Manager>;
}
interface JetStream {
  publish(subject: string, data: string): Promise<unknown>;
  readonly consumers: { get(stream: string, name: string): Promise<{ consume(): Promise<AsyncIterable<Message>> }> };
}
interface Manager {
  readonly streams: { add(options: object): Promise<unknown> };
  readonly consumers: { add(stream: string, options: object): Promise<unknown> };
}
interface Message {
  readonly seq: number;
  string(): string;
  ack(): void;
}

const NATS = "nats";
const EVERYBODY = "everybody";
const QUESTIONS = "questions";

/** JetStream. */
export const nats: Peer = {
  key: "nats",
  name: "NATS JetStream",
  kept: "in the broker's file, not flushed",
  can: ["replays"],
  missing: () => missing("nats-server", "nats-server", [NATS]),

  async serve(dir): Promise<Service> {
    const server = await broker("nats-server", (port) => ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", dir]);
    const connection = await open(server.port);
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: EVERYBODY, subjects: [EVERYBODY], storage: "file" });
    await manager.streams.add({ name: QUESTIONS, subjects: [QUESTIONS], storage: "file" });
    let answer: (payload: Payload) => number = () => -1;
    await follow(connection, QUESTIONS, "app", (payload) => void answer(payload));
    return {
      port: server.port,
      pid: server.pid,
      end: server.end,
      publish: (payload) => connection.publish(EVERYBODY, JSON.stringify(payload)),
      handle(handler) {
        answer = handler;
      },
    };
  },

  async connect(port, id): Promise<Client> {
    let connection = await open(port);
    let listener: (payload: Payload) => void = () => {};
    let last = 0;
    const take = (payload: Payload, seq: number) => {
      if (seq <= last) return;
      last = seq;
      listener(payload);
    };
    await follow(connection, EVERYBODY, `client-${id}`, take);
    return {
      listen(next) {
        listener = next;
      },
      async ask(payload) {
        await connection.jetstream().publish(QUESTIONS, JSON.stringify(payload));
        return payload.n;
      },
      cut: () => void connection.protocol.transport.socket.destroy(),
      async comeBack() {
        connection = await open(port);
        await follow(connection, EVERYBODY, `client-${id}`, take);
      },
      pause: () => void connection.protocol.transport.socket.pause(),
      resume: () => void connection.protocol.transport.socket.resume(),
    };
  },
};

async function open(port: number): Promise<Connection> {
  return (await loaded<Nats>(NATS)).connect({ servers: `127.0.0.1:${port}`, reconnect: false });
}

/** Hands over what a durable consumer gets, from where it was. */
async function follow(
  connection: Connection,
  stream: string,
  name: string,
  take: (payload: Payload, seq: number) => void,
): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.consumers.add(stream, { durable_name: name, ack_policy: "explicit", deliver_policy: "all" });
  const consumer = await connection.jetstream().consumers.get(stream, name);
  const messages = await consumer.consume();
  void (async () => {
    for await (const message of messages) {
      message.ack();
      take(JSON.parse(message.string()), message.seq);
    }
  })().catch(() => {});
}
