import { Redis } from 'ioredis';
import {
  type BackplaneConfig,
  ConfigError,
  ENVIRONMENT,
  type EnvironmentName,
  loadConfig,
} from '../../src/common/config/index.js';
import type { RedisTarget } from '../../src/common/redis/redis.options.js';

type Env = Readonly<Record<string, string>>;

const SECRET = 'zq7-hunter2-k9x4';
const SENTINEL = { REDIS_SENTINELS: 's1:1', REDIS_SENTINEL_NAME: 'mymaster' };

function refusal(env: Env): ConfigError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted ${JSON.stringify(env)}`);
}

function target(env: Env): RedisTarget | undefined {
  return loadConfig(env).redis?.connections.default;
}

function frozenAtEveryDepth(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(frozenAtEveryDepth);
}

describe('loadConfig', () => {
  it('runs embedded with every default when nothing is set', () => {
    expect(loadConfig({})).toEqual({
      http: { port: 3000, host: '0.0.0.0', trustProxy: false, production: false },
      redis: undefined,
      cache: { ttlMs: 300_000, maxEntries: 1_000, fallback: 'memory' },
      session: { useRedis: false },
      database: undefined,
      smtp: undefined,
      login: { method: 'otp' },
      admin: { token: undefined },
      log: { level: 'info' },
    } satisfies BackplaneConfig);
  });

  it('takes every setting to its place, seconds as milliseconds', () => {
    const env = {
      NODE_ENV: 'production',
      PORT: '8080',
      HOST: '127.0.0.1',
      TRUST_PROXY: '1',
      LOG_LEVEL: 'DEBUG',
      REDIS_URL: 'rediss://default:pw@host:6380/2',
      REDIS_CACHE_PREFIX: 'envoyou:cache',
      REDIS_RATE_LIMIT_PREFIX: 'envoyou:ratelimit',
      REDIS_SESSION_PREFIX: 'envoyou:sessions',
      REDIS_PREFIX: 'envoyou',
      REDIS_CACHE_URL: 'redis://cache',
      REDIS_QUEUE_URL: 'redis://queue',
      REDIS_MAX_CONNECTIONS: '50',
      REDIS_TIMEOUT: '2.5',
      REDIS_CACHE_TTL: '3600',
      CACHE_MAX_ENTRIES: '10',
      CACHE_FALLBACK: 'bypass',
      USE_REDIS_SESSIONS: 'false',
      DATABASE_URL: 'postgresql://u:p@db/app',
      SMTP_URL: 'smtps://u:p@mail',
      LOGIN_METHOD: 'magic-link',
      ADMIN_TOKEN: '0123456789abcdef',
    };
    expect(loadConfig(env)).toEqual({
      http: { port: 8080, host: '127.0.0.1', trustProxy: 1, production: true },
      redis: {
        connections: {
          default: { url: 'rediss://default:pw@host:6380/2' },
          cache: { url: 'redis://cache' },
          queue: { url: 'redis://queue' },
        },
        prefix: 'envoyou',
        modulePrefixes: {
          cache: 'envoyou:cache',
          throttle: 'envoyou:ratelimit',
          session: 'envoyou:sessions',
        },
        connectTimeout: 2_500,
        maxConnections: 50,
      },
      cache: { ttlMs: 3_600_000, maxEntries: 10, fallback: 'bypass' },
      session: { useRedis: false },
      database: { url: 'postgresql://u:p@db/app' },
      smtp: { url: 'smtps://u:p@mail' },
      login: { method: 'magic-link' },
      admin: { token: '0123456789abcdef' },
      log: { level: 'debug' },
    } satisfies BackplaneConfig);
  });

  it('freezes the result at every depth', () => {
    const config = loadConfig({ ...SENTINEL, TRUST_PROXY: 'loopback', REDIS_CACHE_PREFIX: 'c' });
    expect(frozenAtEveryDepth(config)).toBe(true);
  });

  it('counts empty and blank variables as not set', () => {
    const blank = Object.fromEntries(ENVIRONMENT.map(({ name }) => [name, ''] as const));
    expect(loadConfig(blank)).toEqual(loadConfig({}));
    expect(loadConfig({ PORT: '  ', REDIS_URL: ' redis://h\n' })).toEqual(
      loadConfig({ REDIS_URL: 'redis://h' }),
    );
  });

  it('leaves variables alone that it does not know', () => {
    expect(loadConfig({ PATH: '/bin', REDIS_TLS: 'x\ny' })).toEqual(loadConfig({}));
  });

  it('keeps a password exactly as it is, spaces and quotes included', () => {
    expect(target({ REDIS_HOST: 'h', REDIS_PASSWORD: ' "x" ' })).toEqual({
      host: 'h',
      password: ' "x" ',
    });
  });

  it('keeps sessions in Redis by default wherever there is a Redis', () => {
    expect(loadConfig({ REDIS_URL: 'redis://h' }).session.useRedis).toBe(true);
    expect(loadConfig({ ...SENTINEL, USE_REDIS_SESSIONS: 'no' }).session.useRedis).toBe(false);
  });

  it('calls only NODE_ENV=production production', () => {
    const isProduction = (env: Env) => loadConfig(env).http.production;
    expect(isProduction({ NODE_ENV: 'production ' })).toBe(true);
    expect(isProduction({ NODE_ENV: 'staging' })).toBe(false);
    expect(isProduction({})).toBe(false);
  });
});

describe('the Redis that is used', () => {
  const LOGIN = { REDIS_USERNAME: 'app', REDIS_PASSWORD: 'p%41@/#:ä' };
  const login = { username: 'app', password: 'p%41@/#:ä' };

  it.each<[string, Env, RedisTarget]>([
    [
      'the private URL before the public one and the host',
      { REDIS_PRIVATE_URL: 'redis://a', REDIS_URL: 'redis://b', REDIS_HOST: 'c' },
      { url: 'redis://a' },
    ],
    [
      'the URL before the host, whose port, database and password go with it',
      { REDIS_URL: 'redis://:x@b', REDIS_HOST: 'c', REDIS_PORT: '7', REDIS_PASSWORD: 'y' },
      { url: 'redis://:x@b' },
    ],
    [
      'a host with all its details',
      { REDIS_HOST: 'c', REDIS_PORT: '7000', REDIS_DB: '3', ...LOGIN },
      { host: 'c', port: 7000, db: 3, ...login },
    ],
    ['a host alone', { REDIS_HOST: '::1' }, { host: '::1' }],
    [
      'Sentinels with credentials and database',
      { REDIS_SENTINELS: 'a:1, [::1]:2,c', REDIS_SENTINEL_NAME: 'm', REDIS_DB: '1', ...LOGIN },
      {
        sentinels: [{ host: 'a', port: 1 }, { host: '::1', port: 2 }, { host: 'c' }],
        name: 'm',
        db: 1,
        ...login,
      },
    ],
    [
      'a cluster with credentials',
      { REDIS_CLUSTER_NODES: 'a:1,b_1:2', REDIS_DB: '0', ...LOGIN },
      {
        cluster: [
          { host: 'a', port: 1 },
          { host: 'b_1', port: 2 },
        ],
        ...login,
      },
    ],
    ['a URL written in capitals', { REDIS_URL: 'REDISS://h' }, { url: 'rediss://h' }],
    ['an address family', { REDIS_URL: 'redis://h?family=6' }, { url: 'redis://h?family=6' }],
    [
      'a URL and variables that repeat what it says',
      {
        REDIS_URL: 'redis://app:p%40@h:7000/03',
        REDIS_PORT: '7000',
        REDIS_DB: '3',
        REDIS_USERNAME: 'app',
        REDIS_PASSWORD: 'p@',
      },
      { url: 'redis://app:p%40@h:7000/03' },
    ],
  ])('is %s', (_title, env, expected) => {
    expect(target(env)).toEqual(expected);
  });

  it('is a URL completed by the variables beside it, any character of the password kept', () => {
    const completed = target({
      REDIS_URL: 'redis://h',
      REDIS_DB: '2',
      REDIS_PORT: '7000',
      ...LOGIN,
    });
    if (completed === undefined || !('url' in completed)) throw new Error('no URL');
    const client = new Redis(completed.url, { lazyConnect: true });
    const { host, port, db, username, password } = client.options;
    client.disconnect();
    expect({ host, port: Number(port), db: Number(db), username, password }).toEqual({
      host: 'h',
      port: 7000,
      db: 2,
      ...login,
    });
  });
});

describe('whose forwarded headers are trusted', () => {
  it.each<[string, false | number | readonly string[]]>([
    ['false', false],
    ['0', false],
    ['2', 2],
    ['loopback', ['loopback']],
    [
      'Loopback, 10.0.0.0/8,fd00::/8,192.168.1.1',
      ['loopback', '10.0.0.0/8', 'fd00::/8', '192.168.1.1'],
    ],
  ])('TRUST_PROXY=%s', (text, expected) => {
    expect(loadConfig({ TRUST_PROXY: text }).http.trustProxy).toEqual(expected);
  });

  it.each(['true', 'TRUE', '0.0.0.0/0', '::/0', 'loopback,0.0.0.0/00'])(
    'refuses %s because everybody could forge an address',
    (text) => {
      expect(refusal({ TRUST_PROXY: text }).message).toMatch(
        /forge its address with X-Forwarded-For/,
      );
    },
  );
});

describe('a value that is wrong by itself', () => {
  it.each<[EnvironmentName, string]>([
    ['NODE_ENV', 'Production'],
    ['NODE_ENV', 'prod'],
    ['PORT', '80a'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '1e3'],
    ['HOST', 'http://localhost'],
    ['TRUST_PROXY', 'yes'],
    ['TRUST_PROXY', '99'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['TRUST_PROXY', '10.0.0.0/8/8'],
    ['TRUST_PROXY', 'loopback,,linklocal'],
    ['TRUST_PROXY', 'fe80::1%eth0'],
    ['LOG_LEVEL', 'loud'],
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'http://localhost'],
    ['REDIS_URL', 'redis://'],
    ['REDIS_URL', 'redis://h:99999'],
    ['REDIS_URL', 'redis://h/zero'],
    ['REDIS_URL', 'redis://:p%zz@h'],
    ['REDIS_URL', 'redis://h?keyPrefix=x'],
    ['REDIS_URL', 'redis://h#x'],
    ['REDIS_PRIVATE_URL', 'redis:h'],
    ['REDIS_CACHE_URL', 'memcached://h'],
    ['REDIS_QUEUE_URL', 'amqp://h'],
    ['REDIS_HOST', 'localhost:6379'],
    ['REDIS_HOST', 'a b'],
    ['REDIS_PORT', '0'],
    ['REDIS_DB', 'zero'],
    ['REDIS_SENTINELS', 'a:1,,b:2'],
    ['REDIS_SENTINELS', 'redis://a:1'],
    ['REDIS_CLUSTER_NODES', 'a:0'],
    ['REDIS_CLUSTER_NODES', '[a]:1'],
    ['REDIS_CLUSTER_NODES', 'a:99999'],
    ['REDIS_PREFIX', 'shop:'],
    ['REDIS_PREFIX', 'shop*'],
    ['REDIS_CACHE_PREFIX', '{shop}'],
    ['REDIS_RATE_LIMIT_PREFIX', 'a b'],
    ['REDIS_SESSION_PREFIX', 'x'.repeat(65)],
    ['REDIS_MAX_CONNECTIONS', '0'],
    ['REDIS_TIMEOUT', '5000'],
    ['REDIS_TIMEOUT', '5s'],
    ['REDIS_TIMEOUT', '0'],
    ['REDIS_CACHE_TTL', '5m'],
    ['REDIS_CACHE_TTL', '0'],
    ['CACHE_MAX_ENTRIES', '0'],
    ['CACHE_FALLBACK', 'database'],
    ['USE_REDIS_SESSIONS', 'maybe'],
    ['DATABASE_URL', 'mysql://h/db'],
    ['DATABASE_URL', 'postgres:///db'],
    ['SMTP_URL', 'mail.example.com'],
    ['LOGIN_METHOD', 'password'],
    ['ADMIN_TOKEN', 'short'],
    ['ADMIN_TOKEN', 'with some spaces in it'],
    ['REDIS_PASSWORD', 'secret\n'],
    ['REDIS_URL', '"redis://h"'],
  ])('%s=%j is refused in one line that names it and gives an example', (variable, text) => {
    const error = refusal({ [variable]: text });
    expect(error).toMatchObject({ code: 'E_CONFIG', variable });
    expect(error.message).toMatch(/^[A-Z_]+: [^\n]+, for example [A-Z_]+=[^\n]+$/);
    expect(error.message.startsWith(`${variable}: `)).toBe(true);
  });

  it('has a message in the words of the person who has to correct it', () => {
    expect(refusal({ REDIS_URL: 'localhost' }).message).toBe(
      'REDIS_URL: must start with redis:// or rediss://, for example REDIS_URL=redis://localhost:6379',
    );
    expect(refusal({ PORT: '80a' }).message).toBe(
      'PORT: must be a whole number from 0 to 65535, not "80a", for example PORT=3000',
    );
  });

  it.each(['a\nb', 'a\u0000', 'a\u2028b', '\ud800'])(
    'is any text with a control character or half a character, such as %j',
    (text) => {
      const error = refusal({ REDIS_HOST: 'h', REDIS_PASSWORD: text });
      expect(error.variable).toBe('REDIS_PASSWORD');
    },
  );

  it('is shown shortened and in plain ASCII', () => {
    expect(refusal({ PORT: `é${'1'.repeat(99)}` }).message).toContain(
      `not "?${'1'.repeat(39)}..."`,
    );
  });

  it('is refused even where another variable supersedes it', () => {
    expect(refusal({ REDIS_URL: 'redis://h', REDIS_PORT: 'x' }).variable).toBe('REDIS_PORT');
  });

  it('is a token of fewer than 16 characters in production, where elsewhere 8 will do', () => {
    expect(loadConfig({ ADMIN_TOKEN: '12345678' }).admin.token).toBe('12345678');
    const error = refusal({ ADMIN_TOKEN: '12345678', NODE_ENV: 'production' });
    expect(error.variable).toBe('ADMIN_TOKEN');
  });

  it('accepts a PostgreSQL socket directory for a host', () => {
    const url = 'postgres:///app?host=/var/run/postgresql';
    expect(loadConfig({ DATABASE_URL: url }).database).toEqual({ url });
  });
});

describe('settings that contradict each other', () => {
  const CLUSTER = { REDIS_CLUSTER_NODES: 'a:1' };

  it.each<[EnvironmentName, string, Env]>([
    ['REDIS_SENTINELS', 'beside a cluster', { ...SENTINEL, ...CLUSTER }],
    ['REDIS_SENTINELS', 'beside a URL', { ...SENTINEL, REDIS_URL: 'redis://h' }],
    ['REDIS_SENTINELS', 'beside a private URL', { ...SENTINEL, REDIS_PRIVATE_URL: 'redis://h' }],
    ['REDIS_SENTINELS', 'beside a host', { ...SENTINEL, REDIS_HOST: 'h' }],
    ['REDIS_CLUSTER_NODES', 'beside a URL', { ...CLUSTER, REDIS_URL: 'redis://h' }],
    ['REDIS_CLUSTER_NODES', 'beside a host', { ...CLUSTER, REDIS_HOST: 'h' }],
    ['REDIS_SENTINELS', 'without a name', { REDIS_SENTINELS: 'a:1' }],
    ['REDIS_SENTINEL_NAME', 'without Sentinels', { REDIS_SENTINEL_NAME: 'm' }],
    ['REDIS_SENTINEL_NAME', 'beside a URL', { REDIS_SENTINEL_NAME: 'm', REDIS_URL: 'redis://h' }],
    ['REDIS_DB', 'other than 0 with a cluster', { ...CLUSTER, REDIS_DB: '1' }],
    ['REDIS_PORT', 'with a cluster', { ...CLUSTER, REDIS_PORT: '1' }],
    ['REDIS_PORT', 'with Sentinels', { ...SENTINEL, REDIS_PORT: '1' }],
    ['REDIS_PORT', 'without a host', { REDIS_PORT: '6379' }],
    ['REDIS_DB', 'without a host', { REDIS_DB: '0' }],
    ['REDIS_USERNAME', 'without a host', { REDIS_USERNAME: 'u' }],
    ['REDIS_PASSWORD', 'without a host', { REDIS_PASSWORD: SECRET }],
    ['REDIS_USERNAME', 'without a password', { REDIS_HOST: 'h', REDIS_USERNAME: 'u' }],
    ['REDIS_USERNAME', 'without any password', { REDIS_URL: 'redis://h', REDIS_USERNAME: 'u' }],
    [
      'REDIS_PASSWORD',
      'other than that of the URL',
      { REDIS_URL: 'redis://:a@h', REDIS_PASSWORD: SECRET },
    ],
    [
      'REDIS_USERNAME',
      'other than that of the URL',
      { REDIS_PRIVATE_URL: `redis://a:${SECRET}@h`, REDIS_USERNAME: 'b' },
    ],
    ['REDIS_DB', 'other than that of the URL', { REDIS_URL: 'redis://h/0', REDIS_DB: '1' }],
    ['REDIS_PORT', 'other than that of the URL', { REDIS_URL: 'redis://h:1', REDIS_PORT: '2' }],
    ['REDIS_CACHE_URL', 'without a default Redis', { REDIS_CACHE_URL: 'redis://h' }],
    ['REDIS_QUEUE_URL', 'without a default Redis', { REDIS_QUEUE_URL: 'redis://h' }],
    ['USE_REDIS_SESSIONS', 'without Redis', { USE_REDIS_SESSIONS: 'true' }],
    [
      'REDIS_CACHE_PREFIX',
      'equal to another one',
      { REDIS_URL: 'redis://h', REDIS_CACHE_PREFIX: 'x', REDIS_SESSION_PREFIX: 'x' },
    ],
    ['REDIS_CACHE_PREFIX', 'above other modules', { REDIS_HOST: 'h', REDIS_CACHE_PREFIX: 'bp' }],
    [
      'REDIS_SESSION_PREFIX',
      'inside that of the cache',
      { REDIS_HOST: 'h', REDIS_SESSION_PREFIX: 'shop:cache:s', REDIS_PREFIX: 'shop' },
    ],
  ])('%s %s stops the boot', (variable, _when, env) => {
    const error = refusal(env);
    expect(error.variable).toBe(variable);
    expect(error.message).toMatch(/^[^\n]+, for example [A-Z_]+=[^\n]+$/);
    expect(error.message).not.toContain(SECRET);
  });
});
