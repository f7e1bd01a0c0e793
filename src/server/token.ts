/**
 * Session ids and resume tokens.
 *
 * Rule: both are made here only, from chance and a secret that never leaves the server; a token proves that this server gave
 * it, for this session, generation and principal, and nothing else does.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { monotonicFactory } from "ulid";

/** 128 random bits, as text. */
export function newSessionId(): string {
  return randomBytes(16).toString("base64url");
}

/** The token that resumes this generation of a session. */
export function signToken(secret: Uint8Array, session: string, generation: number, principal: string | null): string {
  return `${generation}.${mac(secret, session, generation, principal).toString("base64url")}`;
}

/** The generation that a token stands for; `undefined` when it was not signed for this session and principal. */
export function verifyToken(
  secret: Uint8Array,
  token: string,
  session: string,
  principal: string | null,
): number | undefined {
  const dot = token.indexOf(".");
  const generation = Number(token.slice(0, dot));
  const presented = Buffer.from(token.slice(dot + 1), "base64url");
  if (!Number.isSafeInteger(generation) || generation < 1) return undefined;
  const expected = mac(secret, session, generation, principal);
  return presented.length === expected.length && timingSafeEqual(presented, expected) ? generation : undefined;
}

/** A ULID that follows from its cause: the same publish of the same run of the same handler has the same id (protocol R35). */
export function derivedId(session: string, seq: number, publish: string, message: string): string {
  const digest = createHash("sha256").update(`${session}\n${seq}\n${publish}`).digest();
  // The time of the causing message, then 80 bits that nobody else's publish can produce: session ids are secret.
  let id = ULID.test(message) ? message.slice(0, 10) : "0000000000";
  for (let i = 0; i < 16; i++) id += CROCKFORD[(digest[i] as number) & 31];
  return id;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** A ULID of a moment that 48 bits can hold. */
export const ULID: RegExp = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

function mac(secret: Uint8Array, session: string, generation: number, principal: string | null): Buffer {
  const owner = principal === null ? "" : `:${principal}`;
  return createHmac("sha256", secret).update(`${session}\n${generation}\n${owner}`).digest();
}

/** Makes ids of messages: ULIDs that ascend. */
export function ulids(): () => string {
  // The package asks the system for one byte at a time, sixteen times in each new millisecond.
  let pool = new Uint8Array();
  let at = 0;
  return monotonicFactory(() => {
    if (at === pool.length) {
      pool = randomBytes(1_024);
      at = 0;
    }
    return (pool[at++] ?? 0) / 256;
  });
}
