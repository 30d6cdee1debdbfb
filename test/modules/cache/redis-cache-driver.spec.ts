import { Redis } from 'ioredis';
import { scriptInvoker } from '../../../src/common/redis/define-script.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import { CACHE_SET } from '../../../src/modules/cache/drivers/scripts/cache-set.lua.js';
import { type OpenRedis, openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';

const HOUR = 3_600_000;
const NOBODY_WAITS = 1;
const NEVER_LATE = Number.MAX_SAFE_INTEGER;

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
    await driver.set(key, Buffer.from('value'), HOUR);
    const name = `${prefix}:cache:v1:{${tag}}`;
    expect(await client.keys(`${prefix}:cache:*`)).toEqual([name]);
    expect(await client.get(name)).toBe('value');
    const left = await client.pttl(name);
    expect(left).toBeGreaterThan(HOUR - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR);
  });

  it('two prefixes on one server are two caches', async () => {
    const other = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
    const neighbour = new RedisCacheDriver(other.connection, { deadlineMs: 5_000 });
    await driver.set('key', Buffer.from('ours'), HOUR);
    await neighbour.set('key', Buffer.from('theirs'), HOUR);
    expect(await driver.deleteMatching('*')).toBe(1);
    expect(await neighbour.get('key')).toEqual(Buffer.from('theirs'));
    expect(await neighbour.deleteMatching('*')).toBe(1);
    other.close();
  });

  it('a foreign key among ours, in no encoding of ours, is left alone and stops nothing', async () => {
    const foreign = `${prefix}:cache:v1:{50%}`;
    await client.set(foreign, 'foreign', 'PX', HOUR);
    await driver.set('key', Buffer.from('ours'), HOUR);
    expect(await driver.deleteMatching('*')).toBe(1);
    expect(await client.get(foreign)).toBe('foreign');
    await client.del(foreign);
  });

  it('clears by pattern in steps that say nothing about Redis, unlike all other calls', async () => {
    const run = jest.spyOn(open.connection.gate, 'run');
    const isSurvey = (): unknown[] => run.mock.calls.map(([, bounds]) => bounds.isSurvey ?? false);
    await driver.set('key', Buffer.from('value'), HOUR);
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
    await expect(late.set('key', Buffer.from('value'), HOUR)).rejects.toMatchObject(refusal);
    await expect(late.deleteMatching('*')).rejects.toMatchObject(refusal);
  });

  describe('its script', () => {
    const name = () => `${prefix}:cache:v1:{key}`;
    const set = (deadline: number, text: string): Promise<unknown> =>
      scriptInvoker(client, CACHE_SET)(1, name(), deadline, '', Buffer.from(text), HOUR);

    it('stores the bytes with their time to live', async () => {
      expect(await set(NEVER_LATE, 'value')).toBe('stored');
      expect(await client.get(name())).toBe('value');
      expect(await client.pttl(name())).toBeGreaterThan(0);
    });

    it('refuses to run when nobody waits for it any more', async () => {
      await set(NEVER_LATE, 'newer');
      expect(await set(NOBODY_WAITS, 'late')).toEqual(['late', expect.any(Number)]);
      expect(await client.get(name())).toBe('newer');
      await client.unlink(name());
      await set(NOBODY_WAITS, 'late');
      expect(await client.exists(name())).toBe(0);
    });
  });

  it.each<readonly [call: string, run: () => Promise<unknown>, commands: readonly string[]]>([
    ['get', () => driver.get('key'), ['get']],
    ['set', () => driver.set('key', Buffer.from('value'), HOUR), ['evalsha', 'set']],
    ['delete of three', () => driver.delete(['key', 'b', 'c']), ['unlink']],
    ['deleteMatching', () => driver.deleteMatching('*'), ['scan', 'unlink']],
  ])('%s costs the server what it must and nothing more', async (_call, run, commands) => {
    await driver.set('key', Buffer.from('value'), HOUR);
    const seen = await commandsOf(run);
    // A server that others fill as well is scanned in more steps.
    expect(seen.filter((each, at) => each !== 'scan' || !seen.slice(0, at).includes(each))).toEqual(
      commands,
    );
  });

  /** What the server executed meanwhile on this suite's keys, by its own account. */
  async function commandsOf(run: () => Promise<unknown>): Promise<string[]> {
    const monitor = await client.monitor();
    const seen: string[] = [];
    monitor.on('monitor', (_time: string, [command = '', ...args]: string[]) => {
      if (args.some((arg) => arg.includes(prefix))) seen.push(command.toLowerCase());
    });
    await run();
    await client.exists(prefix);
    await eventually(() => seen.at(-1) === 'exists');
    monitor.disconnect();
    return seen.slice(0, -1);
  }
});
