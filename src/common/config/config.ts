import type { RedisOptions } from '../redis/redis.options.js';
import { ConfigError } from './config.error.js';
import type { LOG_LEVELS, Settings } from './environment.schema.js';
import { readEnvironment } from './read-environment.js';
import { redisOptions } from './redis-config.js';
import type { TrustProxy } from './trust-proxy.js';

/** A level of pino, or `silent`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything the backend takes from its environment; validated, and frozen at every depth. */
export interface BackplaneConfig {
  readonly http: {
    /** 0 = any free port. */
    readonly port: number;
    readonly host: string;
    readonly trustProxy: TrustProxy;
    /** `NODE_ENV` is `production`. */
    readonly production: boolean;
  };
  /** `undefined` = embedded mode: the memory drivers serve. */
  readonly redis: RedisOptions | undefined;
  readonly cache: {
    /** Lifetime of an entry whose code names none, in milliseconds. */
    readonly ttlMs: number;
    /** Most entries of the memory driver. */
    readonly maxEntries: number;
    /** What serves while Redis is down. */
    readonly fallback: 'memory' | 'bypass';
  };
  readonly session: {
    /** Never `true` in embedded mode. */
    readonly useRedis: boolean;
  };
  /** `url` holds credentials. */
  readonly database: { readonly url: string } | undefined;
  /** `url` holds credentials. */
  readonly smtp: { readonly url: string } | undefined;
  readonly login: { readonly method: 'otp' | 'magic-link' };
  /** A secret; `undefined` = make a random one and print it once. */
  readonly admin: { readonly token: string | undefined };
  readonly log: { readonly level: LogLevel };
}

const MIN_PRODUCTION_TOKEN_LENGTH = 16;

/**
 * Reads and validates the whole environment. Call it once, before anything connects, and pass the
 * result on; nothing else reads `process.env`.
 *
 * An empty variable counts as not set, and unknown ones are left alone.
 *
 * @throws ConfigError for the first variable that is wrong or contradicts another one; its message is
 * one line to print, without any secret
 *
 * @example
 * const config = loadConfig(process.env);
 */
export function loadConfig(env: NodeJS.ProcessEnv): BackplaneConfig {
  const settings = readEnvironment(env);
  const redis = redisOptions(settings);
  return deepFreeze({
    http: httpConfig(settings),
    redis,
    cache: {
      ttlMs: settings.REDIS_CACHE_TTL * 1_000,
      maxEntries: settings.CACHE_MAX_ENTRIES,
      fallback: settings.CACHE_FALLBACK,
    },
    session: { useRedis: useRedisSessions(settings, redis !== undefined) },
    database: optionalUrl(settings.DATABASE_URL),
    smtp: optionalUrl(settings.SMTP_URL),
    login: { method: settings.LOGIN_METHOD },
    admin: { token: adminToken(settings) },
    log: { level: settings.LOG_LEVEL },
  });
}

function httpConfig(settings: Settings): BackplaneConfig['http'] {
  return {
    port: settings.PORT,
    host: settings.HOST,
    trustProxy: settings.TRUST_PROXY,
    production: isProduction(settings),
  };
}

function isProduction({ NODE_ENV }: Settings): boolean {
  return NODE_ENV === 'production';
}

function useRedisSessions({ USE_REDIS_SESSIONS }: Settings, hasRedis: boolean): boolean {
  if (USE_REDIS_SESSIONS === true && !hasRedis) {
    throw new ConfigError(
      'USE_REDIS_SESSIONS',
      'is true but no Redis is named; set one',
      'REDIS_URL',
    );
  }
  return USE_REDIS_SESSIONS ?? hasRedis;
}

/** Short tokens are for laptops; in production one that can be guessed opens every session. */
function adminToken(settings: Settings): string | undefined {
  const { ADMIN_TOKEN: token } = settings;
  const tooShort = token !== undefined && token.length < MIN_PRODUCTION_TOKEN_LENGTH;
  if (tooShort && isProduction(settings)) {
    throw new ConfigError(
      'ADMIN_TOKEN',
      `must have at least ${MIN_PRODUCTION_TOKEN_LENGTH} characters in production`,
    );
  }
  return token;
}

function optionalUrl(url: string | undefined): { readonly url: string } | undefined {
  return url === undefined ? undefined : { url };
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
