import { EventStream } from '../../src/common/events/index.js';
import {
  RedisConnections,
  type RedisConnection,
  type RedisOptions,
  type RedisTargets,
} from '../../src/common/redis/index.js';
import { resolveRedisOptions } from '../../src/common/redis/resolve-redis-options.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { uniquePrefix } from '../support/redis/shared-redis.js';

/** What a client of the application must be made with to be borrowed. */
export const BORROWABLE = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} as const;

/** The same for a client of a cluster. */
export const BORROWABLE_CLUSTER = { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 } as const;

/** A connection layer that is not connected yet, with everything it announced. */
export class RedisFixture {
  readonly log: string[] = [];
  /** Name in `CLIENT LIST`, and prefix of every key; nobody else has it. */
  readonly app = uniquePrefix();
  readonly redis: RedisConnections;

  constructor(connections: RedisTargets, options: Omit<RedisOptions, 'connections'> = {}) {
    const events = new EventStream();
    events.on('redis.degraded', ({ connection, reason }) => {
      this.log.push(`${connection} degraded: ${reason}`);
    });
    events.on('redis.recovered', ({ connection }) => this.log.push(`${connection} recovered`));
    const resolved = resolveRedisOptions({
      connections,
      app: this.app,
      prefix: this.app,
      // Of no matter where there is a Redis; a slow machine may take its time.
      bootTimeout: '10s',
      ...options,
    });
    this.redis = new RedisConnections(resolved, events);
  }

  get connection(): RedisConnection {
    return this.redis.use('default', ['command']);
  }

  /** Connects the default connection; it may be degraded afterwards. */
  async connect(): Promise<RedisConnection> {
    const { connection } = this;
    await this.redis.onModuleInit();
    return connection;
  }

  /** The roles of our connections as the server knows them, sorted. */
  async clientsOn(url: string): Promise<string[]> {
    const list = String(await queryRedis(url, (client) => client.client('LIST')));
    const names = list.matchAll(/ name=(\S+):(\w+) /g);
    return [...names].flatMap(([, app, role = '']) => (app === this.app ? [role] : [])).sort();
  }

  close(): void {
    this.redis.onApplicationShutdown();
  }
}
