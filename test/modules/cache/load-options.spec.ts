import type { LoadContext } from '../../../src/modules/cache/cache-loader.js';
import { cacheHarness } from './cache-harness.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';

afterEach(() => jest.restoreAllMocks());

describe('how an entry is kept', () => {
  it('jitter ends entries earlier, never later', async () => {
    const { cache } = cacheHarness();
    const lifeOf = async (key: string): Promise<number> => {
      await cache.getOrSet(key, () => 'value', { ttl: 1_000, jitter: 0.1 });
      return (await cache.inspect(key))?.remainingMs ?? 0;
    };
    const lives = await Promise.all(Array.from({ length: 50 }, (_, at) => lifeOf(`key ${at}`)));
    expect(Math.max(...lives)).toBeLessThanOrEqual(1_000);
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(900);
    expect(new Set(lives).size).toBeGreaterThan(10);
  });

  it('null may have a life of its own', async () => {
    const { cache } = cacheHarness();
    await cache.getOrSet('nobody', () => null, { ttl: 1_000, negativeTtl: 10 });
    await cache.getOrSet('somebody', () => 'me', { ttl: 1_000, negativeTtl: 10 });
    expect(await cache.inspect('nobody')).toMatchObject({ value: null, remainingMs: 10 });
    expect(await cache.inspect('somebody')).toMatchObject({ remainingMs: 1_000 });
  });

  it('null may be refused', async () => {
    const { cache } = cacheHarness();
    const load = jest.fn(() => null);
    for (let i = 0; i < 2; i += 1) await cache.getOrSet('key', load, { negativeTtl: 0 });
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('the loader may say how long, of what, and that it is not to be stored', async () => {
    const { cache } = cacheHarness();
    await cache.getOrSet(
      'key',
      ({ setTtl, addTags, key }) => {
        setTtl('2s');
        addTags('of the loader');
        return key;
      },
      { ttl: '1s', tags: ['of the call'] },
    );
    expect(await cache.inspect('key')).toMatchObject({ value: 'key', remainingMs: 2_000 });
    for (const tag of ['of the loader', 'of the call']) {
      await cache.set('key', 'value', { tags: [tag] });
      await cache.invalidateTags(['of the loader', 'of the call']);
      expect(await cache.get('key')).toBeUndefined();
    }
    const skipped = await cache.getOrSet('key', ({ skipStore }) => {
      skipStore();
      return 'not stored';
    });
    expect(skipped).toBe('not stored');
    expect(await cache.get('key')).toBeUndefined();
  });

  it.each(['of the loader', 'of the call'])('the tag %s outdates it', async (tag) => {
    const { cache } = cacheHarness();
    const load = ({ addTags }: LoadContext) => {
      addTags('of the loader');
      return 1;
    };
    await cache.getOrSet('key', load, { tags: ['of the call'] });
    expect(await cache.get('key')).toBe(1);
    await cache.invalidateTags([tag]);
    expect(await cache.get('key')).toBeUndefined();
  });

  it('a predicate may refuse a value', async () => {
    const { cache } = cacheHarness();
    const shouldStore = (value: unknown): boolean => value !== 'incomplete';
    expect(await cache.getOrSet('key', () => 'incomplete', { shouldStore })).toBe('incomplete');
    expect(await cache.get('key')).toBeUndefined();
    await cache.getOrSet('key', () => 'complete', { shouldStore });
    expect(await cache.get('key')).toBe('complete');
  });

  it('a tag that cannot be one is refused before anything is loaded', async () => {
    const { cache } = cacheHarness();
    const load = jest.fn(() => 1);
    const refusal = { code: 'E_INVALID_OPTION', option: 'tags' };
    await expect(cache.getOrSet('key', load, { tags: [''] })).rejects.toMatchObject(refusal);
    await expect(cache.invalidateTags([''])).rejects.toMatchObject(refusal);
    expect(load).not.toHaveBeenCalled();
  });

  it.each([
    ['earlyRefresh', -1],
    ['earlyRefresh', NaN],
    ['jitter', 1.1],
    ['softTimeout', 0],
    ['hardTimeout', 'soon'],
    ['staleWhileRevalidate', -1],
    ['staleIfError', 1.5],
    ['negativeTtl', -1],
    ['tags', 'tag'],
    ['shouldStore', true],
    ['tll', '5m'],
  ])('the option %s: %p is refused', async (option, value) => {
    const { cache } = cacheHarness();
    const asked = cache.getOrSet('key', () => 1, { [option]: value });
    await expect(asked).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option });
  });
});

describe('claims', () => {
  it('are asked for before a load, not before a hit, and given back', async () => {
    const claimed: string[] = [];
    const claims = {
      claim: async (key: string) => {
        claimed.push(`claim ${key}`);
        return { release: () => void claimed.push(`release ${key}`) };
      },
    };
    const { cache } = cacheHarness({}, { claims });
    await cache.getOrSet('key', () => {
      claimed.push('load');
      return 'value';
    });
    await cache.getOrSet('key', () => 'never');
    expect(claimed).toEqual(['claim key', 'load', 'release key']);
    await expect(cache.getOrSet('other', () => Promise.reject(new Error('no')))).rejects.toThrow();
    expect(claimed.slice(3)).toEqual(['claim other', 'release other']);
  });

  it('a load that another process has made meanwhile is not made again', async () => {
    const granted = new Deferred<undefined>();
    const claims = { claim: () => granted.promise };
    const { cache, engine } = cacheHarness({}, { claims });
    const load = jest.fn(() => 'mine');
    const asked = cache.getOrSet('key', load);
    await eventually(async () => engine.copies.entries === 0);
    await cache.set('key', 'theirs');
    granted.resolve(undefined);
    expect(await asked).toBe('theirs');
    expect(load).not.toHaveBeenCalled();
  });
});
