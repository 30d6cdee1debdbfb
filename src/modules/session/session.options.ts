import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { SessionDriver } from './session.driver.js';

/** How the cookie looks. It is always `HttpOnly`. */
export interface SessionCookieOptions {
  /**
   * @default `__Host-sid`; `__Secure-sid` with a domain or another path; `sid` without `secure`
   */
  readonly name?: string;
  /** @default '/' */
  readonly path?: string;
  /** Shares the cookie with subdomains. @default the host alone */
  readonly domain?: string;
  /** @default 'lax' */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /** Send it over HTTPS only. `false` is for development over plain HTTP. @default true */
  readonly secure?: boolean;
}

/** What happens while a configured Redis is away. */
export type SessionFailurePolicy =
  /** Every call fails with `SessionBackendDownError`; over HTTP 503. */
  | 'closed'
  /**
   * Sessions live in this process until Redis is back; those in Redis are absent meanwhile. A
   * single call without an answer, while Redis is there, fails as with `'closed'`, unless it ends
   * sessions.
   */
  | 'memory';

export interface SessionOptions {
  /** Life of a session from its last touch. @default '24h' */
  readonly ttl?: Duration;
  /**
   * Share of its life after which a validated session is touched: fewer writes, coarser
   * `lastSeenAt`. 0 touches on every request; at most 0.5. @default 0.02
   */
  readonly touchFraction?: number;
  readonly cookie?: SessionCookieOptions;
  /** Largest packed `data`. @default 64 KiB */
  readonly maxDataBytes?: number;
  /** Where sessions live; `'memory'` keeps them out of a configured Redis. @default 'redis' */
  readonly storage?: 'redis' | 'memory';
  /** @default 'closed' */
  readonly onRedisDown?: SessionFailurePolicy;
  /**
   * Sessions the memory driver keeps; beyond it the one unused for longest ends.
   * @default 100000
   */
  readonly maxSessions?: number;
  /** Longest wait for Redis in one call. @default '100ms' */
  readonly deadline?: Duration;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<SessionDriver>;
}

const KIB = 1024;
const PERMILLE = 1_000;
const MAX_TOUCH_FRACTION = 0.5;

/** RFC 6265, section 4.1.1: a token. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$/;
const COOKIE_PATH = /^\/[\x21-\x3a\x3c-\x7e]*$/;
const COOKIE_DOMAIN = /^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;

interface CookieShape {
  readonly name: string;
  readonly path: string;
  readonly domain?: string | undefined;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly secure: boolean;
}

const cookie = z
  .strictObject({
    name: z.string().regex(COOKIE_NAME, 'must be a cookie name').optional(),
    path: z.string().regex(COOKIE_PATH, 'must be a path that starts with /').default('/'),
    domain: z.string().regex(COOKIE_DOMAIN, 'must be a domain name').optional(),
    sameSite: z.enum(['strict', 'lax', 'none']).default('lax'),
    secure: z.boolean().default(true),
  })
  .transform((options): CookieShape => ({ ...options, name: options.name ?? nameFor(options) }))
  .superRefine(checkCookie);

function nameFor({ path, domain, secure }: Omit<CookieShape, 'name'>): string {
  if (!secure) return 'sid';
  return path === '/' && domain === undefined ? '__Host-sid' : '__Secure-sid';
}

/** What browsers refuse to store without a word: RFC 6265bis, sections 4.1.2.7 and 4.1.3. */
function checkCookie(options: CookieShape, context: z.RefinementCtx): void {
  const refuse = (field: keyof CookieShape, message: string): void =>
    context.addIssue({ code: 'custom', path: [field], message });
  const { name, path, domain, sameSite, secure } = options;
  if (!secure && /^__(Host|Secure)-/i.test(name)) {
    refuse('name', 'must not start with __Host- or __Secure- without "secure"');
  }
  if (/^__Host-/i.test(name) && (path !== '/' || domain !== undefined)) {
    refuse('name', 'must not start with __Host- beside a domain or another path than /');
  }
  if (sameSite === 'none' && !secure) refuse('sameSite', 'must not be "none" without "secure"');
}

const schema = z
  .strictObject({
    ttl: duration().prefault('24h'),
    touchFraction: z
      .number()
      .min(0, 'must not be negative')
      .max(MAX_TOUCH_FRACTION, `must be at most ${MAX_TOUCH_FRACTION}`)
      .default(0.02),
    cookie: cookie.prefault({}),
    maxDataBytes: positiveInteger().default(64 * KIB),
    storage: z.enum(['redis', 'memory']).default('redis'),
    onRedisDown: z.enum(['closed', 'memory']).default('closed'),
    maxSessions: positiveInteger().default(100_000),
    deadline: duration().prefault('100ms'),
    driver: callable<DriverFactory<SessionDriver>>().optional(),
  })
  .refine(({ driver, storage }) => driver === undefined || storage === 'redis', {
    path: ['storage'],
    message: 'must not be "memory" beside a driver',
  })
  .transform(({ ttl, touchFraction, deadline, ...rest }) => ({
    ...rest,
    ttlMs: ttl,
    touchPermille: Math.round(touchFraction * PERMILLE),
    deadlineMs: deadline,
  }));

export type ResolvedSessionOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveSessionOptions(options: SessionOptions): ResolvedSessionOptions {
  return parseOptions(schema, options, 'session');
}
