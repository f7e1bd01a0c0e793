/**
 * Audience keys: who a publish is for, as the store knows it.
 *
 * Rule: a key names a namespace and what in it. A socket's id dies with its connection: where the socket is known, its id is turned
 * into the session's key when the event is published; elsewhere into the key of a membership that ends with the socket. Either stays
 * right in a replay.
 */

/** Everybody in a namespace. */
export function namespaceKey(namespace: string): string {
  return `n:${line(namespace)}`;
}

/** A room of a namespace. Rooms are compared as Socket.IO does: 1 and "1" are two. */
export function roomKey(namespace: string, room: unknown): string {
  if (typeof room !== "string") return `t:${line(namespace)}\n${typeof room}:${String(room)}`;
  // Half a surrogate pair is a room for Socket.IO, and no text for a database.
  return /\p{Surrogate}/u.test(room)
    ? `t:${line(namespace)}\nstring:${JSON.stringify(room)}`
    : `r:${line(namespace)}\n${room}`;
}

/** One session. */
export function sessionKey(session: string): string {
  return `s:${session}`;
}

/** One connection, as long as it lasts: for processes on which its socket is not. */
export function socketKey(namespace: string, id: string): string {
  return `i:${line(namespace)}\n${id}`;
}

/** Whether it is a {@link socketKey}. */
export function isSocketKey(key: string): boolean {
  return key.startsWith("i:");
}

/** What every id of a socket looks like, and few names of rooms. */
const SOCKET_ID = /^[\w-]{20}$/;

/** Keys of a room that is no socket of this process: the room, and, where it looks like the id of one, the socket of another process. */
export function remoteKeys(namespace: string, room: unknown): string[] {
  const key = roomKey(namespace, room);
  return typeof room === "string" && SOCKET_ID.test(room) ? [socketKey(namespace, room), key] : [key];
}

/** The room of a {@link roomKey}; `undefined` for other keys. */
export function roomOf(key: string, namespace: string): string | number | undefined {
  const prefix = `:${line(namespace)}\n`;
  if (!key.startsWith(prefix, 1)) return undefined;
  const rest = key.slice(prefix.length + 1);
  if (key[0] === "r") return rest;
  if (key[0] !== "t") return undefined;
  if (rest.startsWith("string:")) return JSON.parse(rest.slice(7));
  return rest.startsWith("number:") ? Number(rest.slice(7)) : undefined;
}

/** A namespace's name without a line break, which separates it from the room. Names begin with a slash, so nothing else looks like this. */
function line(namespace: string): string {
  return namespace.includes("\n") ? JSON.stringify(namespace) : namespace;
}
