/**
 * Spoilt frames, through Socket.IO's own parser where it lets them pass, and then through ours.
 *
 * Rule: nothing of ours throws, takes long, takes what is not well-formed, refuses what is, or touches what all objects share.
 * The seed is printed; FUZZ_SEED repeats it, FUZZ_RUNS says how many.
 */
import { describe, expect, it } from "vitest";
import { formatPosition, parsePosition } from "../../src/core/position.ts";
import { FRAME_EVENT, HELLO_KEY, parseServerFrame } from "../../src/core/wire.ts";
import { parseClientFrame, parseHello } from "../../src/server/client-frames.ts";
import { signToken, verifyToken } from "../../src/server/token.ts";
import { chance } from "../chance.ts";
import { isClientFrame, isHello, isServerFrame, type Sample, samples } from "./frames.ts";
import { garble, spoil } from "./mutate.ts";
import { CONNECT, encodeSample, type Packet, Wire } from "./socket-io.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 1_000_000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
/** A bound against work that grows faster than the frame; a frame here is at most 64 KiB. */
const MAX_MS = 5;

const SECRET = new Uint8Array(32).fill(7);
const SESSION = "NTQzMjEwOTg3NjU0MzIxMA";
const shared = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Number.prototype];
const names = () => shared.map((prototype) => Reflect.ownKeys(prototype).map(String).join());

/** What became of the frames. */
const counts = { packets: 0, accepted: 0, refused: 0, slow: 0 };

/** Runs our code; fails when it throws, and when it takes long each of four times. */
function quickly<T>(what: unknown, run: () => T): T {
  let took = Number.POSITIVE_INFINITY;
  for (let attempt = 0; ; attempt++) {
    const began = performance.now();
    const result = run();
    took = Math.min(took, performance.now() - began);
    if (took <= MAX_MS) return result;
    counts.slow++;
    if (attempt === 3) throw new Error(`it takes ${took} ms: ${show(what)}`);
  }
}

function show(what: unknown): string {
  try {
    return JSON.stringify(what)?.slice(0, 2_000) ?? String(what);
  } catch {
    return String(what);
  }
}

/** What our parsers say of a frame is what the page says. */
function checkFrame(raw: readonly unknown[]): void {
  const [client, server] = quickly(raw, () => [parseClientFrame(raw), parseServerFrame(raw)] as const);
  if ((client !== undefined) !== isClientFrame(raw)) throw new Error(`a client's frame, or not: ${show(raw)}`);
  if ((server !== undefined) !== isServerFrame(raw)) throw new Error(`a server's frame, or not: ${show(raw)}`);
  if (client && !isClientFrame(client)) throw new Error(`what was made of ${show(raw)} is no frame: ${show(client)}`);
  if (client || server) counts.accepted++;
  else counts.refused++;
}

function checkHello(raw: unknown): void {
  const hello = quickly(raw, () => {
    const parsed = parseHello(raw);
    if (parsed?.token !== undefined && verifyToken(SECRET, parsed.token, parsed.session ?? "", null) !== undefined) {
      throw new Error(`a token nobody signed: ${parsed.token}`);
    }
    return parsed;
  });
  if ((hello !== undefined) !== isHello(raw)) throw new Error(`a hello, or not: ${show(raw)}`);
  if (hello && (!isHello(hello) || Object.getPrototypeOf(hello) !== Object.prototype)) {
    throw new Error(`what was made of ${show(raw)} is no hello: ${show(hello)}`);
  }
  if (hello) counts.accepted++;
  else counts.refused++;
}

function checkPacket({ type, data }: Packet): void {
  counts.packets++;
  if (type === CONNECT) checkHello((data as Record<string, unknown> | undefined)?.[HELLO_KEY]);
  else if (Array.isArray(data)) checkFrame(data[0] === FRAME_EVENT ? data.slice(1) : data);
  else checkHello(data);
}

describe(`spoilt frames (FUZZ_SEED=${SEED})`, () => {
  const originals = samples();

  it("are real ones before they are spoilt", () => {
    const wire = new Wire();
    for (const sample of originals) {
      const [packet] = wire.receive(encodeSample(sample));
      const { accepted } = counts;
      checkPacket(packet as Packet);
      expect(counts.accepted, show(sample)).toBe(accepted + 1);
    }
  });

  it(
    `${RUNS.toLocaleString("en")} of them: nothing throws, takes long, is let in or pollutes`,
    () => {
      const random = chance(SEED);
      const before = names();
      const wire = new Wire();
      const texts = originals.map(encodeSample);
      for (let run = 0; run < RUNS; run++) {
        const which = random(originals.length);
        const sample = originals[which] as Sample;
        const way = random(10);
        try {
          if (way < 5) {
            const [head = "", ...attachments] = texts[which] as [string, ...Buffer[]];
            for (const packet of wire.receive([garble(head, random), ...attachments])) checkPacket(packet);
          } else {
            const spoilt = spoil(structuredCopy(sample.value), random, way > 7);
            if (way > 7) {
              if (sample.from === "hello") checkHello(spoilt);
              else checkFrame(Array.isArray(spoilt) ? spoilt : [spoilt]);
            } else {
              const value = sample.from === "hello" || Array.isArray(spoilt) ? spoilt : [spoilt];
              for (const packet of wire.receive(encodeSample({ from: sample.from, value }))) checkPacket(packet);
            }
          }
        } catch (error) {
          throw new Error(`FUZZ_SEED=${SEED}, run ${run}: ${(error as Error).message}`, { cause: error });
        }
        if (run % 10_000 === 0) expect(names()).toEqual(before);
      }
      expect(names()).toEqual(before);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      if (process.env.REPORT)
        console.log(JSON.stringify({ seed: SEED, runs: RUNS, refusedByDecoder: wire.refused, ...counts }));
      // Both halves of what is to be shown did happen.
      expect(counts.accepted).toBeGreaterThan(RUNS / 50);
      expect(counts.refused).toBeGreaterThan(RUNS / 50);
      expect(wire.refused).toBeGreaterThan(RUNS / 50);
    },
    60_000 + RUNS / 10,
  );

  it("of any length: work grows with the frame, not faster", () => {
    const fill = (length: number, item: unknown) => Array.from({ length }, () => item);
    const entries = (length: number) => Array.from({ length }, (_, i) => [i + 1, "x", ["e"]]);
    const frames: Record<string, (length: number) => unknown[]> = {
      messages: (length) => ["m", 0, fill(length, [1, "x", 0, ["e"]])],
      "no messages": (length) => ["m", 0, fill(length, [0])],
      entries: (length) => [1, "b", 10_000, entries(length)],
      "no entries": (length) => [1, "b", 10_000, [...entries(length), [0]]],
      settled: (length) => [1, "a", 5, 5, fill(length, 3), []],
      text: (length) => ["h", { room: "r".repeat(length), limit: 1 }],
    };
    const tookMs = (frame: unknown[]) => {
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 7; i++) {
        const began = performance.now();
        parseClientFrame(frame);
        parseServerFrame(frame);
        least = Math.min(least, performance.now() - began);
      }
      return least;
    };
    for (const [name, frame] of Object.entries(frames)) {
      const [short, long] = [tookMs(frame(1_000)), tookMs(frame(9_000))];
      // Nine times as long; four times that is noise, nine times that would be a square.
      expect(long / Math.max(short, 0.05), name).toBeLessThan(36);
    }
  });

  it("of tokens and positions: none is taken that was not given", () => {
    const random = chance(SEED + 1);
    const token = signToken(SECRET, SESSION, 12, "user");
    const position = formatPosition({ epoch: "01BX5ZZKBKACTAV9WEVGEMMVRZ", offset: 2 ** 32 + 5 });
    expect(verifyToken(SECRET, token, SESSION, "user")).toBe(12);
    expect(formatPosition(parsePosition(position) as NonNullable<ReturnType<typeof parsePosition>>)).toBe(position);
    const mac = (text: string) => Buffer.from(text.slice(text.indexOf(".") + 1), "base64url").toString("base64url");
    for (let run = 0; run < RUNS / 10; run++) {
      const spoilt = random(50) === 0 ? garble(token.repeat(1 + random(400)), random) : garble(token, random);
      const generation = quickly(spoilt, () => verifyToken(SECRET, spoilt, SESSION, "user"));
      // The same generation and the same bytes may be written in more than one way.
      if (generation !== undefined && (generation !== 12 || mac(spoilt) !== mac(token))) {
        throw new Error(`FUZZ_SEED=${SEED}, run ${run}: taken for generation ${generation}: ${spoilt}`);
      }
      const text = random(50) === 0 ? garble(position.repeat(1 + random(400)), random) : garble(position, random);
      const parsed = quickly(text, () => parsePosition(random(20) === 0 ? { text } : text));
      if (parsed && (!Number.isSafeInteger(parsed.offset) || parsed.offset < 0 || parsed.epoch === "")) {
        throw new Error(`FUZZ_SEED=${SEED}, run ${run}: ${show(parsed)} is no position: ${text}`);
      }
    }
  }, 60_000);
});

/** A copy that can be spoilt; attachments stay what they are. */
function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCopy(item)]));
}
