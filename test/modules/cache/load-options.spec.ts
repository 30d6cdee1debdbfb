import type { LoadContext } from '../../../src/modules/cache/cache-loader.js';
import { FakeClock } from '../../../src/testing/index.js';
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

  it('what the loader says goes before the life of null', async () => {
    const { cache } = cacheHarness();
    const load = ({ setTtl }: LoadContext) => {
      setTtl('2s');
      return null;
    };
    await cache.getOrSet('key', load, { ttl: '1s', negativeTtl: 10 });
    expect(await cache.inspect('key')).toMatchObject({ value: null, remainingMs: 2_000 });
  });

  it('the longest times there are can be combined', async () => {
    const { cache } = cacheHarness();
    const longest = { ttl: '3650d', staleIfError: '3650d', hardTimeout: '3650d' } as const;
    const load = () => Promise.resolve('value');
    expect(await cache.getOrSet('key', load, longest)).toBe('value');
    expect(await cache.get('key')).toBe('value');
  });

  it('too many tags are refused before anything is loaded, or with the load', async () => {
    const { cache } = cacheHarness();
    const tags = Array.from({ length: 256 }, (_, at) => `tag ${at}`);
    const load = jest.fn(() => 1);
    const refusal = { code: 'E_INVALID_OPTION', option: 'tags' };
    await expect(cache.getOrSet('key', load, { tags })).rejects.toMatchObject(refusal);
    expect(load).not.toHaveBeenCalled();
    const half = cache.getOrSet('key', ({ addTags }) => addTags(...tags.slice(0, 200)), {
      tags: tags.slice(100, 256),
    });
    await expect(half).rejects.toMatchObject(refusal);
    expect(await cache.getOrSet('key', load, { tags: tags.slice(1) })).toBe(1);
    expect(await cache.get('key')).toBe(1);
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
  it('of those who had to wait, and find nothing, do not make the others wait in turn', async () => {
    const steps: string[] = [];
    let isHeld = true;
    const release = (): void => {
      if (isHeld) steps.push('release');
      isHeld = false;
    };
    const claims = { claim: async () => ({ isFirst: false, release }) };
    const { cache } = cacheHarness({}, { claims });
    await cache.getOrSet('key', () => {
      steps.push('load');
      return undefined;
    });
    expect(steps).toEqual(['release', 'load']);
  });

  it('that were waited for until the time of the load is over are a load that hangs', async () => {
    const clock = new FakeClock();
    const claims = {
      claim: async (_key: string, waitMs: number) => {
        clock.advance(waitMs);
        return undefined;
      },
    };
    const { cache } = cacheHarness({}, { claims, clock });
    const load = jest.fn(() => 'value');
    const asked = cache.getOrSet('key', load, { hardTimeout: '1s' });
    await expect(asked).rejects.toMatchObject({ code: 'E_CACHE_LOAD_TIMEOUT', timeoutMs: 1_000 });
    expect(load).not.toHaveBeenCalled();
  });

  it('are asked for before a load, not before a hit, and given back', async () => {
    const claimed: string[] = [];
    const claims = {
      claim: async (key: string) => {
        claimed.push(`claim ${key}`);
        let isHeld = true;
        const release = (): void => {
          if (isHeld) claimed.push(`release ${key}`);
          isHeld = false;
        };
        return { isFirst: true, release };
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
