/**
 * What happens to nodes, to Redis, and between the two.
 *
 * Rule: a round takes back what it did, so that the next begins with everything in its place; it waits for nothing but what it did
 * itself, and its own time.
 */
import type { FaultProxy } from "../../src/testing/fault-proxy.ts";
import { type Chance, pick } from "../chance.ts";
import type { RedisOptions, RedisServer } from "../redis.ts";
import { sleep } from "../stack/chaos-diary.ts";
import type { Cluster } from "./cluster.ts";
import type { NodePart } from "./parts.ts";

/** What there is to be hit. */
export interface Stage {
  readonly cluster: Cluster;
  readonly random: Chance;
  /** The server that nodes are led to. */
  redis: RedisServer;
  /** The one that follows it, where there is one. */
  spare: RedisServer | undefined;
  /** The long form: faults last as long as they may in life. */
  readonly long: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly redis?: RedisOptions;
  /** There is a second server, which follows the first. */
  readonly replica?: true;
  /** The log may be replaced or lose its end. Otherwise nobody may be told of a gap. */
  readonly replaces: boolean;
  /** The log certainly is, and something acknowledged with it. */
  readonly loses?: true;
  /** Publishes are refused by it, with this code. */
  readonly refuses?: string;
  /** A node stands still, and may hand a message to its handlers that it had received before, and that was dealt with elsewhere meanwhile. */
  readonly standsStill?: true;
  /** In the short form. */
  readonly rounds: number;
  round(stage: Stage): Promise<void>;
}

const anyNode = ({ cluster, random }: Stage): NodePart => pick(random, cluster.nodes);
const linkOf = ({ cluster }: Stage, node: NodePart): FaultProxy =>
  cluster.links[cluster.nodes.indexOf(node)] as FaultProxy;

/** Under load for a moment, with what the round before has left. */
async function load({ random }: Stage, leastMs = 300): Promise<void> {
  await sleep(leastMs + random(500));
}

async function restarted(stage: Stage, damage: () => void = () => {}): Promise<void> {
  await load(stage);
  await stage.redis.kill();
  stage.cluster.note({ type: "redis killed", t: Date.now() });
  damage();
  await sleep(stage.random(400));
  await stage.redis.restart();
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "node killed",
    replaces: false,
    rounds: 6,
    async round(stage) {
      await load(stage);
      const node = anyNode(stage);
      await node.kill();
      stage.cluster.evacuate(node);
      await sleep(stage.random(300));
      await stage.cluster.startNode(node);
      if (stage.long) await sleep(3_500);
    },
  },
  {
    name: "node stopped",
    replaces: false,
    standsStill: true,
    rounds: 1,
    async round(stage) {
      await load(stage);
      const node = anyNode(stage);
      node.signal("SIGSTOP");
      stage.cluster.evacuate(node);
      await sleep(stage.long ? 20_000 : 3_500);
      node.signal("SIGCONT");
      node.serving = true;
    },
  },
  {
    name: "node hears nothing of Redis",
    replaces: false,
    rounds: 1,
    async round(stage) {
      await load(stage);
      const link = linkOf(stage, anyNode(stage));
      // Commands arrive and answers do not, answers would and commands do not, or neither.
      link.stall(pick(stage.random, ["toServer", "toClient", undefined]));
      await sleep(stage.long ? 20_000 : 3_500);
      link.resume();
    },
  },
  {
    name: "node killed that hears nothing of Redis",
    replaces: false,
    rounds: 2,
    async round(stage) {
      await load(stage);
      const node = anyNode(stage);
      const link = linkOf(stage, node);
      link.stall(pick(stage.random, ["toServer", "toClient", undefined]));
      await sleep(200 + stage.random(500));
      await node.kill();
      stage.cluster.evacuate(node);
      link.cut();
      link.resume();
      await stage.cluster.startNode(node);
    },
  },
  {
    name: "node is refused by Redis",
    replaces: false,
    rounds: 3,
    async round(stage) {
      await load(stage);
      const link = linkOf(stage, anyNode(stage));
      link.refuse(true);
      link.reset();
      await sleep(200 + stage.random(1_500));
      link.refuse(false);
    },
  },
  {
    name: "Redis stopped",
    replaces: false,
    rounds: 1,
    async round(stage) {
      await load(stage);
      stage.redis.stop();
      await sleep(stage.long ? 10_000 : 2_500);
      stage.redis.cont();
    },
  },
  {
    name: "Redis killed, appendfsync always",
    redis: { appendfsync: "always" },
    replaces: false,
    rounds: 3,
    round: restarted,
  },
  {
    name: "Redis killed, appendfsync everysec",
    redis: { appendfsync: "everysec" },
    // The system has what Redis wrote, but Redis may put a write off.
    replaces: true,
    rounds: 2,
    round: restarted,
  },
  {
    name: "Redis lost the end of its file",
    redis: { appendfsync: "everysec" },
    replaces: true,
    loses: true,
    rounds: 4,
    round: (stage) => restarted(stage, () => stage.redis.truncateAof(200 + stage.random(60_000))),
  },
  {
    name: "Redis restarted empty",
    redis: { appendonly: false },
    replaces: true,
    loses: true,
    rounds: 3,
    round: restarted,
  },
  {
    name: "stale replica promoted",
    replica: true,
    replaces: true,
    rounds: 2,
    async round(stage) {
      const { cluster, redis: master, random } = stage;
      const replica = stage.spare as RedisServer;
      await load(stage);
      // It hears no more of its master, which goes on for a moment.
      await replica.command("REPLICAOF", "127.0.0.1", "1");
      await sleep(50 + random(500));
      await master.kill();
      await replica.promote();
      for (const link of cluster.links) link.retarget(replica.port);
      stage.redis = replica;
      stage.spare = master;
      await load(stage);
      await master.restart();
      await master.follow(replica);
    },
  },
  {
    name: "memory full",
    replaces: false,
    refuses: "STORE_FULL",
    rounds: 1,
    async round(stage) {
      await load(stage);
      const used = Number(await stage.redis.info("used_memory"));
      await stage.redis.command("CONFIG", "SET", "maxmemory", `${used + 20_000}`);
      await sleep(stage.long ? 4_000 : 1_200);
      await stage.redis.command("CONFIG", "SET", "maxmemory", "0");
    },
  },
  {
    name: "everything flushed",
    replaces: true,
    loses: true,
    rounds: 3,
    async round(stage) {
      await load(stage);
      await stage.redis.command("FLUSHALL");
    },
  },
];

/** One that is decided anew in each round, of all that need no server of another kind. */
export const ANY: Scenario = {
  name: "any",
  replaces: true,
  standsStill: true,
  rounds: 8,
  async round(stage) {
    const those = SCENARIOS.filter(({ redis, replica }) => !redis && !replica);
    const cut = SCENARIOS.find(({ name }) => name === "Redis lost the end of its file") as Scenario;
    await pick(stage.random, [...those, cut]).round(stage);
  },
};
