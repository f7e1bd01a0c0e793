/**
 * Makes up the history of a run in which everything went right, faults included.
 *
 * Rule: it is a run, not a list of lines: a log, members, cursors and outboxes move, and each step writes down what a node
 * would have. It shares nothing with the checker but the words.
 */

import { chance } from "../chance.ts";

/** A line before it is text. */
export type Line = Record<string, unknown>;

interface Entry {
  readonly id: string;
  readonly offset: number;
  readonly for: ReadonlySet<Client>;
}

interface Client {
  readonly node: string;
  session: string;
  readonly rooms: Set<string>;
  /** Handled up to here, and kept up to here: indexes in the log. */
  at: number;
  kept: number;
  /** Emits that are not settled. */
  readonly outbox: string[];
  readonly emitted: string[];
}

const ROOMS = ["r", "q"];

/** A random run: `steps` steps, then everything arrives. */
export function randomRun(seed: number, steps: number): Line[] {
  const random = chance(seed);
  const lines: Line[] = [{ node: "s", type: "begin" }];
  const log: Entry[] = [];
  const clients: Client[] = [];
  let t = 0;
  let offset = 0;
  let count = 0;
  let sessions = 0;
  const say = (line: Line) => lines.push({ ...line, t: ++t });

  const enter = (client: Client) => {
    client.session = `S${++sessions}`;
    client.rooms.clear();
    client.at = log.length;
    client.kept = log.length;
    say({ node: client.node, type: "session", session: client.session });
    for (const room of ROOMS) if (random(3) > 0) toggle(client, room);
  };
  const toggle = (client: Client, room: string) => {
    const leaves = client.rooms.delete(room);
    if (!leaves) client.rooms.add(room);
    say({ node: "s", type: leaves ? "leave" : "join", session: client.session, room });
  };
  const publish = () => {
    const id = `p${++count}`;
    const to = random(4) === 0 ? ROOMS : [ROOMS[random(2)] as string];
    const except = random(6) === 0 ? [ROOMS[random(2)] as string] : [];
    say({ node: "s", type: "publish", id, to, except, data: id });
    const fate = random(10);
    if (fate === 0) {
      say({ node: "s", type: "refused", id });
      return;
    }
    const entitled = clients.filter(
      ({ rooms }) => to.some((room) => rooms.has(room)) && !except.some((room) => rooms.has(room)),
    );
    offset += 1 + random(3);
    log.push({ id, offset, for: new Set(entitled) });
    // Otherwise the acknowledgement is never heard of.
    if (fate > 1) say({ node: "s", type: "published", id, offset });
  };
  const read = (client: Client) => {
    for (; client.at < log.length; client.at++) {
      const entry = log[client.at] as Entry;
      if (!entry.for.has(client)) continue;
      say({ node: client.node, type: "handled", id: entry.id, offset: entry.offset, data: entry.id });
      client.at++;
      if (random(2) === 0) client.kept = client.at;
      return;
    }
    client.kept = log.length;
  };
  const emit = (client: Client) => {
    const id = `e${++count}`;
    say({ node: client.node, type: "emit", id, data: id });
    client.outbox.push(id);
    client.emitted.push(id);
  };
  const serve = (client: Client) => {
    const id = client.outbox[0];
    if (id === undefined) return;
    say({ node: "s", type: "handled", id, session: client.session, data: id });
    if (random(8) === 0) {
      // Killed before it was settled: the next life handles it again.
      killServer();
      return;
    }
    client.outbox.shift();
    say({ node: client.node, type: "answered", id });
    say({ node: client.node, type: "acked", id });
  };
  const killServer = () => {
    say({ node: "s", type: "begin" });
    // What was open is found again as it was.
    for (const { session, rooms } of clients) say({ node: "s", type: "rooms", session, rooms: [...rooms] });
  };
  const killClient = (client: Client) => {
    const kept = random(2) === 0;
    say({ node: client.node, type: "begin", kept });
    if (kept) {
      client.at = client.kept;
      return;
    }
    client.outbox.length = 0;
    // Entries name clients; the old reader is another one than the new.
    clients[clients.indexOf(client)] = { ...client, rooms: new Set(), outbox: [], emitted: [] };
    enter(clients.find(({ node }) => node === client.node) as Client);
  };

  for (const node of ["a", "b", "c"]) {
    const client: Client = { node, session: "", rooms: new Set(), at: 0, kept: 0, outbox: [], emitted: [] };
    say({ node, type: "begin" });
    clients.push(client);
    enter(client);
  }
  for (let i = 0; i < steps; i++) {
    const client = clients[random(clients.length)] as Client;
    const step = random(40);
    if (step < 12) publish();
    else if (step < 24) read(client);
    else if (step < 29) emit(client);
    else if (step < 34) serve(client);
    else if (step < 37) toggle(client, ROOMS[random(2)] as string);
    else if (step < 38) killServer();
    else if (step < 39) killClient(client);
  }
  for (const client of clients) {
    while (client.outbox.length > 0) serve(client);
    while (client.at < log.length) read(client);
  }
  return lines;
}
