/**
 * What a server of Redis is asked before anything is trusted to it.
 *
 * Rule: a level of durability is named only when the server says that it keeps it; a server that may evict keys is refused.
 */
import { DeliveryError } from "../core/error.ts";
import { text } from "./redis-codec.ts";
import { isRefusal, type Wire } from "./redis-wire.ts";
import type { Durability } from "./store.ts";

const warned = new Set<string>();

/** The level that a commit reaches on these servers: the lowest of theirs. Throws `INVALID` when one may evict what is stored. @param replicas How many are waited for at each commit. */
export async function levelOf(wire: Wire, replicas: number): Promise<Durability> {
  const infos = (await wire.everywhere(["INFO"])).map(text);
  for (const info of infos) {
    const policy = field(info, "maxmemory_policy");
    if (policy === undefined || policy === "noeviction") continue;
    throw new DeliveryError(
      "INVALID",
      `this Redis removes keys when its memory is full (maxmemory-policy ${policy}), and with them messages, in silence. ` +
        "Set maxmemory-policy to noeviction: then publishes are refused instead, with STORE_FULL.",
    );
  }
  if (infos.some((info) => field(info, "aof_enabled") !== "1")) {
    warn(
      "GAPLESS_REDIS_MEMORY",
      "this Redis keeps no append-only file: what is acknowledged dies with its process. Set appendonly yes.",
    );
    return replicas > 0 ? "replicated" : "memory";
  }
  if (replicas > 0) return "replicated";
  return (await syncs(wire)).every((policy) => policy === "always") ? "disk" : "os";
}

/** `appendfsync` of each server; nothing where it may not be asked, which is then taken for the weaker. */
async function syncs(wire: Wire): Promise<(string | undefined)[]> {
  try {
    const replies = await wire.everywhere(["CONFIG", "GET", "appendfsync"]);
    return replies.map((reply) => (Array.isArray(reply) ? text(reply[1]) : undefined));
  } catch (error) {
    if (isRefusal(error)) return [undefined];
    throw error;
  }
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}

/** Once in a process. */
function warn(code: string, message: string): void {
  if (warned.has(code)) return;
  warned.add(code);
  process.emitWarning(message, { code });
}
