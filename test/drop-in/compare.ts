/**
 * Runs of one script, compared.
 *
 * Rule: a run on wrapped objects has the trace of the run on raw ones, in the same place. What is meant to differ is in
 * {@link INTENDED}, with the reason, as the exact difference: anything else fails.
 */
import { expect } from "vitest";
import { type Making, type Pairing, type Place, type Run, runScript } from "./harness.ts";
import type { Script } from "./scripts/script.ts";
import { format, type Trace } from "./trace.ts";

const all = (making: Making) => () => making;

export const REFERENCE: Pairing = { name: "raw server, raw client", server: "raw", making: all("plain") };
export const WRAPPED_AND_PLAIN: Pairing = {
  name: "wrapped server, plain client",
  server: "memory",
  making: all("plain"),
};
export const BOTH_WRAPPED: Pairing = {
  name: "wrapped server, wrapped client",
  server: "memory",
  making: all("wrapped"),
};
export const BOTH_WRAPPED_SQLITE: Pairing = {
  name: "wrapped server on SQLite, wrapped client",
  server: "sqlite",
  making: all("wrapped"),
};
export const RAW_AND_WRAPPED: Pairing = { name: "raw server, wrapped client", server: "raw", making: all("wrapped") };
export const WRAPPED_AND_IO: Pairing = { name: "wrapped server, io()", server: "memory", making: all("io()") };
/** Wrapped and plain clients take turns. */
export const MIXED: readonly Pairing[] = [
  {
    name: "wrapped server, A wrapped and B plain",
    server: "memory",
    making: (name) => (name === "B" ? "plain" : "wrapped"),
  },
  {
    name: "wrapped server, A plain and B wrapped",
    server: "memory",
    making: (name) => (name === "B" ? "wrapped" : "plain"),
  },
];

/** A difference that is meant to be. */
interface Intended {
  readonly script: string;
  readonly reason: string;
  /** Where it is to be seen. */
  when(pairing: Pairing): boolean;
  /** Makes the raw trace into the one that is expected. */
  edit(trace: Trace, pairing: Pairing): Trace;
}

const bothWrapped = (pairing: Pairing) => pairing.server !== "raw" && pairing.making("A") !== "plain";
const wrappedClient = (pairing: Pairing) => pairing.making("A") !== "plain";

/** The trace with other lines on one side. */
const on =
  (side: string, edit: (lines: readonly string[]) => readonly string[]) =>
  (trace: Trace): Trace => {
    const changed = { ...trace, [side]: [...edit(trace[side] ?? [])] };
    return Object.fromEntries(Object.entries(changed).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
/** Puts a line before the first one that begins like this. */
const before = (start: string, line: string) => (lines: readonly string[]) => {
  const at = lines.findIndex((each) => each.startsWith(start));
  return at < 0 ? [...lines, line] : [...lines.slice(0, at), line, ...lines.slice(at)];
};
const replace = (from: string, to: string) => (lines: readonly string[]) => lines.map((line) => line.replace(from, to));

export const INTENDED: readonly Intended[] = [
  {
    script: "an event without a listener",
    reason: "an event is held until somebody listens (protocol R28)",
    when: bothWrapped,
    edit: (trace) => on("client A", before("e (1) 2", "e (1) 1"))(on("server", before("e (1) 2", "e (1) 1"))(trace)),
  },
  {
    script: "a question that the client's disconnect cuts off",
    reason: "a question outlives the connection: it is answered later, or its time runs out",
    when: bothWrapped,
    edit: (trace) => {
      const edit = replace("socket has been disconnected", "operation has timed out");
      return on("promise", edit)(on("with a time", edit)(trace));
    },
  },
  {
    script: "a room is lost with the connection",
    reason: "a session keeps its rooms",
    when: bothWrapped,
    edit: (trace) =>
      on("client A", (lines) => [...lines, "e (1) 2"])(
        on("server", ([first = "", ...rest]) => [first, ...rest.map(() => "connection (1) 2")])(trace),
      ),
  },
  {
    script: "an emit to a client that is away",
    reason: "that is what replay is for",
    when: bothWrapped,
    edit: on("client A", (lines) => [...lines, 'e (1) "while away"']),
  },
  {
    script: "a socket that the server disconnected, and what is emitted to it",
    reason: "an emit to a socket is for its session, which may come back",
    when: bothWrapped,
    edit: on("client A", (lines) => [...lines, 'e (1) "to nobody"']),
  },
  {
    script: "a second namespace on an open connection",
    reason: "a socket that is wrapped after its CONNECT went out connects anew, once; io() does not need to",
    when: (pairing) => pairing.making("x") === "wrapped",
    edit: on("server", before("connection", "connection")),
  },
  {
    script: "connection state recovery is on",
    reason: "what comes from the log has no offset of Socket.IO's as its last argument",
    when: (pairing) => pairing.server !== "raw" && (wrappedClient(pairing) || pairing.making("B") !== "plain"),
    edit: (trace, pairing) => {
      const edit = (lines: readonly string[]) =>
        lines.map((line) => (line.includes('"local"') ? line : withoutOffset(line)));
      const wrapped = ["A", "B"].filter((name) => pairing.making(name) !== "plain");
      return wrapped.reduce((edited, name) => on(`client ${name}`, edit)(edited), trace);
    },
  },
  {
    script: "a recovered connection",
    reason: "a resumed session is replayed after connect, without offsets",
    when: bothWrapped,
    edit: on("client A", (lines) => {
      const plain = lines.map(withoutOffset);
      return [...plain.slice(0, 3), plain[4] ?? "", plain[3] ?? "", ...plain.slice(5)];
    }),
  },
];

function withoutOffset(line: string): string {
  const match = /^(.*) \((\d+)\) (.*), "offset"$/.exec(line);
  return match ? `${match[1]} (${Number(match[2]) - 1}) ${match[3]}` : line;
}

/** The hello, which a server that is not wrapped leaves in `handshake.auth`. */
const HELLO = /(, )?"\$g": \{[^}]*\}/g;

const references = new Map<string, Promise<Run>>();

function reference(script: Script, place: Place): Promise<Run> {
  const key = `${script.name} ${Object.values(place).join()}`;
  let run = references.get(key);
  if (!run) {
    run = runScript(script, place, REFERENCE);
    references.set(key, run);
  }
  return run;
}

/** Fails unless the script sees the same in both. */
export async function compare(script: Script, place: Place, pairing: Pairing): Promise<void> {
  const { trace: raw } = await reference(script, place);
  const { trace, reports } = await runScript(script, place, pairing);
  let expected = raw;
  for (const intended of INTENDED) {
    if (intended.script === script.name && intended.when(pairing)) expected = intended.edit(expected, pairing);
  }
  let seen = format(trace);
  if (pairing.server === "raw") seen = seen.replace(HELLO, "");
  expect(seen).toBe(format(expected));
  if (!script.reports) expect(reports.map(String)).toEqual([]);
}

/** The name of a comparison. */
export function title(script: Script, place: Place, pairing: Pairing): string {
  return `${script.name}: ${pairing.name}, ${place.client} → ${place.server}, ${place.transport}`;
}
