import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { namespaceKey, roomKey, roomOf, sessionKey } from "../../src/server/audience.ts";
import { Codec } from "../../src/server/codec.ts";
import { derivedId, newSessionId, signToken, ULID, verifyToken } from "../../src/server/token.ts";

const limits = { payloadBytes: 1e6, depth: 200 };

describe("the codec", () => {
  it("gives back what JSON gives back", () => {
    const codec = new Codec(limits, true);
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 }), { minLength: 1 }), (args) => {
        expect(codec.decode(codec.encode(args))).toEqual(JSON.parse(JSON.stringify(args)));
      }),
    );
  });

  it("gives back binary arguments wherever they stand", () => {
    const codec = new Codec(limits, true);
    const bytes = fc.uint8Array({ maxLength: 20 });
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.string(),
        bytes,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    const buffered = (given: unknown): unknown => {
      if (given instanceof Uint8Array) return Buffer.from(given);
      if (Array.isArray(given)) return given.map(buffered);
      if (typeof given !== "object" || given === null) return given;
      return Object.fromEntries(Object.entries(given).map(([key, item]) => [key, buffered(item)]));
    };
    const count = (given: unknown): number =>
      given instanceof Uint8Array
        ? 1
        : typeof given === "object" && given !== null
          ? Object.values(given).reduce((sum: number, item) => sum + count(item), 0)
          : 0;
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), bytes, (args, one) => {
        fc.pre(count(args) < 10 && !JSON.stringify(args).includes("_placeholder"));
        const decoded = codec.decode(codec.encode(["event", ...args, one]));
        expect(JSON.parse(JSON.stringify(decoded))).toEqual(
          JSON.parse(JSON.stringify(["event", ...args.map(buffered), Buffer.from(one)])),
        );
      }),
    );
  });

  it("keeps more than JSON for a parser that can do more", () => {
    const codec = new Codec(limits, false);
    const args = ["event", new Date(5), undefined, 5n, new Map([[1, Buffer.from([2])]]), Number.NaN];
    expect(codec.decode(codec.encode(args))).toEqual(args);
  });

  it("counts bytes, not characters", () => {
    expect(() => new Codec({ payloadBytes: 12, depth: 5 }, true).encode(["ééééé"])).toThrow("PAYLOAD_TOO_LARGE");
    expect(new Codec({ payloadBytes: 14, depth: 5 }, true).encode(["ééééé"])).toBe('["ééééé"]');
  });
});

describe("audience keys", () => {
  it("name each room of each namespace apart, and give it back", () => {
    const room = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.integer());
    fc.assert(
      fc.property(
        fc.constantFrom("/", "/a", "/a\n"),
        room,
        fc.constantFrom("/", "/a", "/a\n"),
        room,
        (a, one, b, other) => {
          expect(roomOf(roomKey(a, one), a)).toBe(one);
          if (a !== b || one !== other) expect(roomKey(a, one) === roomKey(b, other)).toBe(false);
          expect([namespaceKey(a), sessionKey("s")]).not.toContain(roomKey(a, one));
        },
      ),
    );
  });

  it("keep half a surrogate pair", () => {
    expect(roomOf(roomKey("/", "\ud800"), "/")).toBe("\ud800");
    expect(roomOf(namespaceKey("/"), "/")).toBe(undefined);
  });
});

describe("tokens and ids", () => {
  const secret = Buffer.alloc(32, 7);

  it("R13: a token is good for its session, generation and principal only", () => {
    const session = newSessionId();
    const token = signToken(secret, session, 3, "ann");
    expect(verifyToken(secret, token, session, "ann")).toBe(3);
    for (const [bytes, text, id, principal] of [
      [Buffer.alloc(32, 8), token, session, "ann"],
      [secret, token.replace("3.", "4."), session, "ann"],
      [secret, token, newSessionId(), "ann"],
      [secret, token, session, "bob"],
      [secret, token, session, null],
      [secret, signToken(secret, session, 3, null), session, ""],
      [secret, "3.", session, "ann"],
      [secret, "", session, "ann"],
      [secret, "0.x", session, "ann"],
    ] as const) {
      expect(verifyToken(bytes, text, id, principal)).toBe(undefined);
    }
  });

  it("R35: derived ids are ULIDs, the same for the same cause and different for another", () => {
    const message = "01J0000000ABCDEFGHJKMNPQRS";
    const ids = [
      derivedId("s", 1, "0.0", message),
      derivedId("s", 1, "0.1", message),
      derivedId("s", 1, "1.0", message),
      derivedId("s", 2, "0.0", message),
      derivedId("t", 1, "0.0", message),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => ULID.test(id) && id.startsWith("01J0000000"))).toBe(true);
    expect(derivedId("s", 1, "0.0", message)).toBe(ids[0]);
    expect(ULID.test(derivedId("s", 1, "0.0", "no ulid"))).toBe(true);
  });
});
