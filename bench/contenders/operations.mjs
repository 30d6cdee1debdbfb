import { HIT_WINDOW_MS } from '../settings.mjs';

export const OPERATION_GROUPS = [
  { group: 'cache-get-process', title: 'A. `get` of 1.2 kB from memory, one after the other' },
  { group: 'cache-get-store', title: 'A. `get` of 1.2 kB from Redis, 100 at once' },
  { group: 'cache-tag', title: 'A. Invalidation of a tag that a million entries have' },
  { group: 'hits-hot', title: 'B. Rate limit in memory: hits of one client, without HTTP' },
  { group: 'hits-cold', title: 'B. Rate limit in memory: hits of 100000 clients, without HTTP' },
  { group: 'lock-1', title: 'D. Lock: acquire and release, one after the other' },
  { group: 'lock-50', title: 'D. Lock: acquire and release, 50 different keys at once' },
  { group: 'pubsub-1', title: 'E. Publish → handle, one event after the other' },
  { group: 'pubsub-50', title: 'E. Publish → handle, 50 events under way' },
  { group: 'queue-enqueue', title: 'F. Queue: enqueue, 50 at once' },
  {
    group: 'queue-process',
    title: 'F. Queue: enqueue → handled, 50 jobs under way and a worker for 50 at once',
  },
];

/** Operations under way at once: one shows how long each takes, many how much a process can do. */
const CONCURRENCIES = [1, 50];

const atEach = (family, contenders) =>
  CONCURRENCIES.flatMap((concurrency) => {
    const group = `${family}-${concurrency}`;
    return contenders.map(({ name, against, ...rest }) => ({
      ...rest,
      id: `${group}-${name}`,
      group,
      concurrency,
      ...(against === undefined ? {} : { against: against.map((peer) => `${group}-${peer}`) }),
    }));
  });

const locks = atEach('lock', [
  {
    name: 'ours',
    title: '`LockService`',
    against: ['redlock', 'redis-semaphore'],
    redis: { evalsha: 2 },
    load: async () => (await import('../ours/lock.mjs')).create,
  },
  {
    name: 'ours-unfenced',
    title: '`LockService`, `fence: false` (the peers have none)',
    against: ['redlock', 'redis-semaphore'],
    redis: { evalsha: 2 },
    load: async () => (await import('../ours/lock.mjs')).unfenced,
  },
  {
    name: 'redlock',
    title: 'redlock',
    redis: { evalsha: 2 },
    load: async () => (await import('../peers/redlock.mjs')).create,
  },
  {
    name: 'redis-semaphore',
    title: 'redis-semaphore',
    redis: { set: 1, evalsha: 1 },
    load: async () => (await import('../peers/redis-semaphore.mjs')).create,
  },
]);

const pubsub = atEach('pubsub', [
  {
    name: 'ours',
    title: '`PubSubService`',
    against: ['raw'],
    redis: { evalsha: 1 },
    inScripts: { publish: 1 },
    load: async () => (await import('../ours/pubsub.mjs')).create,
  },
  {
    name: 'raw',
    title: 'raw ioredis and JSON (no history, no envelope, no isolation)',
    redis: { publish: 1 },
    load: async () => (await import('../peers/ioredis-pubsub.mjs')).create,
  },
]);

const oursCache = () => import('../ours/cache.mjs');
const bentocache = () => import('../peers/bentocache.mjs');
const cacheManager = () => import('../peers/cache-manager.mjs');
const fromProcess = { group: 'cache-get-process', concurrency: 1 };
const fromStore = { group: 'cache-get-store', concurrency: 100 };

const caches = [
  {
    ...fromProcess,
    id: 'cache-get-process-ours',
    title: '`CacheService`',
    against: ['cache-get-process-bento', 'cache-get-process-manager'],
    // Signs of life of the connection that changes are told on.
    redis: { ping: 0 },
    load: async () => (await oursCache()).getFromProcess,
  },
  {
    ...fromProcess,
    id: 'cache-get-process-bento',
    title: 'bentocache, memory',
    load: async () => (await bentocache()).inMemory,
  },
  {
    ...fromProcess,
    id: 'cache-get-process-manager',
    title: 'cache-manager, default store',
    load: async () => (await cacheManager()).getFromMemory,
  },
  {
    ...fromStore,
    id: 'cache-get-store-ours',
    title: '`CacheService`, `localCopies: false`',
    against: ['cache-get-store-bento', 'cache-get-store-manager', 'cache-get-store-raw'],
    redis: { evalsha: 1 / 100 },
    load: async () => (await oursCache()).getFromStore,
  },
  {
    ...fromStore,
    id: 'cache-get-store-bento',
    title: 'bentocache, Redis',
    redis: { get: 1 },
    load: async () => (await bentocache()).onRedis,
  },
  {
    ...fromStore,
    id: 'cache-get-store-manager',
    title: 'cache-manager, @keyv/redis',
    redis: { get: 1 },
    load: async () => (await cacheManager()).getFromRedis,
  },
  {
    ...fromStore,
    id: 'cache-get-store-raw',
    title: 'raw ioredis and JSON',
    redis: { get: 1 },
    load: async () => (await import('../peers/ioredis-cache.mjs')).create,
  },
  {
    id: 'cache-tag-ours',
    title: '`CacheService`',
    group: 'cache-tag',
    concurrency: 1,
    redis: { evalsha: 1 },
    load: async () => (await oursCache()).invalidateTag,
  },
];

const HITS_AT_ONCE = 50;
const throttle = () => import('../ours/throttle.mjs');
const throttler = () => import('../peers/throttler.mjs');

const hits = ['hot', 'cold'].flatMap((kind) => [
  {
    id: `hits-${kind}-ours`,
    title: '`ThrottleService`, sliding window (default)',
    group: `hits-${kind}`,
    concurrency: HITS_AT_ONCE,
    windowMs: HIT_WINDOW_MS,
    against: [`hits-${kind}-peer`],
    load: async () => (await throttle())[`${kind}Hits`],
  },
  {
    id: `hits-${kind}-peer`,
    title: '@nestjs/throttler, own storage (sliding window)',
    group: `hits-${kind}`,
    concurrency: HITS_AT_ONCE,
    windowMs: HIT_WINDOW_MS,
    load: async () => (await throttler())[`${kind}Hits`],
  },
]);

const JOBS_AT_ONCE = 50;
const ours = () => import('../ours/queue.mjs');
const bullmq = () => import('../peers/bullmq.mjs');
const enqueue = { group: 'queue-enqueue', concurrency: JOBS_AT_ONCE, redis: { evalsha: 1 } };
const process = {
  group: 'queue-process',
  concurrency: JOBS_AT_ONCE,
  // Stored and completed; a worker waits by the second where no job came with the last one's end.
  redis: { evalsha: 2, bzpopmin: 0 },
};

const queues = [
  {
    ...enqueue,
    id: 'queue-enqueue-ours',
    title: '`QueueService`',
    against: ['queue-enqueue-bullmq'],
    load: async () => (await ours()).enqueue,
  },
  {
    ...enqueue,
    id: 'queue-enqueue-bullmq',
    title: 'plain BullMQ, the same job options',
    load: async () => (await bullmq()).enqueue,
  },
  {
    ...process,
    id: 'queue-process-ours',
    title: '`QueueService`, `@OnJob`',
    against: ['queue-process-bullmq'],
    load: async () => (await ours()).process,
  },
  {
    ...process,
    id: 'queue-process-bullmq',
    title: 'plain BullMQ, the same job options',
    load: async () => (await bullmq()).process,
  },
];

export const OPERATION_CONTENDERS = [...caches, ...hits, ...locks, ...pubsub, ...queues];
