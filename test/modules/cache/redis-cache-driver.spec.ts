import { Redis } from 'ioredis';
import {
  type RedisScript,
  type ScriptArgument,
  scriptInvoker,
} from '../../../src/common/redis/define-script.js';
import { RedisBudget, runInRequest } from '../../../src/common/context/index.js';
import { cacheFailover } from '../../../src/modules/cache/cache.driver-provider.js';
import { CACHE_MANAGER_ENTRY } from '../../../src/modules/cache/cache.keys.js';
import {
  IoredisYetByteStore,
  type IoredisYetStore,
} from '../../../src/modules/cache/cache-manager/ioredis-yet.store.js';
import { resolveCacheOptions } from '../../../src/modules/cache/cache.options.js';
import { AT } from '../../../src/modules/cache/drivers/stored-value.js';
import { FakeClock } from '../../../src/testing/index.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import { CACHE_BEGIN } from '../../../src/modules/cache/drivers/scripts/cache-begin.lua.js';
import { CACHE_CANCEL } from '../../../src/modules/cache/drivers/scripts/cache-cancel.lua.js';
import { CACHE_DELETE } from '../../../src/modules/cache/drivers/scripts/cache-delete.lua.js';
import { CACHE_SET } from '../../../src/modules/cache/drivers/scripts/cache-set.lua.js';
import { type OpenRedis, openRedis } from '../../support/connect.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { trafficOf } from '../lock/server-traffic.js';

const HOUR = 3_600_000;
const entryOf = (text: string, ...tags: readonly string[]) => ({
  bytes: Buffer.from(text),
  ttlMs: HOUR,
  tags,
});
const NOBODY_WAITS = 1;

describe('the Redis driver of the cache', () => {
  const redis = useRedis('standalone');
  let prefix: string;
  let open: OpenRedis;
  let driver: RedisCacheDriver;
  let client: Redis;

  beforeEach(async () => {
    prefix = uniquePrefix();
    open = await openRedis({ url: redis().url }, { prefix });
    driver = new RedisCacheDriver(open.connection, { deadlineMs: 5_000 });
    client = new Redis(redis().url);
  });

  afterEach(async () => {
    await driver.deleteMatching('*');
    await client.del(`${prefix}:cache:v2:{tags}:clocks`);
    client.disconnect();
    open.close();
  });

  it.each([
    ['key', 'key'],
    ['user:1', 'user:1'],
    ['a b', 'a%20b'],
    ['{a}*', '%7Ba%7D%2A'],
    ['🐎', '%F0%9F%90%8E'],
  ])('keeps %j as one string under {%s}, with a time to live', async (key, tag) => {
    await driver.set(key, entryOf('value'));
    const name = `${prefix}:cache:v2:{${tag}}`;
    const clocks = `${prefix}:cache:v2:{tags}:clocks`;
    expect((await client.keys(`${prefix}:cache:*`)).toSorted()).toEqual([clocks, name].toSorted());
    expect((await client.get(name))?.endsWith('value')).toBe(true);
    const left = await client.pttl(name);
    expect(left).toBeGreaterThan(HOUR - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR);
  });

  it('two prefixes on one server are two caches', async () => {
    const other = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
    const neighbour = new RedisCacheDriver(other.connection, { deadlineMs: 5_000 });
    await driver.set('key', entryOf('ours'));
    await neighbour.set('key', entryOf('theirs'));
    expect(await driver.deleteMatching('*')).toBe(1);
    expect((await neighbour.get('key'))?.bytes).toEqual(Buffer.from('theirs'));
    expect(await neighbour.deleteMatching('*')).toBe(1);
    other.close();
  });

  it('a foreign key among ours, in no encoding of ours, is left alone and stops nothing', async () => {
    const foreign = `${prefix}:cache:v2:{50%}`;
    await client.set(foreign, 'foreign', 'PX', HOUR);
    await driver.set('key', entryOf('ours'));
    expect(await driver.deleteMatching('*')).toBe(1);
    expect(await client.get(foreign)).toBe('foreign');
    await client.del(foreign);
  });

  it('clears by pattern in steps that say nothing about Redis, unlike all other calls', async () => {
    const run = jest.spyOn(open.connection.gate, 'run');
    const isSurvey = (): unknown[] => run.mock.calls.map(([, bounds]) => bounds.isSurvey ?? false);
    await driver.set('key', entryOf('value'));
    await driver.get('key');
    await driver.delete(['key']);
    expect(new Set(isSurvey())).toEqual(new Set([false]));
    run.mockClear();
    await driver.deleteMatching('*');
    expect(new Set(isSurvey())).toEqual(new Set([true]));
  });

  it('fails at once after its connection was closed', async () => {
    const closed = await openRedis({ url: redis().url }, { prefix });
    const late = new RedisCacheDriver(closed.connection, { deadlineMs: 5_000 });
    closed.close();
    const refusal = { code: 'E_REDIS_UNAVAILABLE' };
    await expect(late.get('key')).rejects.toMatchObject(refusal);
    await expect(late.set('key', entryOf('value'))).rejects.toMatchObject(refusal);
    await expect(late.deleteMatching('*')).rejects.toMatchObject(refusal);
  });

  it('what the driver knows nothing of counts as absent, and is replaced', async () => {
    const name = `${prefix}:cache:v2:{key}`;
    const damaged = [
      Buffer.from(''),
      Buffer.from([3, 1, 2, 3]),
      Buffer.from([2]),
      Buffer.concat([Buffer.from([2]), Buffer.alloc(38, 255)]),
      Buffer.concat([Buffer.from([2]), Buffer.alloc(60, 1)]),
      // As long as its many slots would take, with an end that is no number, and with no end.
      Buffer.concat([Buffer.from([2]), Buffer.alloc(140_000, 255)]),
      await ours((value) => value.fill(255, AT.end, AT.slotCount)),
      await ours((value) => value.writeDoubleBE(Infinity, AT.end)),
      await ours((value) => value.writeDoubleBE(NaN, AT.epoch)),
      await ours((value) => value.writeUInt32BE(2 ** 31, AT.tagsLength)),
    ];
    for (const value of damaged) {
      await client.set(name, value, 'PX', HOUR);
      expect(await driver.get('key')).toBeUndefined();
      const { permit, entry } = await driver.begin('key');
      expect(entry).toBeUndefined();
      await driver.delete(['key']);
      expect(await driver.set('key', entryOf('value'), permit)).toBe('outdated');
    }
    await driver.set('key', entryOf('value'));
    expect((await driver.get('key'))?.bytes).toEqual(Buffer.from('value'));
  });

  it('what is damaged is absent for its own reader only', async () => {
    const damaged = Buffer.concat([Buffer.from([2]), Buffer.alloc(140_000, 255)]);
    await client.set(`${prefix}:cache:v2:{damaged}`, damaged, 'PX', HOUR);
    await driver.set('key', entryOf('value', 'tag'));
    const found = await Promise.all(['damaged', 'key'].map((key) => driver.get(key)));
    expect(found.map((entry) => entry?.bytes)).toEqual([undefined, Buffer.from('value')]);
  });

  it('a key of another type counts as absent, and is replaced', async () => {
    const name = `${prefix}:cache:v2:{wrong}`;
    const makeWrong = async () => {
      await client.del(name);
      await client.hset(name, 'a', 'hash');
    };
    await makeWrong();
    await driver.set('key', entryOf('value', 'tag'));
    const found = await Promise.all(['wrong', 'key', 'absent'].map((key) => driver.get(key)));
    expect(found.map((entry) => entry?.bytes)).toEqual([
      undefined,
      Buffer.from('value'),
      undefined,
    ]);
    const { permit, entry } = await driver.begin('wrong');
    expect(entry).toBeUndefined();
    expect(await driver.set('wrong', entryOf('loaded'), permit)).toBe('stored');
    expect((await driver.get('wrong'))?.bytes).toEqual(Buffer.from('loaded'));
    const next = await driver.begin('wrong');
    await makeWrong();
    expect(await driver.set('wrong', entryOf('late'), next.permit)).toBe('outdated');
    expect(await driver.cancel('wrong', next.permit, [])).toBe('outdated');
    await driver.set('wrong', entryOf('set'));
    expect((await driver.get('wrong'))?.bytes).toEqual(Buffer.from('set'));
    await makeWrong();
    expect(await driver.delete(['wrong'])).toBe(0);
    expect(await client.exists(name)).toBe(0);
  });

  describe('in a request that has no time for Redis left', () => {
    const outOfTime = <T>(run: () => Promise<T>): Promise<T> =>
      runInRequest({ requestId: 'r', redisBudget: new RedisBudget(0) }, run);

    it('what changes is sent, and nothing is left to make up for', async () => {
      const options = resolveCacheOptions({ deadline: '5s' });
      const failover = cacheFailover(driver, {
        gate: open.connection.gate,
        options,
        clock: new FakeClock(),
      });
      const changes: readonly (() => Promise<unknown>)[] = [
        () => failover.driver.delete(['key']),
        () => failover.driver.deleteMatching('k*'),
        () => failover.driver.purge(['tag'], 'hard'),
      ];
      for (const change of changes) {
        await driver.set('key', entryOf('old', 'tag'));
        await outOfTime(change);
        expect(failover.active).toBe('primary');
        expect(await driver.get('key')).toBeUndefined();
      }
      const stored = entryOf('new', 'tag');
      expect(await outOfTime(() => failover.driver.set('key', stored))).toBe('stored');
      expect((await driver.get('key'))?.bytes).toEqual(Buffer.from('new'));
      const { permit } = await driver.begin('load');
      expect(await outOfTime(() => driver.cancel('load', permit, []))).toBe('current');
      await expect(outOfTime(() => driver.get('key'))).rejects.toMatchObject({ reason: 'budget' });
      await expect(outOfTime(() => driver.begin('key'))).rejects.toMatchObject({
        reason: 'budget',
      });
    });

    it('so it is by the token of another cache', async () => {
      const { connection } = open;
      const name = connection.keys.key(CACHE_MANAGER_ENTRY, 'key');
      const below: IoredisYetStore = {
        get: (key) => client.get(key),
        set: async (key, value, ttlMs) => void (await client.set(key, value, 'PX', ttlMs)),
      };
      const store = new IoredisYetByteStore(below, connection, { deadlineMs: 5_000 });
      await outOfTime(() => store.set('key', entryOf('value')));
      expect(await client.get(name)).toBe('value');
      expect(await outOfTime(() => store.delete(['key']))).toBe(1);
      await expect(outOfTime(() => store.get('key'))).rejects.toMatchObject({ reason: 'budget' });
    });
  });

  it('what the fallback gave leave for is not stored', async () => {
    expect(await driver.set('key', entryOf('value'), 'of the fallback')).toBe('outdated');
    expect(await driver.get('key')).toBeUndefined();
  });

  it('a marker lives as long as a permit is good, and an entry no longer than it was told', async () => {
    const name = `${prefix}:cache:v2:{key}`;
    const { permit } = await driver.begin('key');
    expect(await client.pttl(name)).toBeGreaterThan(500_000);
    expect(await client.pttl(name)).toBeLessThanOrEqual(600_000);
    await driver.set('key', { bytes: Buffer.from('value'), ttlMs: 60_000 }, permit);
    expect(await client.pttl(name)).toBeLessThanOrEqual(60_000);
    await driver.begin('key');
    expect(await client.pttl(name)).toBeGreaterThan(500_000);
    expect((await driver.get('key'))?.remainingMs).toBeLessThanOrEqual(60_000);
  });

  it('a load that was cancelled leaves no key', async () => {
    const [one, two] = [await driver.begin('key'), await driver.begin('key')];
    await driver.cancel('key', one.permit, ['tag']);
    expect(await client.exists(`${prefix}:cache:v2:{key}`)).toBe(1);
    await driver.cancel('key', two.permit, ['tag']);
    expect(await client.exists(`${prefix}:cache:v2:{key}`)).toBe(0);
  });

  describe('its clocks', () => {
    const clocks = () => `${prefix}:cache:v2:{tags}:clocks`;

    it('that are lost outdate all there is, and every load under way', async () => {
      await driver.set('key', entryOf('value', 'tag'));
      const { permit } = await driver.begin('other');
      await client.del(clocks());
      expect(await driver.get('key')).toBeUndefined();
      expect(await driver.delete(['key'])).toBe(0);
      await driver.set('key', entryOf('value', 'tag'));
      expect((await driver.get('key'))?.bytes).toEqual(Buffer.from('value'));
      expect(await driver.set('other', entryOf('value'), permit)).toBe('outdated');
      await client.del(clocks());
      await driver.purge(['another'], 'soft');
      expect(await driver.get('key')).toBeUndefined();
    });

    it('go on where the clock of the server is set back', async () => {
      const far = 2 ** 53 - 4;
      await driver.purge(['tag'], 'hard');
      await client.hset(clocks(), 'epoch', String(far));
      await driver.set('key', entryOf('value', 'tag'));
      await driver.purge(['tag'], 'hard');
      expect(await client.hget(clocks(), 'epoch')).toBe(String(far + 1));
      expect(await driver.get('key')).toBeUndefined();
      await driver.set('key', entryOf('value', 'tag'));
      const { permit } = await driver.begin('key');
      expect((await driver.get('key'))?.isPurged).toBe(false);
      await driver.purge(['tag'], 'soft');
      expect((await driver.get('key'))?.isPurged).toBe(true);
      await driver.purge(['tag'], 'hard');
      expect(await driver.set('key', entryOf('value', 'tag'), permit)).toBe('outdated');
    });

    it('live longer than the longest entry', async () => {
      await driver.set('key', entryOf('value'));
      const day = 24 * HOUR;
      expect(await client.pttl(clocks())).toBeGreaterThan(day - 60_000);
      await driver.set('key', { bytes: Buffer.from('value'), ttlMs: 30 * day });
      expect(await client.pttl(clocks())).toBeGreaterThan(31 * day - 60_000);
      await driver.set('key', entryOf('value'));
      await driver.purge(['tag'], 'hard');
      expect(await client.pttl(clocks())).toBeGreaterThan(31 * day - 60_000);
    });
  });

  it.each<readonly [use: string, run: () => Promise<unknown>]>([
    ['set', () => driver.set('key', entryOf('value'))],
    ['a load', () => driver.begin('key')],
    ['a purge', () => driver.purge(['tag'], 'hard')],
  ])('its clocks are kept for a day at least after %s', async (_use, run) => {
    const clocks = `${prefix}:cache:v2:{tags}:clocks`;
    await driver.set('key', entryOf('value'));
    await client.pexpire(clocks, 2 * HOUR);
    await run();
    expect(await client.pttl(clocks)).toBeGreaterThan(24 * HOUR);
  });

  describe('its scripts', () => {
    it('run after the server has forgotten them', async () => {
      await client.script('FLUSH');
      await driver.set('key', entryOf('value', 'tag'));
      await client.script('FLUSH');
      expect((await driver.get('key'))?.bytes).toEqual(Buffer.from('value'));
      await client.script('FLUSH');
      const { permit } = await driver.begin('key');
      await client.script('FLUSH');
      await driver.purge(['tag'], 'soft');
      await client.script('FLUSH');
      expect(await driver.set('key', entryOf('new', 'tag'), permit)).toBe('stored');
      await client.script('FLUSH');
      expect(await driver.delete(['key'])).toBe(1);
    });

    it.each<readonly [string, RedisScript<never, never, unknown>, ScriptArgument[]]>([
      ['set', CACHE_SET, ['', 'idididid', 1, 'revision', HOUR, Buffer.alloc(6), 'late', 'c', '']],
      ['begin', CACHE_BEGIN, ['revision']],
      ['delete', CACHE_DELETE, [1, 'c', '']],
      ['cancel', CACHE_CANCEL, ['revision', 'idididid', 1]],
    ])('%s refuses to run when nobody waits for it any more', async (_name, script, args) => {
      const name = `${prefix}:cache:v2:{key}`;
      await driver.set('key', entryOf('newer'));
      const before = await client.getBuffer(name);
      const reply = await scriptInvoker(client, script)(1, name, NOBODY_WAITS, '', ...args);
      expect(Array.isArray(reply) && String(reply[0])).toBe('late');
      expect(await client.getBuffer(name)).toEqual(before);
    });
  });

  it.each<readonly [call: string, run: () => Promise<unknown>, sent: readonly string[]]>([
    ['get', () => driver.get('key'), ['EVALSHA']],
    ['get of 32 keys and one of them again', () => getAll(32), ['EVALSHA']],
    ['get of 33 keys', () => getAll(33), ['EVALSHA', 'EVALSHA']],
    ['set', () => driver.set('key', entryOf('value', 'tag')), ['EVALSHA']],
    ['a load', () => load(), ['EVALSHA', 'EVALSHA']],
    ['a load that is cancelled', () => cancelled(), ['EVALSHA', 'EVALSHA']],
    ['delete of three', () => driver.delete(['key', 'b', 'c']), ['EVALSHA']],
    ['purge of tags', () => driver.purge(['tag', 'b', 'c'], 'hard'), ['EVALSHA']],
    ['deleteMatching', () => driver.deleteMatching('*'), ['SCAN', 'EVALSHA', 'PUBLISH']],
  ])('%s sends what it must and nothing more', async (_call, run, sent) => {
    await driver.set('key', entryOf('value', 'tag'));
    await run();
    await driver.set('key', entryOf('value', 'tag'));
    const { fromClient } = await trafficOf(client, run);
    // A server that others fill as well is scanned in more steps.
    expect(
      fromClient
        .filter((name) => ['EVALSHA', 'SCAN', 'PUBLISH', 'EVAL'].includes(name))
        .filter((each, at, all) => each !== 'SCAN' || !all.slice(0, at).includes(each)),
    ).toEqual(sent);
  });

  it.each([10, 500])('a purge of %i entries takes the same commands', async (count) => {
    const keys = Array.from({ length: count }, (_, index) => `key:${index}`);
    await Promise.all(keys.map((key) => driver.set(key, entryOf('value', 'tag'))));
    const { inScript } = await trafficOf(client, () => driver.purge(['tag'], 'hard'));
    expect(inScript).toEqual(['TIME', 'HMGET', 'PTTL', 'HSET', 'PUBLISH']);
    expect(await driver.get('key:1')).toBeUndefined();
  });

  async function getAll(count: number): Promise<void> {
    const keys = Array.from({ length: count }, (_, index) => `key:${index}`);
    await Promise.all(['key:0', ...keys].map((key) => driver.get(key)));
  }

  /** A sound entry of ours, but for what `damage` does. */
  async function ours(damage: (value: Buffer) => unknown): Promise<Buffer> {
    await driver.set('sound', entryOf('value'));
    const value = await client.getBuffer(`${prefix}:cache:v2:{sound}`);
    if (value === null) throw new Error('nothing was stored');
    damage(value);
    return value;
  }

  async function cancelled(): Promise<void> {
    const { permit } = await driver.begin('loaded');
    await driver.cancel('loaded', permit, ['tag']);
  }

  async function load(): Promise<void> {
    const { permit } = await driver.begin('loaded');
    await driver.set('loaded', entryOf('value'), permit);
  }
});
