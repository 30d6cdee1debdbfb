import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RedisModule } from '../../../src/common/redis/index.js';
import { CacheModule } from '../../../src/modules/cache/cache.module.js';
import type { CacheOptions } from '../../../src/modules/cache/cache.options.js';
import { CacheService } from '../../../src/modules/cache/cache.service.js';
import { Deferred } from '../../support/deferred.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { cacheHarness } from './cache-harness.js';

type WriteBehind = NonNullable<CacheOptions['writeBehind']>;

/** A cache before a source that can be made to wait, or fail. */
function behind(writeBehind: WriteBehind = {}, rest: CacheOptions = {}) {
  const harness = cacheHarness({ ...rest, writeBehind });
  const written: unknown[] = [];
  const source = { failures: 0, gate: Promise.resolve(), running: 0, mostAtOnce: 0, calls: 0 };
  const write = async (value: unknown): Promise<void> => {
    source.calls += 1;
    source.running += 1;
    source.mostAtOnce = Math.max(source.mostAtOnce, source.running);
    await source.gate;
    source.running -= 1;
    if (source.failures > 0) {
      source.failures -= 1;
      throw new Error('refused');
    }
    written.push(value);
  };
  const put = (key: string, value: unknown): Promise<void> =>
    harness.cache.writeBehind(key, value, write);
  /** The source does nothing until it is let go on. */
  const hold = (): (() => void) => {
    const { promise, resolve } = new Deferred<undefined>();
    source.gate = promise.then(() => undefined);
    return () => resolve(undefined);
  };
  return { ...harness, written, source, write, put, hold };
}

/** Lets everything happen that is not waiting for a time, or for the source. */
const settle = (): Promise<void> => jest.advanceTimersByTimeAsync(0);
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

describe('write-behind', () => {
  it('writes the cache at once, and the source later', async () => {
    const { cache, put, hold, written } = behind();
    const goOn = hold();
    await put('key', 'value');
    expect([await cache.get('key'), written]).toEqual(['value', []]);
    goOn();
    await settle();
    expect([await cache.get('key'), written]).toEqual(['value', ['value']]);
  });

  it('of one key writes one at a time, and of those that wait only the latest', async () => {
    const { put, hold, written, source, cache } = behind();
    const goOn = hold();
    for (const value of [1, 2, 3, 4]) await put('key', value);
    await settle();
    expect(source.calls).toBe(1);
    goOn();
    await settle();
    expect([written, source.mostAtOnce, await cache.get('key')]).toEqual([[1, 4], 1, 4]);
  });

  it('writes what the value was at the call, with its types', async () => {
    const { put, written } = behind({ delay: '1s' });
    const value = { at: new Date(0), bytes: Buffer.from('b'), list: [1n] };
    await put('key', value);
    value.list.push(2n);
    await pass(1_000);
    expect(written).toStrictEqual([{ at: new Date(0), bytes: Buffer.from('b'), list: [1n] }]);
  });

  it('waits for the delay, from the first value on', async () => {
    const { put, written } = behind({ delay: '1s' });
    await put('key', 1);
    await pass(900);
    await put('key', 2);
    await pass(99);
    expect(written).toEqual([]);
    await pass(1);
    expect(written).toEqual([2]);
  });

  it('writes different keys at once, so many as it may', async () => {
    const { put, hold, written, source } = behind({ concurrency: 2 });
    const goOn = hold();
    for (const key of ['a', 'b', 'c', 'd']) await put(key, key);
    await settle();
    expect(source.running).toBe(2);
    goOn();
    await settle();
    expect([written, source.mostAtOnce]).toEqual([['a', 'b', 'c', 'd'], 2]);
  });

  it('takes no load from before the write for the value, once it was written', async () => {
    const { cache, put, hold } = behind();
    const [goOn, loaded] = [hold(), new Deferred<string>()];
    await put('key', 'new');
    await cache.delete('key');
    const load = cache.getOrSet('key', () => loaded.promise);
    await settle();
    goOn();
    await settle();
    loaded.resolve('old');
    expect(await load).toBe('old');
    // Nor the value: for all that is known the key was deleted for something newer.
    expect(await cache.get('key')).toBeUndefined();
  });

  it('of undefined removes the key, and tells the source', async () => {
    const { cache, put, written } = behind();
    await cache.set('key', 'before');
    await put('key', undefined);
    await settle();
    expect([await cache.get('key'), written]).toEqual([undefined, [undefined]]);
  });

  it('of what is too large for the cache writes through', async () => {
    const { cache, put, written } = behind({}, { maxValueBytes: 100 });
    const large = 'v'.repeat(200);
    await put('key', large);
    expect([await cache.get('key'), written]).toEqual([undefined, [large]]);
  });

  it('is before a write-through of its key that came later', async () => {
    const { cache, put, hold, write, written } = behind();
    const goOn = hold();
    await put('key', 'behind');
    const through = cache.writeThrough('key', 'through', write);
    await settle();
    goOn();
    await through;
    expect([written, await cache.get('key')]).toEqual([['behind', 'through'], 'through']);
  });
});

describe('a full queue', () => {
  it('lets calls for other keys wait for room, in their order', async () => {
    const { cache, put, hold, written } = behind({ maxPending: 2 });
    const goOn = hold();
    await put('a', 'a');
    await put('b', 'b');
    const accepted: string[] = [];
    const waiting = ['c', 'd'].map((key) => put(key, key).then(() => accepted.push(key)));
    // Those that are there already take no more room.
    await put('a', 'newer');
    await settle();
    expect([accepted, await cache.get('c'), await cache.get('a')]).toEqual([
      [],
      undefined,
      'newer',
    ]);
    goOn();
    await Promise.all(waiting);
    await settle();
    expect(accepted).toEqual(['c', 'd']);
    expect(written.map(String).toSorted()).toEqual(['a', 'b', 'c', 'd', 'newer']);
  });

  it('rejects where it is to, and has changed nothing then', async () => {
    const { cache, put, hold, written } = behind({ maxPending: 1, whenFull: 'reject' });
    const goOn = hold();
    await put('a', 1);
    await expect(put('b', 2)).rejects.toMatchObject({
      code: 'E_CACHE_WRITE_QUEUE_FULL',
      key: 'b',
      maxPending: 1,
    });
    expect(await cache.get('b')).toBeUndefined();
    goOn();
    await settle();
    await put('b', 3);
    await settle();
    expect(written).toEqual([1, 3]);
  });

  it('keeps no room for a value that the cache refused', async () => {
    const { cache, put, driver, written } = behind({ maxPending: 1, whenFull: 'reject' });
    const set = driver.set.bind(driver);
    driver.set = () => Promise.reject(new Error('broken'));
    await expect(put('a', 1)).rejects.toThrow('broken');
    driver.set = set;
    await put('b', 2);
    await settle();
    expect([written, await cache.get('b')]).toEqual([[2], 2]);
  });
});

describe('a source that fails', () => {
  it('is tried again, with growing pauses', async () => {
    const { put, source, written, of } = behind({ backOff: '100ms' });
    // The shortest that chance makes of them: 50 ms, then 100.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    source.failures = 2;
    await put('key', 'value');
    await settle();
    expect([source.calls, written]).toEqual([1, []]);
    await pass(49);
    expect(source.calls).toBe(1);
    await pass(1);
    expect(source.calls).toBe(2);
    await pass(99);
    expect(source.calls).toBe(2);
    await pass(1);
    random.mockRestore();
    expect(written).toEqual(['value']);
    expect(of('cache.write-retried').map(({ attempts }) => attempts)).toEqual([1, 2]);
    expect(of('cache.write-dead')).toEqual([]);
  });

  it('is given the newer value instead, after the pause', async () => {
    const { put, source, written } = behind({ backOff: '1s', attempts: 2 });
    source.failures = 1;
    await put('key', 'older');
    await settle();
    await put('key', 'newer');
    await pass(400);
    expect(source.calls).toBe(1);
    await pass(600);
    expect(written).toEqual(['newer']);
  });

  it('does not hold other keys up', async () => {
    const { put, source, written } = behind({ backOff: '1m', concurrency: 1 });
    source.failures = 1;
    await put('a', 1);
    await settle();
    await put('b', 2);
    await settle();
    expect(written).toEqual([2]);
  });

  it('loses the value to the dead writes after the last attempt, and the cache gives it up', async () => {
    const { cache, put, source, of } = behind({ attempts: 2, backOff: '100ms' });
    source.failures = 2;
    await put('key', { n: 1 });
    await pass(100);
    const error = expect.objectContaining({ message: 'refused' }) as Error;
    expect(of('cache.write-dead')).toEqual([{ key: 'key', attempts: 2, error }]);
    expect(cache.deadWrites.list()).toEqual([{ key: 'key', value: { n: 1 }, attempts: 2, error }]);
    expect(await cache.get('key')).toBeUndefined();
  });
});

describe('dead writes', () => {
  /** All of these keys have failed. */
  async function withDead(keys: readonly string[], options: WriteBehind = {}) {
    const harness = behind({ attempts: 1, ...options });
    harness.source.failures = keys.length;
    for (const key of keys) {
      await harness.put(key, `dead ${key}`);
      await settle();
    }
    return { ...harness, dead: harness.cache.deadWrites };
  }

  it('are written by a replay, to the source and the cache', async () => {
    const { cache, dead, written } = await withDead(['a', 'b', 'c']);
    expect(await dead.replay('b', 'absent')).toBe(1);
    await settle();
    expect([written, await cache.get('b')]).toEqual([['dead b'], 'dead b']);
    expect(dead.list().map(({ key }) => key)).toEqual(['a', 'c']);
    expect(await dead.replay()).toBe(2);
    await settle();
    expect([written, dead.list()]).toEqual([['dead b', 'dead a', 'dead c'], []]);
  });

  it('come back where the replay fails', async () => {
    const { dead, source } = await withDead(['a']);
    source.failures = 1;
    await dead.replay();
    await settle();
    expect(dead.list()).toMatchObject([{ key: 'a', value: 'dead a' }]);
  });

  it('are forgotten when a newer value is accepted, or written', async () => {
    const { cache, put, dead, write, written } = await withDead(['a', 'b']);
    await put('a', 'newer a');
    await cache.writeThrough('b', 'newer b', write);
    expect(dead.list()).toEqual([]);
    expect(await dead.replay()).toBe(0);
    await settle();
    expect(written.map(String).toSorted()).toEqual(['newer a', 'newer b']);
  });

  it('are bounded: the oldest is lost, and told of', async () => {
    const { dead, of } = await withDead(['a', 'b', 'c'], { maxDead: 2 });
    expect(dead.list().map(({ key }) => key)).toEqual(['b', 'c']);
    expect(of('cache.write-forgotten')).toEqual([{ key: 'a' }]);
  });

  it('stay where the queue has no room for them', async () => {
    const { put, dead, hold } = await withDead(['a'], { maxPending: 1, whenFull: 'reject' });
    hold();
    await put('b', 1);
    await expect(dead.replay()).rejects.toMatchObject({ code: 'E_CACHE_WRITE_QUEUE_FULL' });
    expect(dead.list()).toHaveLength(1);
  });
});

describe('the shutdown', () => {
  let logged: jest.SpyInstance;

  beforeEach(() => {
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });

  afterEach(() => {
    logged.mockRestore();
  });

  it('waits for what is left, without the delay', async () => {
    const { put, writer, written } = behind({ delay: '1h' });
    await put('a', 1);
    await put('b', 2);
    await writer.beforeApplicationShutdown();
    expect(written).toEqual([1, 2]);
    expect(logged).not.toHaveBeenCalled();
  });

  it('writes through from then on, and what waited for room too', async () => {
    const { put, writer, hold, written } = behind({ maxPending: 1 });
    const goOn = hold();
    await put('a', 1);
    const waiting = put('b', 2);
    await settle();
    const ending = writer.beforeApplicationShutdown();
    goOn();
    await Promise.all([ending, waiting]);
    await put('c', 3);
    expect(written.map(String).toSorted()).toEqual(['1', '2', '3']);
  });

  it('gives up what is not written in time, and says which', async () => {
    const { cache, put, hold, writer, of, source } = behind({
      shutdownTimeout: '5s',
      concurrency: 1,
    });
    const goOn = hold();
    await put('running', 1);
    await put('waiting', 2);
    const ending = writer.beforeApplicationShutdown();
    await pass(5_000);
    await ending;
    const abandoned = { error: { code: 'E_CACHE_WRITE_ABANDONED' } };
    expect(cache.deadWrites.list()).toMatchObject([abandoned, abandoned]);
    expect(of('cache.write-dead').map(({ key }) => key)).toEqual(['running', 'waiting']);
    expect(String(logged.mock.calls[0])).toContain('running, waiting');
    for (const key of ['running', 'waiting']) expect(await cache.get(key)).toBeUndefined();
    // What becomes of the one that runs is nobody's news any more.
    source.failures = 1;
    goOn();
    await settle();
    expect(source.calls).toBe(1);
    expect([of('cache.write-retried'), of('cache.write-dead').length]).toEqual([[], 2]);
  });

  it('starts nothing after its time, not even again', async () => {
    const { put, source, writer } = behind({ shutdownTimeout: '1s', backOff: '10s' });
    source.failures = 1;
    await put('key', 1);
    const ending = writer.beforeApplicationShutdown();
    await pass(1_000);
    await ending;
    await pass(60_000);
    expect(source.calls).toBe(1);
  });
});

describe('an application on Redis', () => {
  const redis = useRedis('standalone');

  it('drains the queue when it closes, while Redis is there', async () => {
    jest.useRealTimers();
    const prefix = uniquePrefix();
    const imports = [
      RedisModule.forRoot({ connections: { default: { url: redis().url } }, prefix }),
      CacheModule.forRoot({ writeBehind: { delay: '1h' } }),
    ];
    const app = await Test.createTestingModule({ imports }).compile();
    await app.init();
    const cache = app.get(CacheService);
    const written: unknown[] = [];
    await cache.writeBehind('key', 'value', (value) => written.push(value));
    expect([await cache.get('key'), written]).toEqual(['value', []]);
    await app.close();
    expect(written).toEqual(['value']);
  });
});
