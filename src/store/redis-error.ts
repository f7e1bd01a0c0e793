/**
 * What a failure of Redis means to somebody who commits.
 *
 * Rule: `STORE_FULL`, `STORE_READONLY` and `STORE_BUSY` promise that nothing was kept, so only answers with which Redis refuses a script before
 * its first write are given these codes. Whatever is not known here, and every silence, is `STORE_FAILED`: outcome unknown.
 */
import { DeliveryError, type DeliveryErrorCode } from "../core/error.ts";
import { STALE, TOO_NEW } from "./redis-scripts.ts";
import { isRefusal } from "./redis-wire.ts";

type Meaning = readonly [code: DeliveryErrorCode, advice: string];

const FAILED: Meaning = [
  "STORE_FAILED",
  "Whether it was kept is unknown: repeat it. If it fails again, look at Redis and at the network to it.",
];
const BUSY: Meaning = ["STORE_BUSY", "Nothing was kept; repeat it soon."];
const DENIED: Meaning = [
  "STORE_READONLY",
  "Nothing was kept. The user that Redis is asked as needs EVALSHA, EVAL, XREAD, INFO and the commands of the scripts on keys of the prefix.",
];

/** Codes by the word that Redis' answer begins with. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  OOM: [
    "STORE_FULL",
    "Nothing was kept. Raise maxmemory, or keep less by the option retention; the next commit then works without a restart.",
  ],
  MISCONF: ["STORE_FULL", "Nothing was kept. Redis cannot write its own files; it says more in its log."],
  READONLY: [
    "STORE_READONLY",
    "Nothing was kept. This server is a replica; the next commit works once the client's options lead to the primary.",
  ],
  NOREPLICAS: ["STORE_BUSY", "Nothing was kept. Fewer replicas are connected than min-replicas-to-write asks for."],
  LOADING: BUSY,
  BUSY: BUSY,
  TRYAGAIN: BUSY,
  MASTERDOWN: BUSY,
  CLUSTERDOWN: BUSY,
  NOAUTH: DENIED,
  NOPERM: DENIED,
  WRONGPASS: DENIED,
  WRONGTYPE: ["STORE_CORRUPT", "A key of this prefix holds something else; choose another prefix, or remove that key."],
  [STALE]: ["STORE_FAILED", "It is an older batch of this writer, which nobody waits for any more."],
  [TOO_NEW]: [
    "STORE_TOO_NEW",
    "A newer version of this package has written the log. Install that version or a newer one.",
  ],
};

/** The error to reject with. `doing` names what failed, as in "the commit". A `DeliveryError` stays what it is. */
export function redisError(error: unknown, doing: string): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const [word = ""] = isRefusal(error) ? error.message.split(" ") : [];
  const [code, advice] = MEANINGS[word] ?? FAILED;
  return new DeliveryError(code, `${doing} failed: ${saidBy(error)}. ${advice}`, { cause: error });
}

/** What an error says, as a part of a sentence. */
export function saidBy(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
