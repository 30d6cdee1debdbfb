import { z } from 'zod';
import type { HttpRequest } from '../../../common/http/index.js';
import {
  callable,
  duration,
  parseOptions,
  positiveInteger,
} from '../../../common/options/index.js';
import type { Duration } from '../../../common/time/index.js';

export const CACHE_RESPONSE = Symbol('CACHE_RESPONSE');

/** Key of a request, as a text or made from the request. */
export type ResponseKey = string | ((request: HttpRequest) => string);

/** Request headers by which answers differ, or what tells them apart, made from the request. */
export type ResponseVary =
  readonly string[] | ((request: HttpRequest) => string | readonly string[]);

/** What an answer was made of, or a function of the request and of what the handler returned. */
export type ResponseTags =
  readonly string[] | ((request: HttpRequest, result: unknown) => readonly string[]);

/** Methods that change nothing. */
export type CachedMethod = 'GET' | 'HEAD' | 'POST' | 'QUERY';

export interface CacheResponseOptions {
  /** An answer whose own `Cache-Control` or `Expires` says less is kept for that. @default the module's `ttl` */
  readonly ttl?: Duration;
  /** @default the path and the query, whatever the order of its parameters */
  readonly key?: ResponseKey;
  /** Put before the key, so that a group of routes can be invalidated by `prefix*`. */
  readonly keyPrefix?: string;
  /** The parameters of the query that the answer depends on. @default all of them */
  readonly query?: readonly string[];
  /** One entry for each user instead of one for all. @default false */
  readonly userAware?: boolean;
  /** The answer is the same for everybody, also for those who are signed in. @default false */
  readonly public?: boolean;
  /**
   * What the answer depends on besides the key. Headers are named in `Vary`. One that holds
   * credentials gives everybody who sends others entries of their own.
   */
  readonly vary?: ResponseVary;
  /** By which answers can be invalidated. */
  readonly tags?: ResponseTags;
  /** `POST` and `QUERY` only with a `key` that says what was asked. @default ['GET', 'HEAD'] */
  readonly methods?: readonly CachedMethod[];
  /**
   * Answers that are stored. 404 and 410 are also stored where they were thrown.
   * @default [200, 203, 204, 300, 301, 308], and 201 with POST, for which Nest answers so
   */
  readonly statuses?: readonly number[];
  /** After `ttl`: served for so long, while the handler runs for the next. @default none */
  readonly staleWhileRevalidate?: Duration;
  /** After `ttl`: served for so long where the handler fails, with a 5xx. @default none */
  readonly staleIfError?: Duration;
  /**
   * Stores bodies compressed as well (br, gzip), so that no request waits for that: `true` from
   * 1 kB, or from so many bytes. @default false
   */
  readonly compress?: boolean | number;
  /**
   * What clients are told, unless the handler says something; `false`: nothing. `private` is put
   * before it for `userAware`, `public` for `public`. @default 'no-cache': to ask each time, since
   * nobody could take back what they keep; who has the answer gets a 304
   */
  readonly cacheControl?: string | false;
  /**
   * Do as clients say: `no-cache`, `max-age` and `min-fresh` run the handler for what is too old,
   * `no-store` passes the cache by, `only-if-cached` gets a 504 rather than an answer that has to
   * be made. @default false: a client cannot make the server work
   */
  readonly honourNoCache?: boolean;
  /**
   * Answers a request before guards and interceptors are asked, where this process holds a fresh
   * answer. For routes that need `public`, whose entries go by method and URL alone, and that no
   * guard but the rate limiter protects: refused otherwise, at load time or at boot. @default false
   */
  readonly edge?: boolean;
}

const DEFAULT_STATUSES = [200, 203, 204, 300, 301, 308];
/** Smaller bodies fit into one packet with the headers anyway. */
const COMPRESS_ABOVE_BYTES = 1_024;

const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7E]+$/;

const fieldName = z
  .string()
  .regex(FIELD_NAME, 'must be the name of a header')
  .transform((name) => name.toLowerCase());

const status = z
  .int('must be a status')
  .min(200, 'must be at least 200')
  .max(599, 'must be at most 599')
  .refine((code) => code !== 206 && code !== 304, 'must be that of a whole answer');

const schema = z
  .strictObject({
    ttl: duration().optional(),
    key: z.union([z.string().min(1), callable<(request: HttpRequest) => string>()]).optional(),
    keyPrefix: z.string().min(1).max(200).optional(),
    query: z.array(z.string()).optional(),
    userAware: z.boolean().default(false),
    public: z.boolean().default(false),
    vary: z
      .union([z.array(fieldName).min(1), callable<Extract<ResponseVary, Function>>()])
      .optional(),
    tags: z
      .union([z.array(z.string().min(1)), callable<Extract<ResponseTags, Function>>()])
      .default([]),
    methods: z
      .array(z.enum(['GET', 'HEAD', 'POST', 'QUERY']))
      .min(1)
      .default(['GET', 'HEAD']),
    statuses: z.array(status).min(1).optional(),
    staleWhileRevalidate: duration().optional(),
    staleIfError: duration().optional(),
    compress: z.union([z.boolean(), positiveInteger()]).default(false),
    cacheControl: z
      .union([z.literal(false), z.string().regex(FIELD_VALUE, 'must be the value of a header')])
      .default('no-cache'),
    honourNoCache: z.boolean().default(false),
    edge: z.boolean().default(false),
  })
  .refine((options) => !(options.userAware && options.public), {
    path: ['public'],
    message: 'excludes userAware',
  })
  .refine((options) => options.key === undefined || options.query === undefined, {
    path: ['query'],
    message: 'excludes key, which says itself what it takes of the request',
  })
  .refine((options) => options.key !== undefined || options.methods.every(isSafelyKeyed), {
    path: ['methods'],
    message: 'needs a key for POST and QUERY, since the body is no part of the default one',
  })
  .refine((options) => !options.edge || options.public, {
    path: ['edge'],
    message: 'needs public: true, since nobody asks who the client is',
  })
  .refine((options) => !options.edge || isByUrl(options), {
    path: ['edge'],
    message:
      'excludes vary, a key function, POST and QUERY: its entries go by method and URL alone',
  })
  .transform(({ compress, cacheControl, statuses, ...rest }) => ({
    ...rest,
    statuses: statuses ?? defaultStatuses(rest.methods),
    compressAboveBytes: thresholdOf(compress),
    cacheControl: cacheControl === false ? undefined : scoped(cacheControl, rest),
  }));

export type ResolvedCacheResponse = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveCacheResponse(options: CacheResponseOptions): ResolvedCacheResponse {
  return parseOptions(schema, options, '@CacheResponse');
}

function defaultStatuses(methods: readonly CachedMethod[]): readonly number[] {
  return methods.includes('POST') ? [...DEFAULT_STATUSES, 201] : DEFAULT_STATUSES;
}

function isByUrl(options: {
  readonly key?: unknown;
  readonly vary?: unknown;
  readonly methods: readonly CachedMethod[];
}): boolean {
  const { key, vary, methods } = options;
  return vary === undefined && typeof key !== 'function' && methods.every(isSafelyKeyed);
}

function isSafelyKeyed(method: CachedMethod): boolean {
  return method === 'GET' || method === 'HEAD';
}

function thresholdOf(compress: boolean | number): number | undefined {
  if (compress === false) return undefined;
  return compress === true ? COMPRESS_ABOVE_BYTES : compress;
}

/** With the word for whom it is, unless it says that already. */
function scoped(
  text: string,
  route: { readonly userAware: boolean; readonly public: boolean },
): string {
  if (/\b(?:private|public|no-store)\b/i.test(text)) return text;
  if (route.userAware) return `private, ${text}`;
  return route.public ? `public, ${text}` : text;
}
