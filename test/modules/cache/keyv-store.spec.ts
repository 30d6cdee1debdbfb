import { Keyv } from 'keyv';
import { byteStoreOf } from '../../../src/modules/cache/cache-manager/byte-store.js';
import { KeyvStore } from '../../../src/modules/cache/cache-manager/keyv-store.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';

const HOUR = 3_600_000;

/** What Keyv asks of a store; after the cases of its own suite for stores, `@keyv/test-suite`. */
describe('the Keyv store', () => {
  let clock: FakeClock;
  let driver: MemoryCacheDriver;
  let keyv: Keyv;

  const open = (namespace?: string) => {
    const store = new KeyvStore(byteStoreOf(driver), { ttlMs: HOUR, maxValueBytes: 1_000 });
    return new Keyv({ store, throwOnErrors: true, ...(namespace && { namespace }) });
  };

  beforeEach(() => {
    clock = new FakeClock();
    driver = new MemoryCacheDriver({ clock, maxEntries: 1_000, maxBytes: 100_000 });
    keyv = open();
  });

  it('set resolves to true, and get to what was set', async () => {
    expect(await keyv.set('foo', 'bar')).toBe(true);
    expect(await keyv.get('foo')).toBe('bar');
    expect(await keyv.get('absent')).toBeUndefined();
  });

  it.each([
    [false],
    [null],
    [0],
    ['bar'],
    ['"'],
    ["''"],
    [{ fizz: 'buzz' }],
    [Buffer.from('bar')],
    [{ buff: Buffer.from('buzz') }],
  ])('a value can be %j', async (value) => {
    await keyv.set('foo', value);
    expect(await keyv.get('foo')).toEqual(value);
  });

  it("a key can be a quote, and hold the namespace's separator", async () => {
    await keyv.set("'", 1);
    await keyv.set('a:b', 2);
    expect([await keyv.get("'"), await keyv.get('a:b')]).toEqual([1, 2]);
  });

  it('a value lives as long as its ttl, without one as long as the store says', async () => {
    await keyv.set('short', 1, 1_000);
    await keyv.set('long', 2);
    clock.advance(1_000);
    expect([await keyv.has('short'), await keyv.has('long')]).toEqual([false, true]);
    clock.advance(HOUR);
    expect(await keyv.has('long')).toBe(false);
  });

  it('get of many gives each or undefined, in order', async () => {
    await keyv.set('foo', 'bar');
    await keyv.set('foo2', 'bar2', 1_000);
    expect(await keyv.get(['foo', 'absent', 'foo2'])).toEqual(['bar', undefined, 'bar2']);
    clock.advance(1_000);
    expect(await keyv.getMany(['foo', 'foo2'])).toEqual(['bar', undefined]);
    expect(await keyv.get(['no', 'such'])).toEqual([undefined, undefined]);
  });

  it('set of many stores each with its ttl', async () => {
    await keyv.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 1_000 },
    ]);
    expect(await keyv.get(['a', 'b'])).toEqual([1, 2]);
    clock.advance(1_000);
    expect(await keyv.get(['a', 'b'])).toEqual([1, undefined]);
  });

  it('has tells what is there, of one and of many', async () => {
    await keyv.set('foo', 'bar');
    expect([await keyv.has('foo'), await keyv.has('fizz')]).toEqual([true, false]);
    expect(await keyv.hasMany(['foo', 'fizz'])).toEqual([true, false]);
  });

  it('delete resolves to whether it was there', async () => {
    await keyv.set('foo', 'bar');
    expect([await keyv.delete('foo'), await keyv.delete('foo')]).toEqual([true, false]);
    expect(await keyv.get('foo')).toBeUndefined();
  });

  it('delete of many resolves to whether any was there', async () => {
    await keyv.set('foo', 'bar');
    await keyv.set('foo1', 'bar1');
    expect(await keyv.delete(['foo', 'foo1', 'foo2'])).toBe(true);
    expect(await keyv.get(['foo', 'foo1'])).toEqual([undefined, undefined]);
    expect(await keyv.delete(['foo', 'foo1'])).toBe(false);
  });

  it('clear resolves to undefined, and removes all there is', async () => {
    expect(await keyv.clear()).toBeUndefined();
    await keyv.set('foo', 'bar');
    await keyv.set('fizz', 'buzz');
    expect(await keyv.clear()).toBeUndefined();
    expect(await keyv.get(['foo', 'fizz'])).toEqual([undefined, undefined]);
  });

  it('refuses a value above the limit, and stores nothing', async () => {
    const refusal = { code: 'E_CACHE_VALUE_TOO_LARGE' };
    await expect(keyv.set('foo', 'x'.repeat(1_000))).rejects.toMatchObject(refusal);
    expect(await keyv.get('foo')).toBeUndefined();
  });

  describe.each([
    ['keyv1', 'keyv2'],
    ['*', 'keyv'],
    ['?', 'k'],
    ['\\*', '\\k'],
  ])('of the namespace %j beside %j', (first, second) => {
    let one: Keyv;
    let other: Keyv;

    beforeEach(async () => {
      [one, other] = [open(first), open(second)];
      await one.set('foo', 'of one');
      await other.set('foo', 'of the other');
    });

    it('gives its own', async () => {
      expect([await one.get('foo'), await other.get('foo')]).toEqual(['of one', 'of the other']);
    });

    it('deletes its own', async () => {
      expect(await one.delete('foo')).toBe(true);
      expect([await one.get('foo'), await other.get('foo')]).toEqual([undefined, 'of the other']);
    });

    it('clears its own', async () => {
      await one.clear();
      expect([await one.get('foo'), await other.get('foo')]).toEqual([undefined, 'of the other']);
    });
  });
});
