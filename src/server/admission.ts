/**
 * Letting a client in: which session it gets, where delivery goes on, and what it is told it missed.
 *
 * Rule: runs after the application's own middleware, every time. Unknown, foreign and expired sessions get the same answer, a
 * new session (protocol R11-R18).
 */
import { DeliveryError } from "../core/error.ts";
import type { Offset } from "../core/position.ts";
import { type Claim, resumeVerdict, tokenIsGood } from "../core/resume.ts";
import { type Hello, PROTOCOL_VERSION, type Welcome, type WireGap } from "../core/wire.ts";
import type { LogState, StoredSession } from "../store/store.ts";
import { isSocketKey, namespaceKey, roomOf, sessionKey } from "./audience.ts";
import type { Coming } from "./comings.ts";
import { Connection, type Outlet } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { Session } from "./session.ts";
import { signToken, verifyToken } from "./token.ts";

/** In a millisecond so many generations are to be had: two servers hardly come upon the same. */
const GENERATIONS = 2 ** 11;

/** Who asks to be let in. */
export interface Applicant {
  readonly hello: Hello;
  readonly namespace: string;
  readonly principal: string | null;
  /** Audience of this connection alone, under which other processes publish to it. Absent: there are none. */
  readonly own?: string | undefined;
  /** Whether it may (still) read a room. */
  authorize(room: string): boolean | Promise<boolean>;
  readonly outlet: Outlet;
}

/** What it gets. */
export interface Admission {
  readonly session: Session;
  readonly connection: Connection;
  readonly welcome: Welcome;
  /** Rooms that it is in. */
  readonly rooms: readonly (string | number)[];
}

/** Lets a client in. Rejects when the store cannot be used: then the client is served as plain Socket.IO would. */
export async function admit(hub: Hub, applicant: Applicant): Promise<Admission> {
  const { hello } = applicant;
  const coming = hub.expect(hello.session);
  // What comes now may take its time: which of two servers a client came to last is decided by this moment.
  const at = hub.now();
  const life = hub.log;
  try {
    const { epoch } = life;
    const forked =
      hello.last !== undefined && hello.epoch === epoch && (await hub.store.check(...hello.last)) === "forked";
    const claim =
      hello.epoch !== undefined && hello.offset !== undefined
        ? { epoch: hello.epoch, offset: hello.offset }
        : undefined;
    const taken = await takeUp(hub, applicant, life, coming);
    if (taken) {
      const { session, generation } = await raise(hub, taken, at);
      return await connect(hub, applicant, session, generation, claim, forked);
    }
    if (hello.session !== undefined) hub.metrics.refusedResumes++;
    const session = await begin(hub, applicant, life);
    const connecting = hub.expect(session.id);
    try {
      return await connect(hub, applicant, session, undefined, claim, forked);
    } finally {
      connecting.over();
    }
  } finally {
    coming.over();
  }
}

/** What was found out of the log is of no use any more when it has another life: the client is to come again. */
function demandSame(hub: Hub, life: LogState): void {
  if (hub.log === life) return;
  throw new DeliveryError(
    "STORE_REPLACED",
    "the log was replaced while a client was let in; this connection is closed.",
  );
}

/** Only the connection that came last may have the session. */
function demandLatest(hub: Hub, session: Session, generation: number): void {
  if (session.generation === generation && hub.sessions.get(session.id) === session) return;
  throw new DeliveryError("SUPERSEDED", "another connection took the session over meanwhile; this one is closed.");
}

/** Makes a connection of the session. @param raised The generation that it was resumed with; `undefined`: it is new. */
async function connect(
  hub: Hub,
  applicant: Applicant,
  session: Session,
  raised: number | undefined,
  claim: Claim | undefined,
  forked: boolean,
): Promise<Admission> {
  const { hello, principal } = applicant;
  const { epoch } = hub.log;
  const resumed = raised !== undefined;
  const generation = raised ?? session.generation;
  if (resumed) await exchangeOwn(hub, session, applicant.own);
  const { floor, end } = await bounds(hub, session, claim);
  // What a client says that has come once more since is nothing to go by.
  demandLatest(hub, session, generation);
  const head = Math.max(hub.dispatched, session.position, end);
  const verdict = resumeVerdict(claim, resumed ? session : undefined, { epoch, head, floor }, forked);
  const gaps: WireGap[] = verdict.gap ? [verdict.gap] : [];
  if (resumed && (verdict.gap || verdict.position < session.arrived)) session.rewindTo(verdict.position);
  else if (resumed && claim) session.claimed(claim.offset);
  if (resumed) gaps.push(...session.owed, ...(await revoke(hub, applicant, session, verdict.position)));
  for (const gap of gaps) if (!session.owed.includes(gap)) hub.reportGap(session, gap);
  if (resumed) {
    hub.metrics.replays++;
    const { id, namespace } = session;
    hub.events.emit("replay", { session: id, namespace, from: verdict.position, to: hub.dispatched });
  }
  session.inbox.skipTo(hello.floor);

  demandLatest(hub, session, generation);
  const connection = new Connection(session, verdict.position, applicant.outlet, hub, {
    ...hub.settings.limits,
    ackTimeoutMs: hub.settings.ackTimeoutMs,
    maxResends: hub.settings.maxResends,
  });
  session.announced = session.owed;
  const { connection: older } = session;
  session.connection = connection;
  if (older) hub.metrics.superseded++;
  older?.end("SUPERSEDED");
  return {
    session,
    connection,
    welcome: {
      v: PROTOCOL_VERSION,
      session: session.id,
      token: signToken(hub.log.secret, session.id, session.generation, principal),
      epoch,
      offset: verdict.position,
      resumed,
      received: session.inboxReport().received,
      gaps,
      window: hub.settings.limits.windowEntries,
      payloadBytes: hub.settings.limits.payloadBytes,
    },
    rooms: roomsOf(session),
  };
}

/**
 * What is published to older connections is not for the session any more, what is published to this one is. Resolves when that is
 * committed, so before anybody can learn how to publish to it; or when the store fails, for which nobody waits.
 */
async function exchangeOwn(hub: Hub, session: Session, own: string | undefined): Promise<void> {
  for (const key of session.intended()) if (isSocketKey(key) && key !== own) session.leave(key);
  if (own === undefined) return;
  session.join(own);
  await new Promise<void>((resolve) => {
    const stop = hub.events.on("store", resolve as () => void);
    if (hub.writer.failing) resolve();
    void hub.writer.flushed().then(() => {
      stop();
      resolve();
    });
  });
}

/** A session that is taken up. */
interface Taken {
  readonly session: Session;
  /** The generation of the token that the client has shown. */
  readonly shown: number;
  /** So far this node had dispatched the log before it looked. */
  readonly dispatched: Offset;
}

/** The session that the client presents, on this node; `undefined` when it is not to be had. */
async function takeUp(
  hub: Hub,
  { hello, namespace, principal }: Applicant,
  life: LogState,
  coming: Coming,
): Promise<Taken | undefined> {
  if (hello.session === undefined || hello.token === undefined) return undefined;
  const generation = verifyToken(hub.log.secret, hello.token, hello.session, principal);
  if (generation === undefined) return undefined;
  const { dispatched } = hub;
  const stored = await hub.store.session(hello.session);
  demandSame(hub, life);
  if (!coming.first())
    throw new DeliveryError("SUPERSEDED", "a later connection of the session was faster; this one is closed.");
  if (!stored || stored.namespace !== namespace || stored.principal !== principal) return undefined;
  // What this node has not written yet (the newest confirmed token, the position, the inbox) counts too.
  const known = hub.sessions.get(stored.id);
  const here = known && !known.lost && known.fence >= stored.generation ? known : undefined;
  if (!tokenIsGood(generation, here ?? stored)) return undefined;
  if (!here?.connection && hub.now() - stored.seenAt > hub.settings.sessionTtlMs) return undefined;
  if (here) {
    here.settlePosition();
    return { session: here, shown: generation, dispatched };
  }
  // Somebody else had it in between.
  known?.connection?.end("SUPERSEDED");
  const session = new Session(stored, hub);
  session.provisional = true;
  for (const gap of known?.owed ?? []) session.owe(gap);
  hub.attach(session);
  return { session, shown: generation, dispatched };
}

/**
 * Takes the session over for a new connection, in the store as soon as that can be written. Answers it, with its new
 * generation. Rejects when another node was faster.
 *
 * Everything that this node knows of the session was true at its fence: when the store has another one by then, the step and all that follow it are refused.
 */
function raise(
  hub: Hub,
  { session, shown, dispatched }: Taken,
  at: number,
): Promise<{ session: Session; generation: number }> {
  const earliest = Math.max(at * GENERATIONS, session.generation + 1, shown + 1);
  const generation = earliest + Math.floor(hub.random() * GENERATIONS);
  session.generation = generation;
  return new Promise((resolve, reject) => {
    // The store can be read and not written: the step waits in the queue, before every other step of the new connection.
    const goOn = (failing: unknown): void => {
      if (!failing) return;
      session.horizon = Math.min(session.horizon, dispatched);
      resolve({ session, generation });
    };
    const stop = hub.events.on("store", goOn);
    goOn(hub.writer.failing);
    session.writes++;
    const decided = hub.deciding();
    hub.writer.add(
      () => {
        const from = session.fence;
        session.fence = generation;
        return { kind: "resume", session: session.id, from, next: generation, at };
      },
      (outcome, error) => {
        stop();
        decided();
        session.writes--;
        const stored = outcome?.session;
        if (stored) {
          // When the client has come once more meanwhile, that is for the later step.
          const latest = session.provisional && session.generation === generation;
          const now = latest ? brought(hub, session, stored) : session;
          if (!now.provisional) now.horizon = Number.POSITIVE_INFINITY;
          resolve({ session: now, generation });
          now.connection?.feed();
        } else {
          if (!error) hub.fenced(session);
          reject(
            error ?? new DeliveryError("SUPERSEDED", "another server has the session; this connection is closed."),
          );
        }
        hub.release(session);
      },
    );
  });
}

/** Brings a session up to what the store has of it now. Answers it. */
function brought(hub: Hub, session: Session, stored: StoredSession): Session {
  session.provisional = false;
  // A client was let in on it already.
  if (session.horizon !== Number.POSITIVE_INFINITY) {
    session.takenUp(stored);
    return session;
  }
  const newest = new Session(stored, hub);
  for (const gap of session.owed) newest.owe(gap);
  hub.attach(newest);
  return newest;
}

async function begin(hub: Hub, { hello, namespace, principal, own }: Applicant, life: LogState): Promise<Session> {
  if (principal !== null) await makeRoom(hub, principal);
  const id = hub.newSession();
  const at = hub.now();
  const keys = [namespaceKey(namespace), sessionKey(id), ...(own === undefined ? [] : [own])];
  const open = { session: id, namespace, principal, keys, inboxSettled: hello.floor, at };
  const outcome = await hub.writer.commit({ kind: "open", ...open });
  demandSame(hub, life);
  const head = outcome?.offset ?? hub.dispatched;
  const session = new Session(
    {
      id,
      namespace,
      principal,
      generation: 1,
      confirmed: 0,
      seenAt: at,
      cursor: head,
      arrived: head,
      position: head,
      memberships: keys.map((key) => ({ key, since: head, until: null })),
      inboxSettled: hello.floor,
      inboxAbove: [],
      answers: [],
    },
    hub,
  );
  hub.attach(session);
  return session;
}

/** A principal with as many sessions as it may have loses the one that was away longest. */
async function makeRoom(hub: Hub, principal: string): Promise<void> {
  const { count, oldest } = await hub.store.sessionsOf(principal);
  if (count < hub.settings.limits.sessionsPerPrincipal || oldest === undefined) return;
  hub.sessions.get(oldest)?.connection?.end("SESSION_UNKNOWN");
  await hub.writer.commit({ kind: "forget", session: oldest });
}

/** Ends the memberships that are not granted any more; nothing after `position` is shown of them. */
async function revoke(hub: Hub, applicant: Applicant, session: Session, position: Offset): Promise<WireGap[]> {
  const gaps: WireGap[] = [];
  for (const { key } of session.memberships.all()) {
    const room = roomOf(key, session.namespace);
    if (room === undefined || (await applicant.authorize(String(room)))) continue;
    if (gaps.some((gap) => gap.room === String(room))) continue;
    session.revoke(key, position);
    gaps.push({ from: position, to: Math.max(position, hub.dispatched), reason: "unauthorized", room: String(room) });
  }
  return gaps;
}

function roomsOf(session: Session): (string | number)[] {
  const rooms = session.intended().map((key) => roomOf(key, session.namespace));
  return rooms.filter((room) => room !== undefined);
}

/** The log's floor, and its end as far as that decides whether the client can be where it says: what it got from another node may come round here later. */
async function bounds(hub: Hub, { id }: Session, claim: Claim | undefined): Promise<{ floor: Offset; end: Offset }> {
  const far = claim?.epoch === hub.log.epoch && claim.offset > hub.dispatched ? claim.offset : undefined;
  const keys = far === undefined ? [] : [{ key: sessionKey(id), after: far - 1, upTo: far }];
  const { floor, end } = await hub.store.read({ keys, limit: 1, maxBytes: 1 });
  return { floor, end: far === undefined ? 0 : end };
}
