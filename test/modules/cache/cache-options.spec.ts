import { Test } from '@nestjs/testing';
import { CacheModule } from '../../../src/modules/cache/cache.module.js';
import {
  type CacheOptions,
  resolveCacheOptions,
} from '../../../src/modules/cache/cache.options.js';
import { CacheResponse } from '../../../src/modules/cache/response/cache-response.decorator.js';
import {
  type CacheResponseOptions,
  resolveCacheResponse,
} from '../../../src/modules/cache/response/cache-response.options.js';
import { Cached } from '../../../src/modules/cache/cached.decorator.js';
import type { Duration } from '../../../src/common/time/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';

const DURATIONS = [
  'ttl',
  'staleWhileRevalidate',
  'staleIfError',
  'softTimeout',
  'hardTimeout',
  'failureBackOff',
  'fallbackTtl',
  'deadline',
] as const;
const SIZES = ['maxEntries', 'maxBytes', 'maxValueBytes', 'compressAbove'] as const;

const WRONG: readonly (readonly [option: string, value: unknown])[] = [
  ...rows(DURATIONS, [0, -1, 'soon', '5', '', '-1s', 1.5, NaN, null, {}]),
  ...rows(SIZES, [0, -1, 1.5, NaN, Infinity, '10', null]),
  ...rows(['fallback'], ['redis', '', null, true]),
  ...rows(['singleFlight'], ['nobody', '', null, true]),
  ...rows(['localCopies'], ['yes', 1, null]),
  ...rows(['eviction'], ['fifo', '', null, true]),
  ...rows(['earlyRefresh', 'jitter'], [-1, NaN, Infinity, '1', null]),
  ...rows(['jitter'], [1.1]),
  ...rows(['negativeTtl'], [-1, 'soon', null]),
  ...rows(['userId'], ['me', 1, null]),
  ['tll', '5m'],
  ['maxentries', 5],
];

function rows(names: readonly string[], values: readonly unknown[]) {
  return names.flatMap((name) => values.map((value): readonly [string, unknown] => [name, value]));
}

/** What people write in plain JavaScript, where no compiler looks. */
function refusalOf(option: string, value: unknown): unknown {
  try {
    resolveCacheOptions({ [option]: value } as CacheOptions);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the options of the cache', () => {
  it.each([
    ['maxPending', 0],
    ['whenFull', 'drop'],
    ['delay', 'soon'],
    ['concurrency', 1.5],
    ['attempts', 0],
    ['backOff', -1],
    ['maxDead', 0],
    ['shutdownTimeout', '0s'],
    ['atempts', 1],
  ])('name writeBehind.%s where it is %p', (option, value) => {
    const refusal = refusalOf('writeBehind', { [option]: value });
    expect(String(refusal)).toContain(`writeBehind`);
    expect(String(refusal)).toContain(option);
  });

  it('have defaults', () => {
    expect(resolveCacheOptions({})).toEqual({
      ttlMs: 300_000,
      entries: {
        ttlMs: 300_000,
        staleWhileRevalidateMs: 0,
        staleIfErrorMs: 0,
        softTimeoutMs: undefined,
        hardTimeoutMs: 30_000,
        earlyRefresh: 0,
        jitter: 0,
        negativeTtlMs: undefined,
        tags: [],
        shouldStore: undefined,
      },
      failureBackOffMs: 1_000,
      singleFlight: 'everywhere',
      localCopies: true,
      credentialHeaders: ['authorization', 'cookie', 'x-api-key'],
      maxEntries: 1_000,
      maxBytes: 67_108_864,
      eviction: 'lru',
      maxValueBytes: 1_048_576,
      compressAboveBytes: undefined,
      writeBehind: {
        maxPending: 1_000,
        whenFull: 'wait',
        delayMs: 0,
        concurrency: 8,
        attempts: 5,
        backOffMs: 200,
        maxDead: 1_000,
        shutdownTimeoutMs: 10_000,
      },
      fallback: 'memory',
      fallbackTtlMs: 30_000,
      deadlineMs: 100,
      userId: expect.any(Function) as unknown,
    });
  });

  it('take durations as text or milliseconds', () => {
    const options = { ttl: '2h', fallbackTtl: 1_500, deadline: '0.5s' } as const;
    const resolved = { ttlMs: 7_200_000, fallbackTtlMs: 1_500, deadlineMs: 500 };
    expect(resolveCacheOptions(options)).toMatchObject(resolved);
  });

  it.each(WRONG)('%s: %p is refused by name', (option, value) => {
    const refusal = { code: 'E_INVALID_OPTION', option: `cache.${option}` };
    expect(refusalOf(option, value)).toMatchObject(refusal);
  });

  it('stop the boot when they are wrong', async () => {
    const boot = Test.createTestingModule({ imports: [CacheModule.forRoot({ maxEntries: 0 })] });
    const refusal = { code: 'E_INVALID_OPTION', option: 'cache.maxEntries' };
    await expect(boot.compile()).rejects.toMatchObject(refusal);
  });

  it('may come later, by forRootAsync', async () => {
    const async = CacheModule.forRootAsync({ useFactory: async () => ({ ttl: '0s' as Duration }) });
    const boot = Test.createTestingModule({ imports: [async] });
    const refusal = { code: 'E_INVALID_OPTION', option: 'cache.ttl' };
    await expect(boot.compile()).rejects.toMatchObject(refusal);
  });

  it('without Redis the memory driver serves', async () => {
    const module = await Test.createTestingModule({ imports: [CacheModule.forRoot({})] }).compile();
    const [cache] = module.get(ServiceRegistry).list();
    expect([cache?.service, cache?.backing(), cache?.isServing()]).toEqual([
      'cache',
      'memory',
      true,
    ]);
    await module.close();
  });
});

describe('the user of a request', () => {
  const { userId } = resolveCacheOptions({});
  const request = { method: 'GET', url: '/', headers: {} };

  it.each<readonly [user: unknown, id: string | undefined]>([
    [{ id: 'a', sub: 'b' }, 'a'],
    [{ sub: 'b' }, 'b'],
    [{ id: 7 }, '7'],
    [{ id: 0 }, '0'],
    [{ id: { nested: 1 } }, undefined],
    [{}, undefined],
    [null, undefined],
    ['a', undefined],
    [undefined, undefined],
  ])('%j is %j', (user, id) => {
    expect(userId({ ...request, user })).toBe(id);
  });
});

describe('the options of decorators', () => {
  it.each<readonly [option: string, options: CacheResponseOptions]>([
    ['ttl', { ttl: '0s' }],
    ['ttl', { ttl: 'soon' as Duration }],
    ['key', { key: '' }],
    ['keyPrefix', { keyPrefix: '' }],
    ['public', { public: true, userAware: true }],
    ['userAware', { userAware: 'yes' as unknown as boolean }],
    ['query', { key: 'k', query: ['page'] }],
    ['methods', { methods: ['GET', 'POST'] }],
    ['methods.0', { methods: ['DELETE' as 'POST'], key: 'k' }],
    ['methods', { methods: [] }],
    ['statuses.1', { statuses: [200, 206] }],
    ['statuses.0', { statuses: [304] }],
    ['vary', { vary: [] }],
    ['vary.0', { vary: ['no name'] }],
    ['tags.0', { tags: [''] }],
    ['staleWhileRevalidate', { staleWhileRevalidate: 0 }],
    ['staleIfError', { staleIfError: 'soon' as Duration }],
    ['compress', { compress: 0 }],
    ['cacheControl', { cacheControl: 'a\r\nb' }],
    ['honourNoCache', { honourNoCache: 1 as unknown as boolean }],
    ['edge', { edge: true }],
    ['edge', { edge: true, public: true, vary: ['accept-language'] }],
    ['edge', { edge: true, public: true, key: ({ url }) => url }],
    ['edge', { edge: true, public: true, key: 'k', methods: ['POST'] }],
    ['tll', { tll: 1 } as CacheResponseOptions],
  ])('@CacheResponse.%s is refused at load time: %j', (option, options) => {
    const refusal = { code: 'E_INVALID_OPTION', option: `@CacheResponse.${option}` };
    expect(() => CacheResponse(options)).toThrow(expect.objectContaining(refusal));
  });

  it.each<readonly [options: CacheResponseOptions, sent: string | undefined]>([
    [{}, 'no-cache'],
    [{ userAware: true }, 'private, no-cache'],
    [{ public: true, cacheControl: 'max-age=60' }, 'public, max-age=60'],
    [{ public: true, cacheControl: 'private, max-age=60' }, 'private, max-age=60'],
    [{ cacheControl: false }, undefined],
  ])('@CacheResponse(%j) has clients told %j', (options, sent) => {
    expect(resolveCacheResponse(options).cacheControl).toBe(sent);
  });

  it('@Cached.ttl is refused at load time', () => {
    const refusal = { code: 'E_INVALID_OPTION', option: '@Cached.ttl' };
    expect(() => Cached({ ttl: 0 })).toThrow(expect.objectContaining(refusal));
  });
});
