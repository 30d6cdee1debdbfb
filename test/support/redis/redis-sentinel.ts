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

const MASTER_NAME = 'backplane';
const DOWN_AFTER_MS = 500;
const FAILOVER_TIMEOUT_MS = 2_000;
/** Sentinels find each other through messages that each sends every two seconds. */
const SETTLE_TIMEOUT_MS = 20_000;

export interface RedisSentinelOptions {
  /** One is enough to fail over; more take seconds longer to find each other. @default 1 */
  readonly sentinels?: 1 | 2 | 3;
}

/** A master and its replica, watched by Sentinels that agree with a quorum of one. */
export class RedisSentinelSet {
  /** Name of the master set, for ioredis' `name`. */
  readonly name = MASTER_NAME;
  /** Both data servers, the one that began as the master first. */
  readonly servers: readonly RedisProcess[];
  readonly sentinels: readonly RedisProcess[];

  constructor(servers: readonly RedisProcess[], sentinels: readonly RedisProcess[]) {
    this.servers = servers;
    this.sentinels = sentinels;
  }

  /** The Sentinels, for `new Redis({ sentinels: addresses, name })`. */
  get addresses(): RedisAddress[] {
    return this.sentinels.map(addressOf);
  }

  /** The server that the Sentinels call the master right now. @throws Error when they disagree */
  async master(): Promise<RedisProcess> {
    const ports = await Promise.all(this.sentinels.map(masterPortOf));
    const master = this.servers.find((server) => ports.every((port) => port === server.port));
    if (master === undefined) throw new Error(`the Sentinels name ${ports.join(', ')} as master`);
    return master;
  }

  /**
   * Makes the Sentinels promote the replica while the master is well; resolves with the new master.
   *
   * The old one goes on as a second master for up to ten seconds, until a Sentinel turns it into a
   * replica and drops its clients. That is how Redis behaves, not a fault of the test.
   */
  async failover(): Promise<RedisProcess> {
    const old = await this.master();
    const [sentinel] = this.sentinels;
    if (sentinel === undefined) throw new Error('there is no Sentinel to ask');
    await eventually(
      // Refused (NOGOODSLAVE) as long as the replica has not reported lately.
      () => queryRedis(sentinel.url, (client) => client.call('SENTINEL', 'FAILOVER', MASTER_NAME)),
      { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 100 },
    );
    return this.masterOtherThan(old);
  }

  /**
   * Resolves with the new master once all Sentinels name one that is not `old` and it accepts that
   * role: after `old` was frozen or killed, one to three seconds.
   */
  async masterOtherThan(old: RedisProcess): Promise<RedisProcess> {
    return eventually(
      async () => {
        const master = await this.master();
        return master !== old && (await roleOf(master)) === 'master' ? master : false;
      },
      { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 50 },
    );
  }

  /** Ends the Sentinels first, so that they do not fail over to a server that is being stopped. */
  async stop(): Promise<void> {
    await stopTogether(this.sentinels);
    await stopTogether(this.servers);
  }
}

/** Resolves when every Sentinel knows the replica, its state and all other Sentinels. */
export async function startSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinelSet> {
  const servers = await startServers();
  const [master] = servers;
  const start = () => RedisProcess.start({ mode: 'sentinel', config: watch(master.port) });
  const sentinels = await orStop(servers, () =>
    startTogether(Array.from({ length: options.sentinels ?? 1 }, start)),
  );
  await orStop([...sentinels, ...servers], () => awaitSettled(sentinels));
  return new RedisSentinelSet(servers, sentinels);
}

/**
 * The replica is in step before the first Sentinel asks the master for its replicas: Sentinels ask
 * at once and then only every ten seconds.
 */
async function startServers(): Promise<[RedisProcess, RedisProcess]> {
  const master = await RedisProcess.start();
  const replica = await orStop([master], () =>
    RedisProcess.start({ config: [`replicaof 127.0.0.1 ${master.port}`] }),
  );
  await orStop([master, replica], () =>
    eventually(async () => (await replicationField(replica, 'master_link_status')) === 'up', {
      timeoutMs: SETTLE_TIMEOUT_MS,
    }),
  );
  return [master, replica];
}

function watch(masterPort: number): string[] {
  return [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
  ];
}

async function awaitSettled(sentinels: readonly RedisProcess[]): Promise<void> {
  await eventually(
    async () => {
      const views = await Promise.all(sentinels.map(viewOf));
      return views.every(
        ({ otherSentinels, replicaLink, replicaFlags }) =>
          otherSentinels === sentinels.length - 1 &&
          replicaLink === 'ok' &&
          replicaFlags === 'slave',
      );
    },
    { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 50 },
  );
}

async function viewOf(sentinel: RedisProcess) {
  return queryRedis(sentinel.url, async (client) => {
    const master = fields(await client.call('SENTINEL', 'MASTER', MASTER_NAME));
    const replicas = await client.call('SENTINEL', 'REPLICAS', MASTER_NAME);
    const replica = fields(Array.isArray(replicas) ? replicas[0] : undefined);
    return {
      otherSentinels: Number(master.get('num-other-sentinels')),
      replicaLink: replica.get('master-link-status'),
      replicaFlags: replica.get('flags'),
    };
  });
}

async function masterPortOf(sentinel: RedisProcess): Promise<number> {
  const view = await queryRedis(sentinel.url, (client) =>
    client.call('SENTINEL', 'MASTER', MASTER_NAME),
  );
  return Number(fields(view).get('port'));
}

/** Sentinel writes a record as a flat list: name, value, name, value … */
function fields(reply: unknown): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  const pairs = words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1]]] : []));
  return new Map(pairs as [string, string][]);
}

async function roleOf(server: RedisProcess): Promise<string | undefined> {
  return replicationField(server, 'role');
}

async function replicationField(server: RedisProcess, field: string): Promise<string | undefined> {
  const info = await queryRedis(server.url, (client) => client.info('replication'));
  return infoField(info, field);
}
