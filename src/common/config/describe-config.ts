import type { RedisNode, RedisTarget } from '../redis/redis.options.js';
import { formatDuration } from '../time/index.js';
import type { BackplaneConfig } from './config.js';

const HIDDEN = '***';

/**
 * The configuration in a few lines for the start of the log, each `name: value`.
 *
 * Passwords, tokens, user names and the options of URLs are left out or shown as `***`.
 */
export function describeConfig(config: BackplaneConfig): readonly string[] {
  const { http, cache, session, database, smtp, login, admin, log } = config;
  return [
    `http: ${http.host} port ${http.port}, ${http.production ? 'production' : 'development'}`,
    `trust proxy: ${String(http.trustProxy)}`,
    ...describeRedis(config.redis),
    `cache: ttl ${formatDuration(cache.ttlMs)}, ${cache.maxEntries} entries, fallback ${cache.fallback}`,
    `sessions in Redis: ${session.useRedis ? 'yes' : 'no'}`,
    `database: ${database === undefined ? 'embedded' : redactUrl(database.url)}`,
    `mail: ${smtp === undefined ? 'not sent' : redactUrl(smtp.url)}`,
    `login: ${login.method}`,
    `admin token: ${admin.token === undefined ? 'random' : HIDDEN}`,
    `log level: ${log.level}`,
  ];
}

function describeRedis(redis: BackplaneConfig['redis']): readonly string[] {
  if (redis === undefined) return ['redis: none, embedded mode'];
  const { default: main, cache, queue } = redis.connections;
  const prefixes = Object.entries(redis.modulePrefixes ?? {});
  return [
    `redis: ${describeTarget(main)}`,
    ...(cache === undefined ? [] : [`redis for the cache: ${describeTarget(cache)}`]),
    ...(queue === undefined ? [] : [`redis for queues: ${describeTarget(queue)}`]),
    ...(redis.prefix === undefined ? [] : [`redis prefix: ${redis.prefix}`]),
    ...prefixes.map(([module, prefix]) => `redis prefix of ${module}: ${prefix}`),
  ];
}

function describeTarget(target: RedisTarget): string {
  if ('url' in target) return redactUrl(target.url);
  if ('client' in target) return 'a client of the application';
  const user = target.password === undefined ? '' : `${HIDDEN}@`;
  if ('cluster' in target) return `cluster ${user}${describeNodes(target.cluster)}`;
  const db = `/${target.db ?? 0}`;
  if ('host' in target) return `${user}${describeNodes([target])}${db}`;
  return `${user}${target.name}${db} by sentinels ${describeNodes(target.sentinels)}`;
}

function describeNodes(nodes: readonly RedisNode[]): string {
  return nodes.map(({ host, port }) => (port === undefined ? host : `${host}:${port}`)).join(',');
}

function redactUrl(text: string): string {
  const url = new URL(text);
  const user = url.username === '' && url.password === '' ? '' : `${HIDDEN}@`;
  // PostgreSQL takes a password as an option, too.
  return `${url.protocol}//${user}${url.host}${url.pathname}${url.search === '' ? '' : `?${HIDDEN}`}`;
}
