/**
 * Who is compared with whom, and what each has to prove before and during every measurement, so
 * that nobody is fast because it does not do the work.
 */
import { createApplication } from './lib/application.mjs';

const CACHE_HEADERS = { 'x-cache': /^HIT$/ };
const LIMIT_HEADERS = {
  'x-ratelimit-limit': /^\d+$/,
  'x-ratelimit-remaining': /^\d+$/,
  'x-ratelimit-reset': /^\d+$/,
};

/** Cached answers: the handler does not run, and on Redis each request is a GET. */
const cache = { headers: CACHE_HEADERS, handlerRuns: 'never' };
const throttle = { headers: LIMIT_HEADERS, handlerRuns: 'always' };

const bare = () => createApplication();
const oursCache = async () => (await import('./ours/cache.mjs')).create;
const oursThrottle = () => import('./ours/throttle.mjs');
const peerCache = () => import('./peers/cache-manager.mjs');
const peerThrottle = () => import('./peers/throttler.mjs');

/**
 * - `load`: resolves to the function that makes the application from the URL of Redis
 * - `redisCommand`: what each request must send to Redis; without it nothing may be sent
 * - `against`: the peer it is compared with
 */
export const CONTENDERS = [
  {
    id: 'bare',
    title: 'bare route',
    group: 'bare',
    headers: {},
    handlerRuns: 'always',
    load: async () => bare,
  },
  {
    ...cache,
    id: 'cache-redis-ours',
    title: '`@CacheResponse`',
    group: 'cache-redis',
    against: 'cache-redis-peer',
    redisCommand: 'get',
    load: oursCache,
  },
  {
    ...cache,
    id: 'cache-redis-peer',
    title: '@nestjs/cache-manager, @keyv/redis',
    group: 'cache-redis',
    redisCommand: 'get',
    load: async () => (await peerCache()).onRedis,
  },
  {
    ...cache,
    id: 'cache-memory-ours',
    title: '`@CacheResponse`',
    group: 'cache-memory',
    against: 'cache-memory-peer',
    load: oursCache,
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
    against: 'throttle-redis-peer',
    redisCommand: 'evalsha',
    load: async () => (await oursThrottle()).slidingWindow,
  },
  {
    ...throttle,
    id: 'throttle-redis-ours-fixed',
    title: 'our guard, fixed window',
    group: 'throttle-redis',
    against: 'throttle-redis-peer',
    redisCommand: 'evalsha',
    load: async () => (await oursThrottle()).fixedWindow,
  },
  {
    ...throttle,
    id: 'throttle-redis-peer',
    title: '@nestjs/throttler, @nest-lab/throttler-storage-redis (fixed window)',
    group: 'throttle-redis',
    redisCommand: 'eval',
    load: async () => (await peerThrottle()).onRedis,
  },
  {
    ...throttle,
    id: 'throttle-memory-ours',
    title: 'our guard, sliding window (default)',
    group: 'throttle-memory',
    against: 'throttle-memory-peer',
    load: async () => (await oursThrottle()).slidingWindow,
  },
  {
    ...throttle,
    id: 'throttle-memory-peer',
    title: '@nestjs/throttler, own storage (sliding window)',
    group: 'throttle-memory',
    load: async () => (await peerThrottle()).inMemory,
  },
];

export function contenderById(id) {
  const found = CONTENDERS.find((contender) => contender.id === id);
  if (found === undefined) throw new Error(`There is no contender "${id}"`);
  return found;
}
