import { createApplication } from '../lib/application.mjs';
import { PAYLOAD, USER_ID, WINDOW_MS } from '../settings.mjs';

/** `bare` is the row that does none of the work. */
export const HTTP_GROUPS = [
  {
    group: 'cache-redis',
    bare: 'bare',
    title: 'A. Cached answer from Redis (every request a hit)',
  },
  {
    group: 'cache-process',
    bare: 'bare',
    title: 'A. Cached answer from copies in the process, on Redis (every request a hit)',
  },
  {
    group: 'cache-memory',
    bare: 'bare',
    title: 'A. Cached answer from memory (every request a hit)',
  },
  {
    group: 'throttle-redis',
    bare: 'bare',
    title: 'B. Rate limit counted in Redis, one hot client',
  },
  {
    group: 'throttle-three',
    bare: 'bare',
    title: 'B. Three rate limits counted in Redis, one hot client',
  },
  {
    group: 'throttle-memory',
    bare: 'bare',
    title: 'B. Rate limit counted in memory, one hot client',
  },
  {
    group: 'session-redis',
    bare: 'session-bare',
    title: 'C. Session from Redis, on Express (every request with the cookie of one session)',
  },
];

const CACHE_HEADERS = { 'x-cache': /^HIT$/ };
const LIMIT_HEADERS = {
  'x-ratelimit-limit': /^\d+$/,
  'x-ratelimit-remaining': /^\d+$/,
  'x-ratelimit-reset': /^\d+$/,
};

/** Hits that come together, 64 at most, share a call, and those of one client what it writes. */
const SHARED_CALLS = { evalsha: 1 / 64 };

/** The same key that is asked for again in a turn is read once. */
const SHARED_READS = { evalsha: 1 / 64 };

/**
 * - `headers`: what an answer must have
 * - `body`: what it must be
 * - `handlerRuns`: whether requests reach the route's own code
 * - `countsEach`: what `X-RateLimit-Remaining` must show of a slice, because each request of it was
 *   counted: `growth`, of a window far longer than all slices, or a `full-window` at the same rate
 * - `signsIn`: `POST` to `SIGN_IN_PATH` opens a session, and the cookies it sets go with each request
 */
const answer = { body: PAYLOAD, headers: {}, handlerRuns: 'always' };
const cache = { ...answer, headers: CACHE_HEADERS, handlerRuns: 'never' };
const throttle = { ...answer, headers: LIMIT_HEADERS, windowMs: WINDOW_MS };
const session = {
  ...answer,
  adapter: 'express',
  body: { ...PAYLOAD, userId: USER_ID },
};

const bare = () => createApplication();
const bareWithUser = () => createApplication({ answer: () => ({ ...PAYLOAD, userId: USER_ID }) });
const oursCache = () => import('../ours/cache.mjs');
const oursThrottle = () => import('../ours/throttle.mjs');
const oursSession = () => import('../ours/session.mjs');
const peerCache = () => import('../peers/cache-manager.mjs');
const peerThrottle = () => import('../peers/throttler.mjs');
const peerSession = () => import('../peers/express-session.mjs');

export const HTTP_CONTENDERS = [
  {
    ...answer,
    id: 'bare',
    title: 'bare route',
    group: 'bare',
    load: async () => bare,
  },
  {
    ...cache,
    id: 'cache-redis-ours',
    title: '`@CacheResponse`, `localCopies: false`',
    group: 'cache-redis',
    against: ['cache-redis-peer'],
    redis: SHARED_READS,
    load: async () => (await oursCache()).fromStore,
  },
  {
    ...cache,
    id: 'cache-process-ours',
    title: '`@CacheResponse`',
    group: 'cache-process',
    // Signs of life of the connection that changes are told on.
    redis: { ping: 0 },
    load: async () => (await oursCache()).create,
  },
  {
    ...cache,
    id: 'cache-redis-peer',
    title: '@nestjs/cache-manager, @keyv/redis',
    group: 'cache-redis',
    redis: { get: 1 },
    load: async () => (await peerCache()).onRedis,
  },
  {
    ...cache,
    id: 'cache-memory-ours',
    title: '`@CacheResponse`',
    group: 'cache-memory',
    against: ['cache-memory-peer'],
    load: async () => (await oursCache()).create,
  },
  {
    ...cache,
    id: 'cache-memory-peer',
    title: '@nestjs/cache-manager, default store',
    group: 'cache-memory',
    load: async () => (await peerCache()).inMemory,
  },
  {
    ...cache,
    id: 'cache-memory-peer-lru',
    title: '@nestjs/cache-manager, CacheableMemory',
    group: 'cache-memory',
    load: async () => (await peerCache()).inCacheableMemory,
  },
  {
    ...throttle,
    id: 'throttle-redis-ours',
    title: 'our guard, sliding window (default)',
    group: 'throttle-redis',
    against: ['throttle-redis-peer'],
    redis: SHARED_CALLS,
    countsEach: 'full-window',
    load: async () => (await oursThrottle()).slidingWindow,
  },
  {
    ...throttle,
    id: 'throttle-redis-ours-fixed',
    title: 'our guard, fixed window',
    group: 'throttle-redis',
    against: ['throttle-redis-peer'],
    redis: SHARED_CALLS,
    load: async () => (await oursThrottle()).fixedWindow,
  },
  {
    ...throttle,
    id: 'throttle-redis-peer',
    title: '@nestjs/throttler, @nest-lab/throttler-storage-redis (fixed window)',
    group: 'throttle-redis',
    redis: { eval: 1 },
    load: async () => (await peerThrottle()).onRedis,
  },
  {
    ...throttle,
    id: 'throttle-three-ours',
    title: 'our guard, sliding window (default)',
    group: 'throttle-three',
    against: ['throttle-three-peer'],
    redis: SHARED_CALLS,
    countsEach: 'growth',
    load: async () => (await oursThrottle()).threeLimits,
  },
  {
    ...throttle,
    id: 'throttle-three-peer',
    title: '@nestjs/throttler, @nest-lab/throttler-storage-redis (fixed window)',
    group: 'throttle-three',
    headers: {},
    redis: { eval: 3 },
    load: async () => (await peerThrottle()).threeOnRedis,
  },
  {
    ...throttle,
    id: 'throttle-memory-ours',
    countsEach: 'full-window',
    title: 'our guard, sliding window (default)',
    group: 'throttle-memory',
    against: ['throttle-memory-peer'],
    load: async () => (await oursThrottle()).slidingWindow,
  },
  {
    ...throttle,
    id: 'throttle-memory-peer',
    countsEach: 'full-window',
    title: '@nestjs/throttler, own storage (sliding window)',
    group: 'throttle-memory',
    load: async () => (await peerThrottle()).inMemory,
  },
  {
    ...session,
    id: 'session-bare',
    title: 'bare route',
    group: 'bare',
    load: async () => bareWithUser,
  },
  {
    ...session,
    id: 'session-redis-ours',
    title: '`@RequireSession` (default: touches after 2 % of the life)',
    group: 'session-redis',
    against: ['session-redis-peer'],
    signsIn: true,
    redis: { evalsha: 1 },
    load: async () => (await oursSession()).create,
  },
  {
    ...session,
    id: 'session-redis-peer',
    title: 'express-session, connect-redis (touches on every request)',
    group: 'session-redis',
    signsIn: true,
    redis: { get: 1, expire: 1 },
    load: async () => (await peerSession()).create,
  },
];
