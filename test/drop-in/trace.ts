/**
 * What each side of a run saw, in words that two runs can be compared by.
 *
 * Rule: nothing is smoothed over but the ids of sockets, which are chance. Counts of arguments, classes of binary values and
 * orders of keys are part of the text. Sequences are kept for each side: what two sides did at the same time has no order.
 */

/** Lines by side. */
export type Trace = Record<string, string[]>;

/** Writes down what happens in one run. */
export class Recorder {
  readonly #lines = new Map<string, string[]>();
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** A line: what happened, how many arguments came with it, and which. */
  note(side: string, what: string, args?: readonly unknown[]): void {
    const lines = this.#lines.get(side) ?? [];
    lines.push(args ? `${what} (${args.length}) ${args.map((arg) => show(arg)).join(", ")}`.trimEnd() : what);
    this.#lines.set(side, lines);
  }

  /** The lines of one side so far. */
  lines(side: string): readonly string[] {
    return this.#lines.get(side) ?? [];
  }

  /** A socket's id is to be read as the name of its client, and which of its connections it was. */
  id(client: string, id: string): void {
    if (this.#names.has(id)) return;
    const count = (this.#counts.get(client) ?? 0) + 1;
    this.#counts.set(client, count);
    this.#names.set(id, `<id ${client}${count === 1 ? "" : ` ${count}`}>`);
  }

  /** Replaces ids by names. */
  named(text: string): string {
    let result = text;
    for (const [id, name] of this.#names) result = result.replaceAll(id, name);
    return result;
  }

  /** Everything, in the order of the sides' names. */
  finish(): Trace {
    const sides = [...this.#lines.keys()].sort();
    return Object.fromEntries(
      sides.map((side) => [side, (this.#lines.get(side) ?? []).map((line) => this.named(line))]),
    );
  }
}

/** A trace as text, for a diff that can be read. */
export function format(trace: Trace): string {
  return Object.entries(trace)
    .map(([side, lines]) => `${side}:\n${lines.map((line) => `  ${line}`).join("\n")}`)
    .join("\n");
}

/** A value in words. Unlike JSON, it tells `undefined` from `null`, and a Buffer from an ArrayBuffer. */
export function show(value: unknown, depth = 0): string {
  if (depth > 20) return "…";
  if (typeof value === "string") return value.length > 300 ? `<${value.length} × ${value[0]}>` : JSON.stringify(value);
  if (typeof value === "function") return "function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof ArrayBuffer) return `ArrayBuffer<${Buffer.from(value).toString("hex")}>`;
  if (ArrayBuffer.isView(value)) {
    const hex = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
    return `${value.constructor.name}<${hex}>`;
  }
  if (value instanceof Date) return `Date<${value.toISOString()}>`;
  if (value instanceof Error) return `${value.name}<${value.message}>${fields({ ...value }, depth)}`;
  if (value instanceof Set) return `Set<${[...value].map((item) => show(item, depth + 1)).join(", ")}>`;
  if (value instanceof Map) {
    return `Map<${[...value].map(([key, item]) => `${show(key)} → ${show(item, depth + 1)}`).join(", ")}>`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => show(item, depth + 1)).join(", ")}]`;
  return fields(value, depth) || "{}";
}

function fields(value: object, depth: number): string {
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${show(item, depth + 1)}`);
  return entries.length === 0 ? "" : `{${entries.join(", ")}}`;
}
