/**
 * Spoils frames: their text byte by byte, and their values one by one.
 *
 * Rule: everything follows from the seed. What is made stays small enough (64 KiB) for a bound on time to mean something.
 */

import { type Chance, pick } from "../chance.ts";

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  1e-7,
  10,
  511,
  512,
  10_000,
  10_001,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 3,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
];
const TEXTS = [
  "",
  "$g",
  "m",
  "a",
  "b",
  "w",
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "length",
  "0",
  "-0",
  "1e3",
  "NaN",
  "\u0000",
  "\ud800",
  "\udfff\ud800",
  "\u2028",
  "😀",
  "é".repeat(300),
  "x".repeat(201),
  "x".repeat(20_000),
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "1.AAAA",
];

/** Stands for something nested so deep that no encoder would make it, and not so deep that it is too much for Socket.IO. See {@link deepen}. */
const DEEP = "\u0001deep";

/** Puts it into a text. */
export function deepen(text: string): string {
  return text.replaceAll('"\\u0001deep"', `${'[{"a":'.repeat(1_000)}0${"}]".repeat(1_000)}`);
}

/** What JSON can carry, and no frame is meant to. */
function nasty(random: Chance): unknown {
  switch (random(12)) {
    case 0:
      return null;
    case 1:
      return random(2) === 0;
    case 2:
    case 3:
    case 4:
      return pick(random, NUMBERS);
    case 5:
    case 6:
      return pick(random, TEXTS);
    case 7:
      return [];
    case 8:
      return {};
    case 9:
      return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"v":1}');
    case 10:
      return random(50) === 0 ? DEEP : [[[]]];
    default:
      return { _placeholder: true, num: pick(random, [0, 1, -1, 1e9]) };
  }
}

/** What only a parser other than JSON can give. */
function strange(random: Chance): unknown {
  return pick<() => unknown>(random, [
    () => Number.NaN,
    () => Number.POSITIVE_INFINITY,
    () => undefined,
    () => 5n,
    () => Symbol("s"),
    () => () => {},
    () => new Date(Number.NaN),
    () => new Map([[0, 1]]),
    () => new Uint8Array(3),
    () => Object.create(null),
    () => deep(pick(random, [10, 200, 3_000])),
    () => new Number(1),
    () => new String("m"),
    () => {
      const sparse: unknown[] = [];
      sparse[pick(random, [1, 5, 200])] = 1;
      return sparse;
    },
    () => Object.assign([1, "x", 1, ["e"]], { extra: 1 }),
  ])();
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

type Holder = Record<PropertyKey, unknown>;

/** Changes one to four places of a value, and answers it. @param strangely Also to what is no JSON. */
export function spoil(value: unknown, random: Chance, strangely: boolean): unknown {
  const root = { value };
  for (let times = 1 + random(4) * random(2); times > 0; times--) spoilOne(root, random, strangely);
  return root.value;
}

function spoilOne(root: { value: unknown }, random: Chance, strangely: boolean): void {
  let holder = root as unknown as Holder;
  let key: string = "value";
  // Half of all changes are at the top: types and positions matter most there.
  for (let depth = random(7); depth > 0; depth--) {
    const next = holder[key];
    if (typeof next !== "object" || next === null || !(Array.isArray(next) || isPlain(next))) break;
    const keys = Object.keys(next);
    if (keys.length === 0) break;
    holder = next as Holder;
    key = pick(random, keys);
  }
  const old = holder[key];
  const list = Array.isArray(holder) ? (holder as unknown[]) : undefined;
  switch (random(9)) {
    case 0:
      if (list) list.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (list) list.splice(Number(key), 0, old);
      else put(holder, pick(random, TEXTS), old);
      break;
    case 2:
      holder[key] = [old];
      break;
    case 3:
      if (typeof old === "number")
        holder[key] = pick(random, [-old, old + 0.5, old * 2 ** 40, old - 1, old + 1, String(old)]);
      else if (typeof old === "string")
        holder[key] = pick(random, [old.slice(1), old + old, old.toUpperCase(), `${old}\u0000`]);
      else holder[key] = nasty(random);
      break;
    case 4:
      if (list) list.reverse();
      else put(holder, "__proto__", { polluted: 1 });
      break;
    case 5:
      if (list) list.push(...Array.from({ length: random(20) === 0 ? 60 : 2 }, () => old));
      else put(holder, pick(random, TEXTS), nasty(random));
      break;
    default:
      holder[key] = strangely && random(2) === 0 ? strange(random) : nasty(random);
  }
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** Sets a property of any name, "__proto__" too. */
function put(target: Holder, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

const BITS = [
  '"',
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  "-",
  ".",
  "e",
  "\\",
  "0",
  "9",
  "null",
  "true",
  "\u0000",
  "\ufeff",
  "\ud800",
  "__proto__",
  "1e999",
];

/** Changes one to four places of a text. */
export function garble(text: string, random: Chance): string {
  let spoilt = text;
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(spoilt.length + 1);
    const [before, after] = [spoilt.slice(0, at), spoilt.slice(at)];
    switch (random(6)) {
      case 0:
        spoilt = before + after.slice(1 + random(3));
        break;
      case 1:
        spoilt = before + pick(random, BITS) + after;
        break;
      case 2:
        spoilt = before + pick(random, BITS) + after.slice(1);
        break;
      case 3:
        spoilt = before + String.fromCharCode(after.charCodeAt(0) ^ (1 << random(7))) + after.slice(1);
        break;
      case 4:
        spoilt = before + after.slice(0, 1 + random(12)).repeat(2) + after;
        break;
      default:
        spoilt = random(4) === 0 ? before : after.length > 1 ? before + after[1] + after[0] + after.slice(2) : before;
    }
  }
  return spoilt;
}
