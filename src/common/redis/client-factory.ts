import { Cluster, Redis, type RedisOptions as IoredisOptions } from 'ioredis';
import type {
  RedisClusterTarget,
  RedisHostTarget,
  RedisSentinelTarget,
  RedisTarget,
  RedisTls,
} from './redis.options.js';
import { CLUSTER_ROLE_SETTINGS, reconnectDelayMs, type RedisRole, ROLE_SETTINGS } from './roles.js';

export type RedisClient = Redis | Cluster;

/** Replies keep ioredis' default shapes, so the option that changes their types is left out. */
type ClientOptions = Omit<IoredisOptions, 'replyMapping'>;

export interface ClientSettings {
  readonly role: RedisRole;
  readonly app: string;
  readonly connectTimeoutMs: number;
}

/** Makes the client of one role; it connects when told to, not before. */
export function createClient(target: RedisTarget, settings: ClientSettings): RedisClient {
  if ('client' in target) return target.client;
  if ('cluster' in target) return createCluster(target, settings);
  const options = baseOptions(settings);
  if ('sentinels' in target) return new Redis({ ...options, ...sentinelOptions(target) });
  if ('url' in target) {
    return new Redis(target.url, { ...options, ...tlsOption(target.tls) });
  }
  return new Redis({ ...options, ...hostOptions(target) });
}

function baseOptions(settings: ClientSettings): ClientOptions {
  return {
    ...ROLE_SETTINGS[settings.role],
    lazyConnect: true,
    connectTimeout: settings.connectTimeoutMs,
    // How long a closing socket may linger; it keeps the process alive that long.
    disconnectTimeout: 200,
    connectionName: `${settings.app}:${settings.role}`,
    retryStrategy: reconnectDelayMs,
  };
}

function createCluster(target: RedisClusterTarget, settings: ClientSettings): Cluster {
  // The cluster client itself reconnects, and queues for its nodes while they connect.
  const { enableOfflineQueue: _its, retryStrategy: _own, ...redisOptions } = baseOptions(settings);
  const nodes = target.cluster.map(({ host, port = 6379 }) => ({ host, port }));
  return new Cluster(nodes, {
    ...CLUSTER_ROLE_SETTINGS[settings.role],
    lazyConnect: true,
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshTimeout: settings.connectTimeoutMs,
    redisOptions: { ...redisOptions, ...credentials(target) },
  });
}

function sentinelOptions(target: RedisSentinelTarget): ClientOptions {
  return {
    ...credentials(target),
    sentinels: target.sentinels.map(({ host, port = 26_379 }) => ({ host, port })),
    name: target.name,
    db: target.db ?? 0,
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelCommandTimeout: 1_000,
    ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
  };
}

function hostOptions(target: RedisHostTarget): ClientOptions {
  return {
    ...credentials(target),
    host: target.host,
    port: target.port ?? 6379,
    db: target.db ?? 0,
  };
}

function credentials(target: RedisHostTarget | RedisSentinelTarget | RedisClusterTarget) {
  return {
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...tlsOption(target.tls),
  };
}

function tlsOption(tls: RedisTls | undefined): ClientOptions {
  if (tls === undefined) return {};
  return { tls: tls === true ? {} : { ...tls } };
}
