import { BackplaneModule } from '../../dist/index.js';
import { CacheModule, CacheResponse, CacheService } from '../../dist/modules/cache/index.js';
import { createApplication } from '../lib/application.mjs';
import { invalidateTagOperation, lookUpOperation } from '../operations/cache.mjs';
import { TAGGED_ENTRIES, TTL_MS } from '../settings.mjs';
import { applicationContext } from './context.mjs';

const route = (options) => (redisUrl) => {
  const redis =
    redisUrl === undefined ? {} : { redis: { connections: { default: { url: redisUrl } } } };
  return createApplication({
    imports: [BackplaneModule.forRoot({ ...redis, cache: { ttl: TTL_MS, ...options } })],
    on: { method: [CacheResponse()] },
  });
};

/** `@CacheResponse`, in memory without a URL; on Redis its copies in the process answer. */
export const create = route({});

/** Every request asks Redis. */
export const fromStore = route({ localCopies: false });

async function service(redisUrl, options) {
  const context = await applicationContext(redisUrl, CacheModule.forRoot(options));
  return context.get(CacheService);
}

async function lookUps(redisUrl, options) {
  const cache = await service(redisUrl, { ttl: TTL_MS, ...options });
  return lookUpOperation({
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    remove: (key) => cache.delete(key),
  });
}

export const getFromProcess = (redisUrl) => lookUps(redisUrl, {});

export const getFromStore = (redisUrl) => lookUps(redisUrl, { localCopies: false });

/** The entries are copies of one, made on the server: storing a million one by one takes minutes. */
export async function invalidateTag(redisUrl) {
  const cache = await service(redisUrl, { ttl: '1h', localCopies: false });
  const { Redis } = await import('ioredis');
  const direct = new Redis(redisUrl);
  return invalidateTagOperation({
    async fill(tag) {
      await cache.set('entry', 'value', { tags: [tag] });
      await direct.eval(FILL, 1, 'bp:cache:v2:{entry}', TAGGED_ENTRIES);
    },
    some: () => ['0', '1', String(TAGGED_ENTRIES - 1)].map((number) => `entry-${number}`),
    invalidate: (tag) => cache.invalidateTags([tag]),
    get: (key) => cache.get(key),
  });
}

const FILL = `
local value = redis.call('GET', KEYS[1])
for number = 0, tonumber(ARGV[1]) - 1 do
  redis.call('SET', 'bp:cache:v2:{entry-' .. number .. '}', value, 'PX', 3600000)
end
return redis.status_reply('filled')
`;
