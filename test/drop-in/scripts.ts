/** Every script, by topic. */
import { acks } from "./scripts/acks.ts";
import { connection } from "./scripts/connection.ts";
import { events } from "./scripts/events.ts";
import { namespaces } from "./scripts/namespaces.ts";
import { rooms } from "./scripts/rooms.ts";
import type { Script } from "./scripts/script.ts";

export const SCRIPTS: readonly Script[] = [...events, ...acks, ...rooms, ...connection, ...namespaces];
