/**
 * The engine behind `redis()`: two connections, one for steps and one for the tail, and a script for each kind of step.
 *
 * Rule: every script is told the epoch that this store is in, and of every writer how far its batches are known to be kept. So a log that
 * was emptied, replaced or has lost its end is noticed in the step itself, whatever happened on the way to it.
 */
import { randomBytes } from "node:crypto";
import { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import { checkBatch, outcomesAgain } from "./batch.ts";
import { PageBuilder } from "./page.ts";
import { decodeLetter, decodeRow, decodeSession, encodeBatch, list, number, text } from "./redis-codec.ts";
import { redisError, saidBy } from "./redis-error.ts";
import * as scripts from "./redis-scripts.ts";
import { levelOf } from "./redis-server.ts";
import { RedisTail, type TailHost } from "./redis-tail.ts";
import { isRefusal, type RedisClient, RedisConnection, type Reply } from "./redis-wire.ts";
import type {
  CommitId,
  DeadLetter,
  Durability,
  Entry,
  LogState,
  Operation,
  Outcome,
  Page,
  ReadQuery,
  Retention,
  Store,
  StoredSession,
  Tail,
} from "./store.ts";

/** Rows in one page at most, so that no script holds Redis up for long. */
const PAGE = 1_000;
/** Writers that were not heard of for so long are forgotten: thirty days, in milliseconds. */
const WRITER_MS = 30 * 86_400_000;

/** Digits of an epoch that count the lives of the log. */
const ORDINAL = 8;

/** What the store was told. */
export interface RedisSettings {
  readonly prefix: string;
  readonly replicas: number;
  readonly replicaTimeoutMs: number;
  readonly timeoutMs: number;
}

/** A store in Redis. {@link redis} makes it. */
export class RedisStore implements Store, TailHost {
  readonly shared = true;
  readonly logKey: string;
  /** The connection of the tails. */
  readonly connection: RedisConnection;
  readonly #steps: RedisConnection;
  readonly #settings: RedisSettings;
  readonly #metaKey: string;
  readonly #tails = new Set<RedisTail>();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Of each writer here, the number of its last batch that is kept, and when it was. */
  readonly #kept = new Map<string, { readonly number: number; readonly at: number }>();
  #durability: Durability = "memory";
  #replaced: ((log: LogState) => void) | undefined;
  #log: LogState | undefined;
  #renewing: Promise<void> | undefined;
  #state: "new" | "open" | "closed" = "new";

  constructor(client: RedisClient, settings: RedisSettings) {
    this.#settings = settings;
    const base = /\{.+\}/.test(settings.prefix) ? settings.prefix : `{${settings.prefix}}`;
    this.#metaKey = `${base}:meta`;
    this.logKey = `${base}:log`;
    this.#steps = new RedisConnection(client, settings.timeoutMs, async (wire) => {
      this.#durability = await levelOf(wire, settings.replicas);
    });
    this.connection = new RedisConnection(client, settings.timeoutMs, async () => {});
  }

  get epoch(): string {
    return this.#requireOpen().epoch;
  }

  get durability(): Durability {
    return this.#durability;
  }

  async open(replaced?: (log: LogState) => void): Promise<LogState> {
    if (this.#state !== "new") throw new DeliveryError("INVALID", "the store was opened before. Make a new one.");
    this.#replaced = replaced;
    this.#log = await this.#opened().catch((error: unknown) => {
      const { cause } = error as Error;
      if (isRefusal(cause) || !(cause instanceof Error)) throw error;
      // Whether an opening was done does not matter to one who opens again.
      const said = `Redis cannot be reached: ${saidBy(cause)}. Nothing was kept; try again soon.`;
      throw new DeliveryError("STORE_BUSY", said, { cause });
    });
    this.#state = "open";
    return this.#log;
  }

  async #opened(before?: LogState): Promise<LogState> {
    const forgotten = Date.now() - WRITER_MS;
    const fresh = [epochAfter(before?.epoch), randomBytes(32).toString("hex"), `${forgotten}`];
    try {
      const [epoch, secret, head, floor] = list(await this.#run(scripts.OPEN, fresh));
      return {
        epoch: text(epoch),
        secret: new Uint8Array(Buffer.from(text(secret), "hex")),
        head: number(head),
        floor: number(floor),
      };
    } catch (error) {
      throw redisError(error, "opening the store");
    }
  }

  async commit(batch: readonly Operation[], id?: CommitId): Promise<readonly (Outcome | undefined)[]> {
    this.#requireOpen();
    checkBatch(batch);
    if (batch.length === 0) return [];
    const kept = id && this.#kept.get(id.writer);
    const known = kept && Date.now() - kept.at < WRITER_MS / 2 ? kept.number : 0;
    const args = [id?.writer ?? "", `${id?.number ?? 0}`, `${known}`, ...encodeBatch(batch)];
    const reply = await this.#ask("the commit", scripts.COMMIT, args, this.#settings.replicas > 0);
    if (id) this.#kept.set(id.writer, { number: id.number, at: Date.now() });
    const [how, before, results] = list(reply);
    const headBefore = number(before);
    return text(how) === "again"
      ? again(batch, headBefore, list(results))
      : list(results).map((result, i) => outcomeOf(result, batch[i]?.kind === "append"));
  }

  async read(query: ReadQuery): Promise<Page> {
    const limit = Math.max(1, Math.min(query.limit, PAGE));
    const page = new PageBuilder({ ...query, limit });
    const keys = query.keys.flatMap(({ key, after, upTo }) => [key, `${after}`, `${upTo}`]);
    const bounds = [
      `${limit}`,
      `${Math.min(query.maxBytes, Number.MAX_SAFE_INTEGER)}`,
      query.reverse === true ? "1" : "0",
    ];
    const [floor, head, rows] = list(await this.#ask("reading the log", scripts.READ, [...bounds, ...keys]));
    for (const row of list(rows)) {
      const { offset, entry } = decodeRow(row);
      if (!page.take(offset, entry)) break;
    }
    return page.finish(number(floor), number(head));
  }

  tail(after: Offset, sink: (entries: readonly Entry[]) => void): Tail {
    const { head } = this.#requireOpen();
    const tail = new RedisTail(this, after, after === head, sink);
    this.#tails.add(tail);
    return {
      stop: () => {
        tail.stop();
        this.#tails.delete(tail);
      },
    };
  }

  async bounds(): Promise<{ readonly head: Offset; readonly floor: Offset }> {
    const [floor, head] = list(await this.#ask("reading the log", scripts.BOUNDS, []));
    return { floor: number(floor), head: number(head) };
  }

  async check(offset: Offset, id: string): Promise<"match" | "trimmed" | "forked"> {
    return text(await this.#ask("reading the log", scripts.CHECK, [`${offset}`, id])) as "match" | "trimmed" | "forked";
  }

  async session(id: string): Promise<StoredSession | undefined> {
    return decodeSession(await this.#ask("reading a session", scripts.SESSION, [id]));
  }

  async sessions(after: string, limit: number): Promise<readonly StoredSession[]> {
    const found = list(await this.#ask("reading sessions", scripts.SESSION_PAGE, [after, `${Math.min(limit, PAGE)}`]));
    return found.flatMap((session) => decodeSession(session) ?? []);
  }

  async sessionsOf(principal: string): Promise<{ readonly count: number; readonly oldest: string | undefined }> {
    const [count, oldest] = list(await this.#ask("reading sessions", scripts.SESSIONS_OF, [principal]));
    return { count: number(count), oldest: oldest ? text(oldest) : undefined };
  }

  async expire(seenBefore: number, limit: number): Promise<number> {
    return number(await this.#ask("forgetting sessions", scripts.EXPIRE, [`${seenBefore}`, `${limit}`]));
  }

  async trim(
    { maxAgeMs, maxEntries, maxBytes }: Retention,
    now: number,
    limit: number,
  ): Promise<{ readonly floor: Offset; readonly more: boolean }> {
    const bounds = [now - maxAgeMs, maxEntries, maxBytes].map((bound) =>
      String(Math.max(-Number.MAX_SAFE_INTEGER, Math.min(bound, Number.MAX_SAFE_INTEGER))),
    );
    const reply = await this.#ask("trimming the log", scripts.TRIM, [...bounds, `${limit}`]);
    const [floor, more] = list(reply);
    return { floor: number(floor), more: number(more) === 1 };
  }

  async deadLetters(after: string, limit: number): Promise<readonly DeadLetter[]> {
    const bound = `${Math.min(limit, PAGE)}`;
    return list(await this.#ask("reading dead letters", scripts.LETTERS, [after, bound])).map(decodeLetter);
  }

  async usage(): Promise<{ entries: number; bytes: number; sessions: number; deadLetters: number }> {
    const counts = list(await this.#ask("reading the usage", scripts.USAGE, [])).map(number);
    const [entries = 0, bytes = 0, sessions = 0, deadLetters = 0] = counts;
    return { entries, bytes, sessions, deadLetters };
  }

  async close(): Promise<void> {
    this.#state = "closed";
    for (const tail of this.#tails) tail.stop();
    this.#tails.clear();
    this.connection.close();
    await Promise.allSettled(this.#underWay);
    this.#steps.close();
  }

  rolledBack(): Promise<void> {
    return this.#renew(this.#requireOpen(), true);
  }

  /** Runs a script in the present life of the log. When that is over, so is everybody who was told of it. */
  async #ask(
    doing: string,
    script: scripts.Script,
    args: readonly (string | Buffer)[],
    counted = false,
  ): Promise<Reply> {
    const log = this.#requireOpen();
    const asked = this.#run(script, [log.epoch, ...args], counted);
    this.#underWay.add(asked);
    try {
      const reply = await asked;
      // What was found in the life before is nothing to build on, also when others have noticed its end while the answer was on its way.
      if (this.#log !== log) throw replaced(doing);
      return reply;
    } catch (error) {
      const said = error instanceof Error ? error.message : "";
      const lost = said.startsWith(scripts.ROLLED_BACK);
      if (lost || said.startsWith(scripts.REPLACED)) {
        await this.#renew(log, lost);
        throw replaced(doing, error);
      }
      throw redisError(error, doing);
    } finally {
      this.#underWay.delete(asked);
    }
  }

  /** @param counted Whether it counts only when enough replicas have it. */
  async #run(script: scripts.Script, args: readonly (string | Buffer)[], counted = false): Promise<Reply> {
    const { replicas, replicaTimeoutMs } = this.#settings;
    const wait = counted ? [["WAIT", `${replicas}`, `${replicaTimeoutMs}`]] : [];
    const rest = ["1", this.#metaKey, ...args];
    const send = (how: readonly string[]) =>
      this.#steps.send(this.#metaKey, [[...how, ...rest], ...wait], counted ? replicaTimeoutMs : 0);
    const [reply = null, reached] = await send(["EVALSHA", script.sha]).catch((error: unknown) => {
      // Nothing was done: Redis was started again since it was told the script, or never knew it.
      if (error instanceof Error && error.message.startsWith("NOSCRIPT")) return send(["EVAL", script.text]);
      throw error;
    });
    if (counted && number(reached) < replicas) {
      throw new Error(`only ${number(reached)} of ${replicas} replicas had it within ${replicaTimeoutMs} ms`);
    }
    return reply;
  }

  /** Begins another life of the log, once for all who notice. @param lost Whether it is still under its epoch, without its end. */
  #renew(ended: LogState, lost: boolean): Promise<void> {
    if (this.#log !== ended) return this.#renewing ?? Promise.resolve();
    this.#renewing ??= (async () => {
      try {
        if (lost) await this.#run(scripts.RENEW, [ended.epoch, epochAfter(ended.epoch)]);
        let log = await this.#opened(ended);
        // What was lost may go back beyond the beginning of the life that was known here: that one is over all the same.
        while (ordinal(log.epoch) < ordinal(ended.epoch)) {
          await this.#run(scripts.RENEW, [log.epoch, epochAfter(ended.epoch)]);
          log = await this.#opened(ended);
        }
        this.#log = log;
        this.#kept.clear();
        for (const tail of this.#tails) tail.stop();
        this.#tails.clear();
        this.#replaced?.(log);
      } finally {
        this.#renewing = undefined;
      }
    })();
    return this.#renewing;
  }

  #requireOpen(): LogState {
    if (this.#state === "open" && this.#log) return this.#log;
    throw new DeliveryError("CLOSED", "the store is not open. Nothing was kept; open it first, or make a new one.");
  }
}

/** A name for the life that follows: which one it is, eight hex digits, and chance, because others may begin one at the same moment. */
function epochAfter(before: string | undefined): string {
  const next = before === undefined ? 1 : ordinal(before) + 1;
  return next.toString(16).padStart(ORDINAL, "0") + randomBytes(8).toString("hex");
}

/** Which life of a log it is. A lower one than was known before is one that Redis has gone back to. */
function ordinal(epoch: string): number {
  return Number.parseInt(epoch.slice(0, ORDINAL), 16);
}

function replaced(doing: string, cause?: unknown): DeliveryError {
  return new DeliveryError(
    "STORE_REPLACED",
    `${doing} failed: the log was replaced, or has lost its end. It has a new epoch now, and what was under way is not in it.`,
    { cause },
  );
}

/** What came of one operation, as the script tells it. */
function outcomeOf(result: Reply, appended: boolean): Outcome | undefined {
  if (result === null) return undefined;
  if (!Array.isArray(result)) return { offset: number(result) };
  const [offset, more] = list(result);
  if (appended) return { offset: number(offset), duplicate: number(more) === 1 };
  const session = decodeSession(more);
  return session && { offset: number(offset), session };
}

/** The outcomes of a batch that was performed before. */
function again(batch: readonly Operation[], headBefore: Offset, found: readonly Reply[]): (Outcome | undefined)[] {
  const offsets = new Map<string, Offset>();
  const sessions = new Map<string, StoredSession | undefined>();
  for (const [i, operation] of batch.entries()) {
    const reply = found[i] ?? null;
    if (operation.kind === "append") {
      if (reply !== null) offsets.set(operation.entry.id, number(reply));
    } else if ("session" in operation) sessions.set(operation.session, decodeSession(reply));
  }
  return outcomesAgain(batch, {
    headBefore,
    offsetOf: (entry) => offsets.get(entry),
    session: (name) => sessions.get(name),
  });
}
