/**
 * Audience keys: who a publish is for, as the store knows it.
 *
 * Rule: a key names a namespace and what in it; a socket's id dies with its connection, so it is turned into the session's key
 * when the event is published, and stays right in a replay.
 */

/** Everybody in a namespace. */
export function namespaceKey(namespace: string): string {
  return `n:${namespace}`;
}

/** A room of a namespace. Rooms are compared as Socket.IO does: 1 and "1" are two. */
export function roomKey(namespace: string, room: unknown): string {
  return typeof room === "string" ? `r:${namespace}\n${room}` : `t:${namespace}\n${typeof room}:${String(room)}`;
}

/** One session. */
export function sessionKey(session: string): string {
  return `s:${session}`;
}

/** The room of a {@link roomKey}; `undefined` for other keys. */
export function roomOf(key: string, namespace: string): string | number | undefined {
  const prefix = `:${namespace}\n`;
  if (!key.startsWith(prefix, 1)) return undefined;
  const rest = key.slice(prefix.length + 1);
  if (key[0] === "r") return rest;
  return key[0] === "t" && rest.startsWith("number:") ? Number(rest.slice(7)) : undefined;
}
