import { runInNewContext } from 'node:vm';
import { LoadRefusal } from '../../../src/modules/cache/cache-loader.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { cacheHarness } from './cache-harness.js';

const SECOND = 1_000;
/** Fresh for a second, then served for ten more while it is loaded anew. */
const REVALIDATED = { ttl: '1s', staleWhileRevalidate: '10s' } as const;
const ON_ERROR = { ttl: '1s', staleIfError: '10s' } as const;

const failing = () => Promise.reject(new Error('source is away'));

describe('stale-while-revalidate', () => {
  it('serves the old value at once and lets one load make the new one', async () => {
    const { cache, clock, of } = cacheHarness();
    await cache.getOrSet('key', () => 'old', REVALIDATED);
    clock.advance(2 * SECOND);
    const loaded = new Deferred<string>();
    const load = jest.fn(() => loaded.promise);
    const ask = () => cache.getOrSet('key', load, REVALIDATED);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['old', 'old', 'old']);
    expect(await ask()).toBe('old');
    loaded.resolve('new');
    await eventually(async () => (await ask()) === 'new');
    expect(load).toHaveBeenCalledTimes(1);
    expect(of('cache.stale')[0]).toEqual({ key: 'key', reason: 'revalidating' });
  });

  it('waits for the load once that time is over too', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', REVALIDATED);
    clock.advance(11 * SECOND);
    expect(await cache.getOrSet('key', () => 'new', REVALIDATED)).toBe('new');
  });

  it('is for those who ask for it: get finds nothing', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', REVALIDATED);
    clock.advance(2 * SECOND);
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.getOrSet('key', () => 'new', { ttl: '1s' })).toBe('new');
  });

  it('never serves what was deleted', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', REVALIDATED);
    clock.advance(2 * SECOND);
    await cache.delete('key');
    expect(await cache.getOrSet('key', () => 'new', REVALIDATED)).toBe('new');
  });

  it('a load that fails is not tried again for a while, and nobody hears of it', async () => {
    const { cache, clock, of } = cacheHarness({ failureBackOff: '1s' });
    await cache.getOrSet('key', () => 'old', REVALIDATED);
    clock.advance(2 * SECOND);
    const load = jest.fn(failing);
    const ask = () => cache.getOrSet<unknown>('key', load, REVALIDATED);
    expect(await ask()).toBe('old');
    await eventually(async () => of('cache.load-failed').length === 1);
    expect(await ask()).toBe('old');
    expect(load).toHaveBeenCalledTimes(1);
    clock.advance(SECOND);
    expect(await ask()).toBe('old');
    await eventually(async () => of('cache.load-failed').length === 2);
  });

  it('begins with a soft purge, before the time of the entry is over', async () => {
    const { cache } = cacheHarness();
    const tagged = { ...REVALIDATED, tags: ['tag'] };
    await cache.getOrSet('key', () => 'old', tagged);
    await cache.invalidateTags(['tag'], { soft: true });
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.getOrSet('key', () => 'new', tagged)).toBe('old');
    await eventually(async () => (await cache.get('key')) === 'new');
  });
});

describe('stale-if-error', () => {
  it('serves the old value when the load fails', async () => {
    const { cache, clock, of } = cacheHarness();
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(2 * SECOND);
    expect(await cache.getOrSet<string>('key', failing, ON_ERROR)).toBe('old');
    expect(of('cache.stale')).toEqual([{ key: 'key', reason: 'load-failed' }]);
  });

  it('waits for a load that does not fail', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(2 * SECOND);
    expect(await cache.getOrSet('key', () => 'new', ON_ERROR)).toBe('new');
  });

  it('does not ask a source again that has just failed', async () => {
    const { cache, clock } = cacheHarness({ failureBackOff: '5s' });
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(2 * SECOND);
    const load = jest.fn(failing);
    const ask = () => cache.getOrSet<unknown>('key', load, ON_ERROR);
    expect([await ask(), await ask()]).toEqual(['old', 'old']);
    expect(load).toHaveBeenCalledTimes(1);
    clock.advance(5 * SECOND);
    await ask();
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('ends: then the error is the answer', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(11 * SECOND);
    await expect(cache.getOrSet('key', failing, ON_ERROR)).rejects.toThrow('source is away');
  });

  it('does not stand for what was deleted', async () => {
    const { cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(2 * SECOND);
    await cache.delete('key');
    await expect(cache.getOrSet('key', failing, ON_ERROR)).rejects.toThrow('source is away');
  });

  it('a refusal is no failure', async () => {
    const { engine, cache, clock } = cacheHarness();
    await cache.getOrSet('key', () => 'old', ON_ERROR);
    clock.advance(2 * SECOND);
    const refusal = new LoadRefusal('mine alone');
    const refusing = () => Promise.reject(refusal);
    await expect(cache.getOrSet('key', refusing, ON_ERROR)).rejects.toBe(refusal);
    expect(await cache.getOrSet('key', () => 'new', ON_ERROR)).toBe('new');
    expect(engine.copies.entries).toBe(1);
  });
});

describe('timeouts of a load', () => {
  it('soft: the old value is served, and the load goes on', async () => {
    const { cache, clock } = cacheHarness();
    const options = { ...ON_ERROR, softTimeout: 10 } as const;
    await cache.getOrSet('key', () => 'old', options);
    clock.advance(2 * SECOND);
    const loaded = new Deferred<string>();
    expect(await cache.getOrSet('key', () => loaded.promise, options)).toBe('old');
    loaded.resolve('new');
    await eventually(async () => (await cache.get('key')) === 'new');
  });

  it('soft: a load that fails after it is told', async () => {
    const { cache, clock, of } = cacheHarness();
    const options = { ...ON_ERROR, softTimeout: 10 } as const;
    await cache.getOrSet('key', () => 'old', options);
    clock.advance(2 * SECOND);
    const loaded = new Deferred<string>();
    expect(await cache.getOrSet('key', () => loaded.promise, options)).toBe('old');
    const error = new Error('too late, and in vain');
    loaded.reject(error);
    await eventually(async () => of('cache.load-failed').length === 1);
    expect(of('cache.load-failed')).toEqual([{ key: 'key', error }]);
  });

  it('hard: holds also for what is a promise of another kind', async () => {
    const { cache } = cacheHarness();
    const never = runInNewContext('new Promise(() => undefined)') as Promise<string>;
    expect(never instanceof Promise).toBe(false);
    const asked = cache.getOrSet('key', () => never, { hardTimeout: 10 });
    await expect(asked).rejects.toMatchObject({ code: 'E_CACHE_LOAD_TIMEOUT' });
  });

  it('hard: the load has failed, its signal is aborted, and the next one begins', async () => {
    const { cache } = cacheHarness();
    let signal: AbortSignal | undefined;
    const hanging = (context: { readonly signal: AbortSignal }) => {
      signal = context.signal;
      return new Promise<string>(() => undefined);
    };
    const asked = cache.getOrSet('key', hanging, { hardTimeout: 10 });
    await expect(asked).rejects.toMatchObject({ code: 'E_CACHE_LOAD_TIMEOUT', key: 'key' });
    expect(signal?.aborted).toBe(true);
    expect(await cache.getOrSet('key', () => 'value', { hardTimeout: 10_000 })).toBe('value');
  });

  it('hard: an old value is served where there is one', async () => {
    const { cache, clock } = cacheHarness();
    const options = { ...ON_ERROR, hardTimeout: 10 } as const;
    await cache.getOrSet('key', () => 'old', options);
    clock.advance(2 * SECOND);
    const hanging = () => new Promise<string>(() => undefined);
    expect(await cache.getOrSet('key', hanging, options)).toBe('old');
  });
});

describe('early refresh', () => {
  /** A value that took a second to make, fresh for a minute. */
  async function slowlyMade(earlyRefresh: number) {
    const harness = cacheHarness();
    const options = { ttl: '1m', earlyRefresh } as const;
    await harness.cache.getOrSet(
      'key',
      () => {
        harness.clock.advance(SECOND);
        return 'old';
      },
      options,
    );
    return {
      ...harness,
      ask: (load: () => string) => harness.cache.getOrSet('key', load, options),
    };
  }

  afterEach(() => jest.restoreAllMocks());

  it('loads anew while the value is fresh, and nobody waits for it', async () => {
    const { clock, ask, cache } = await slowlyMade(1);
    // The logarithm of what it leaves is -2: two seconds before the end.
    jest.spyOn(Math, 'random').mockReturnValue(1 - Math.exp(-2));
    clock.advance(57 * SECOND);
    expect(await ask(() => 'too early')).toBe('old');
    clock.advance(1.5 * SECOND);
    expect(await ask(() => 'new')).toBe('old');
    await eventually(async () => (await cache.get('key')) === 'new');
  });

  it('is drawn until it is time, and not again', async () => {
    const { clock, engine, cache, ask } = await slowlyMade(1);
    const random = jest.spyOn(Math, 'random').mockReturnValue(1 - Math.exp(-2));
    clock.advance(58.5 * SECOND);
    const loaded = new Deferred<string>();
    await cache.getOrSet('key', () => loaded.promise, { ttl: '1m', earlyRefresh: 1 });
    random.mockClear();
    expect(await ask(() => 'never')).toBe('old');
    expect(random).not.toHaveBeenCalled();
    expect(engine.copies.entries).toBe(1);
    loaded.resolve('new');
    await eventually(async () => (await cache.get('key')) === 'new');
  });

  it('is not done where it is not asked for', async () => {
    const { clock, ask } = await slowlyMade(0);
    jest.spyOn(Math, 'random').mockReturnValue(1 - Number.EPSILON);
    clock.advance(58.9 * SECOND);
    const load = jest.fn(() => 'new');
    expect(await ask(load)).toBe('old');
    expect(load).not.toHaveBeenCalled();
  });
});
