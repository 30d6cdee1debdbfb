import { eventually } from '../eventually.js';
import {
  addressOf,
  orStop,
  type RedisAddress,
  startTogether,
  stopTogether,
} from './redis-group.js';
import { RedisProcess } from './redis-process.js';
import { infoField, queryRedis } from './redis-query.js';

const SLOT_COUNT = 16_384;
const MASTER_COUNT = 3;
const READY_TIMEOUT_MS = 20_000;

export interface RedisClusterOptions {
  /** Whether all nodes refuse commands while one is down. @default true, as in Redis */
  readonly requireFullCoverage?: boolean;
  readonly password?: string;
  readonly extraArgs?: readonly string[];
}

/** Three masters without replicas; each holds a third of the slots. */
export class RedisClusterSet {
  readonly nodes: readonly RedisProcess[];

  constructor(nodes: readonly RedisProcess[]) {
    this.nodes = nodes;
  }

  /** Start nodes for `new Cluster(addresses)`. */
  get addresses(): RedisAddress[] {
    return this.nodes.map(addressOf);
  }

  /** The node that holds `key`: the one to freeze or kill when a test is about that key. */
  async nodeOf(key: string): Promise<RedisProcess> {
    const slot = await queryRedis(this.#first.url, (client) => client.cluster('KEYSLOT', key));
    return this.nodes[nodeIndexOf(slot)] ?? this.#first;
  }

  /** Resolves when every node sees all three and serves; to be awaited after a fault. */
  async ready(): Promise<void> {
    await eventually(
      async () => {
        const formed = await Promise.all(this.nodes.map(isFormed));
        return formed.every(Boolean);
      },
      { timeoutMs: READY_TIMEOUT_MS, intervalMs: 50 },
    );
  }

  async stop(): Promise<void> {
    await stopTogether(this.nodes);
  }

  get #first(): RedisProcess {
    return firstOf(this.nodes);
  }
}

/**
 * Forms a cluster and resolves when every node sees all three and accepts writes. That takes a
 * little over two seconds: a master does not serve during its first two.
 *
 * Only what Redis 6.2 knows is used, without redis-cli.
 */
export async function startCluster(options: RedisClusterOptions = {}): Promise<RedisClusterSet> {
  const { requireFullCoverage = true, password, extraArgs = [] } = options;
  const coverage = `cluster-require-full-coverage ${requireFullCoverage ? 'yes' : 'no'}`;
  const start = () =>
    RedisProcess.start({
      config: ['cluster-enabled yes', 'cluster-node-timeout 2000', coverage],
      extraArgs,
      ...(password === undefined ? {} : { password }),
    });
  const nodes = await startTogether(Array.from({ length: MASTER_COUNT }, start));
  const cluster = new RedisClusterSet(nodes);
  await orStop(nodes, async () => {
    await introduce(nodes);
    await cluster.ready();
  });
  return cluster;
}

/** Everyone meets everyone: waiting for gossip may take a second longer. */
async function introduce(nodes: readonly RedisProcess[]): Promise<void> {
  await Promise.all(nodes.map(assignSlots));
  for (const [index, node] of nodes.entries()) {
    for (const { port } of nodes.slice(index + 1)) {
      await queryRedis(node.url, (client) => client.cluster('MEET', '127.0.0.1', port));
    }
  }
}

async function assignSlots(node: RedisProcess, index: number): Promise<void> {
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
  const own = slots.filter((slot) => nodeIndexOf(slot) === index);
  await queryRedis(node.url, async (client) => {
    // Nodes that meet with equal epochs have to settle a conflict first.
    await client.cluster('SET-CONFIG-EPOCH', index + 1);
    await client.cluster('ADDSLOTS', ...own);
  });
}

async function isFormed(node: RedisProcess): Promise<boolean> {
  const info = await queryRedis(node.url, (client) => client.cluster('INFO'));
  return (
    infoField(info, 'cluster_state') === 'ok' &&
    infoField(info, 'cluster_known_nodes') === String(MASTER_COUNT) &&
    infoField(info, 'cluster_slots_ok') === String(SLOT_COUNT)
  );
}

function nodeIndexOf(slot: number): number {
  return Math.floor((slot * MASTER_COUNT) / SLOT_COUNT);
}

function firstOf(nodes: readonly RedisProcess[]): RedisProcess {
  const [first] = nodes;
  if (first === undefined) throw new Error('a cluster has at least one node');
  return first;
}
