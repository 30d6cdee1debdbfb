import type { RedisOptions, RedisTarget } from '../redis/redis.options.js';
import { ConfigError } from './config.error.js';
import type { EnvironmentName } from './environment.js';
import type { Settings } from './environment.schema.js';
import { modulePrefixes } from './key-prefixes.js';
import { completeUrl } from './redis-url.js';

/** Everything that names a server, the winner first. */
const LOCATIONS = [
  'REDIS_SENTINELS',
  'REDIS_CLUSTER_NODES',
  'REDIS_PRIVATE_URL',
  'REDIS_URL',
  'REDIS_HOST',
] as const satisfies readonly EnvironmentName[];

/**
 * The options of the connection layer, or `undefined` where no Redis is named (embedded mode).
 *
 * @throws ConfigError when the variables contradict each other, or one of them has no effect
 */
export function redisOptions(settings: Settings): RedisOptions | undefined {
  const target = defaultTarget(settings);
  if (target === undefined) {
    const named = ['REDIS_CACHE_URL', 'REDIS_QUEUE_URL'] as const;
    refuse(settings, named, { problem: 'needs a default Redis beside it', remedy: 'REDIS_URL' });
    return undefined;
  }
  const { REDIS_PREFIX, REDIS_TIMEOUT, REDIS_MAX_CONNECTIONS } = settings;
  return {
    connections: {
      default: target,
      ...(settings.REDIS_CACHE_URL !== undefined && { cache: { url: settings.REDIS_CACHE_URL } }),
      ...(settings.REDIS_QUEUE_URL !== undefined && { queue: { url: settings.REDIS_QUEUE_URL } }),
    },
    ...(REDIS_PREFIX !== undefined && { prefix: REDIS_PREFIX }),
    ...modulePrefixes(settings),
    ...(REDIS_TIMEOUT !== undefined && { connectTimeout: REDIS_TIMEOUT }),
    ...(REDIS_MAX_CONNECTIONS !== undefined && { maxConnections: REDIS_MAX_CONNECTIONS }),
  };
}

function defaultTarget(settings: Settings): RedisTarget | undefined {
  refuseTwoLocations(settings);
  refuseHalves(settings);
  const [location] = LOCATIONS.filter((name) => settings[name] !== undefined);
  switch (location) {
    case 'REDIS_SENTINELS':
      return sentinelTarget(settings);
    case 'REDIS_CLUSTER_NODES':
      return clusterTarget(settings);
    case 'REDIS_PRIVATE_URL':
    case 'REDIS_URL':
      return { url: completeUrl(settings, location) };
    case 'REDIS_HOST':
      return hostTarget(settings);
    case undefined:
      return undefined;
  }
}

/** Of two URLs and a host one wins by rule; Sentinels or a cluster beside anything else do not. */
function refuseTwoLocations(settings: Settings): void {
  const [first, second] = LOCATIONS.filter((name) => settings[name] !== undefined);
  if (second === undefined) return;
  if (first === 'REDIS_SENTINELS' || first === 'REDIS_CLUSTER_NODES') {
    throw new ConfigError(first, `contradicts ${second}; keep one of the two`);
  }
}

/** Variables that mean nothing without another one. */
function refuseHalves(settings: Settings): void {
  if (settings.REDIS_SENTINELS === undefined) {
    refuse(settings, ['REDIS_SENTINEL_NAME'], {
      problem: 'needs REDIS_SENTINELS',
      remedy: 'REDIS_SENTINELS',
    });
  }
  if (LOCATIONS.every((name) => settings[name] === undefined)) {
    const details = ['REDIS_PORT', 'REDIS_DB', 'REDIS_USERNAME', 'REDIS_PASSWORD'] as const;
    refuse(settings, details, {
      problem: 'has no effect because no Redis is named; set one',
      remedy: 'REDIS_HOST',
    });
  }
}

function hostTarget(settings: Settings): RedisTarget {
  const { REDIS_HOST: host = '', REDIS_PORT: port } = settings;
  return { host, ...(port !== undefined && { port }), ...credentials(settings), ...db(settings) };
}

function sentinelTarget(settings: Settings): RedisTarget {
  const { REDIS_SENTINELS: sentinels = [], REDIS_SENTINEL_NAME: name } = settings;
  refuse(settings, ['REDIS_PORT'], {
    problem: 'has no effect with REDIS_SENTINELS; put ports into its list',
  });
  if (name === undefined) {
    throw new ConfigError(
      'REDIS_SENTINELS',
      'needs the name of the master set',
      'REDIS_SENTINEL_NAME',
    );
  }
  return { sentinels, name, ...credentials(settings), ...db(settings) };
}

function clusterTarget(settings: Settings): RedisTarget {
  const { REDIS_CLUSTER_NODES: cluster = [], REDIS_DB: database = 0 } = settings;
  refuse(settings, ['REDIS_PORT'], {
    problem: 'has no effect with REDIS_CLUSTER_NODES; put ports into its list',
  });
  if (database !== 0) {
    throw new ConfigError('REDIS_DB', 'must be 0 or not set, a cluster has no other database');
  }
  return { cluster, ...credentials(settings) };
}

function credentials(settings: Settings): { username?: string; password?: string } {
  const { REDIS_USERNAME: username, REDIS_PASSWORD: password } = settings;
  if (password === undefined) {
    refuse(settings, ['REDIS_USERNAME'], {
      problem: 'needs REDIS_PASSWORD beside it',
      remedy: 'REDIS_PASSWORD',
    });
    return {};
  }
  return username === undefined ? { password } : { username, password };
}

function db({ REDIS_DB }: Settings): { db?: number } {
  return REDIS_DB === undefined ? {} : { db: REDIS_DB };
}

/** Why a variable that is set is refused, and which one to set instead or as well. */
interface Refusal {
  readonly problem: string;
  readonly remedy?: EnvironmentName;
}

function refuse(settings: Settings, names: readonly EnvironmentName[], refusal: Refusal): void {
  const set = names.find((name) => settings[name] !== undefined);
  if (set !== undefined) throw new ConfigError(set, refusal.problem, refusal.remedy);
}
