import { z } from 'zod';
import { parseHost, parseNodes, parseRedisUrl, urlParser } from './address.js';
import type { EnvironmentName } from './environment.js';
import { oneOf, parsed, Problem, wholeNumber } from './problem.js';
import { parseTrustProxy } from './trust-proxy.js';

/** Pino's levels, and `silent`. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const TEN_YEARS_S = 10 * 365 * 86_400;
const MAX_TIMEOUT_S = 600;
const MIN_TOKEN_LENGTH = 8;
const MAX_PREFIX_LENGTH = 64;
/** Words joined by `:`; neither glob characters nor `{}`, which would change the cluster slot. */
const PREFIX = /^[\w.-]+(?::[\w.-]+)*$/;

const host = parsed(parseHost);
const port = wholeNumber(1, 65_535);
const redisUrl = parsed(parseRedisUrl);
const nodes = parsed(parseNodes);
const prefix = parsed((text) => {
  if (PREFIX.test(text) && text.length <= MAX_PREFIX_LENGTH) return text;
  return new Problem('must be words of letters, digits, _ . - joined by single colons');
});

/**
 * Every variable by itself: text in, typed value out; `undefined` where it is not set and has no
 * default. What the variables mean together is decided in `redis-config.ts` and `config.ts`.
 */
export const environmentSchema = z.object({
  NODE_ENV: parsed(parseNodeEnv).optional(),
  PORT: wholeNumber(0, 65_535).default(3_000),
  HOST: host.default('0.0.0.0'),
  TRUST_PROXY: parsed(parseTrustProxy).default(false),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  REDIS_PRIVATE_URL: redisUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  REDIS_HOST: host.optional(),
  REDIS_PORT: port.optional(),
  REDIS_DB: wholeNumber(0, 99_999).optional(),
  REDIS_USERNAME: z.string().optional(),
  REDIS_PASSWORD: z.string().optional(),
  REDIS_SENTINELS: nodes.optional(),
  REDIS_SENTINEL_NAME: z.string().optional(),
  REDIS_CLUSTER_NODES: nodes.optional(),
  REDIS_CACHE_URL: redisUrl.optional(),
  REDIS_QUEUE_URL: redisUrl.optional(),
  REDIS_PREFIX: prefix.optional(),
  REDIS_CACHE_PREFIX: prefix.optional(),
  REDIS_RATE_LIMIT_PREFIX: prefix.optional(),
  REDIS_SESSION_PREFIX: prefix.optional(),
  REDIS_MAX_CONNECTIONS: wholeNumber(1, 100_000).optional(),
  REDIS_TIMEOUT: parsed(parseTimeout).optional(),
  REDIS_CACHE_TTL: wholeNumber(1, TEN_YEARS_S).default(300),
  CACHE_MAX_ENTRIES: wholeNumber(1, 10_000_000).default(1_000),
  CACHE_FALLBACK: oneOf(['memory', 'bypass']).default('memory'),
  USE_REDIS_SESSIONS: z.stringbool({ error: 'must be true or false' }).optional(),
  DATABASE_URL: parsed(urlParser('postgres:', 'postgresql:')).optional(),
  SMTP_URL: parsed(urlParser('smtp:', 'smtps:')).optional(),
  LOGIN_METHOD: oneOf(['otp', 'magic-link']).default('otp'),
  ADMIN_TOKEN: parsed(parseToken).optional(),
} satisfies Readonly<Record<EnvironmentName, z.ZodType>>);

/** The typed value of every variable. */
export type Settings = Readonly<z.output<typeof environmentSchema>>;

/** Any word will do, but a misspelt `production` must not switch the production checks off. */
function parseNodeEnv(text: string): string | Problem {
  if (text === 'production' || !/^prod/i.test(text)) return text;
  return new Problem('must be spelt production, in small letters');
}

/** Seconds in, whole milliseconds out. The limit catches values that were meant as milliseconds. */
function parseTimeout(text: string): number | Problem {
  const milliseconds = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * 1_000) : 0;
  if (milliseconds >= 1 && milliseconds <= MAX_TIMEOUT_S * 1_000) return milliseconds;
  return new Problem(
    `must be a number of seconds (not milliseconds) from 0.001 to ${MAX_TIMEOUT_S}`,
  );
}

/** Visible ASCII, because an `Authorization` header carries nothing else safely. */
function parseToken(text: string): string | Problem {
  if (!/^[\x21-\x7e]+$/.test(text)) return new Problem('must be visible ASCII without spaces');
  if (text.length >= MIN_TOKEN_LENGTH) return text;
  return new Problem(`must have at least ${MIN_TOKEN_LENGTH} characters`);
}
