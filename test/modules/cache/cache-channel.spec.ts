import { Redis } from 'ioredis';
import type { RedisTarget } from '../../../src/common/redis/index.js';
import type { CacheChange } from '../../../src/modules/cache/cache.driver.js';
import { CacheChannel } from '../../../src/modules/cache/drivers/cache-channel.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useRedis, useStarted } from '../../support/redis/shared-redis.js';

const BOUNDS = { deadlineMs: 5_000 };
const entry = { bytes: Buffer.from('value'), ttlMs: 60_000 };

const running: (() => void)[] = [];

/** One process that keeps copies: its driver, and what it was told. */
async function openProcess(target: RedisTarget, prefix: string, isListening = true) {
  const open = await openRedis(target, { prefix });
  const channel = new CacheChannel(open.connection);
  const driver = new RedisCacheDriver(open.connection, { ...BOUNDS, channel });
  const told: CacheChange[] = [];
  if (isListening) driver.changes.onChange((change) => told.push(change));
  running.push(() => {
    channel.onApplicationShutdown();
    open.close();
  });
  return { ...open, channel, driver, told, changes: driver.changes };
}

afterEach(() => {
  for (const stop of running.splice(0)) stop();
});

describe.each(['standalone', 'cluster'] as const)('changes of the cache on %s', (topology) => {
  const standalone = topology === 'standalone' ? useRedis('standalone') : undefined;
  const cluster = topology === 'cluster' ? useRedis('cluster') : undefined;
  const target = (): RedisTarget =>
    cluster ? { cluster: cluster().addresses } : { url: standalone?.().url ?? '' };

  it('are told to the other processes, in order, and not to the one that made them', async () => {
    const prefix = uniquePrefix();
    const [one, other] = [await openProcess(target(), prefix), await openProcess(target(), prefix)];
    await eventually(() => one.changes.isComplete && other.changes.isComplete);
    const { driver } = one;
    await driver.set('set', entry);
    await driver.delete(['a']);
    await driver.deleteMatching('p*');
    await driver.purge(['tag', '\ud83d'], 'soft');
    await driver.purge('everything', 'hard');
    const expected: CacheChange[] = [
      { keys: ['set'] },
      { keys: ['a'] },
      { pattern: 'p*' },
      { purged: ['tag', '\ud83d'], kind: 'soft' },
      { purged: 'everything', kind: 'hard' },
    ];
    await eventually(() => other.told.length >= expected.length);
    // The nodes of a cluster tell each what they changed, in no order among them.
    const ordered = (changes: readonly CacheChange[]): readonly string[] => {
      const texts = changes.map((change) => JSON.stringify(change, Object.keys(change).toSorted()));
      return topology === 'cluster' ? texts.toSorted() : texts;
    };
    expect(ordered(other.told)).toEqual(ordered(expected));
    expect(one.told).toEqual([]);
  });

  it('of many keys are all told, and of a load none', async () => {
    const prefix = uniquePrefix();
    const [one, other] = [await openProcess(target(), prefix), await openProcess(target(), prefix)];
    await eventually(() => other.changes.isComplete);
    const { permit } = await one.driver.begin('loaded');
    await one.driver.set('loaded', entry, permit);
    const keys = Array.from({ length: 600 }, (_, index) => `key:${index}`);
    await one.driver.delete(keys);
    const told = () => other.told.flatMap((change) => ('keys' in change ? change.keys : []));
    await eventually(() => told().length >= keys.length);
    expect(told().toSorted()).toEqual(keys.toSorted());
  });

  it('with a permit are told where the source was changed, and not where that is outdated', async () => {
    const prefix = uniquePrefix();
    const [one, other] = [await openProcess(target(), prefix), await openProcess(target(), prefix)];
    await eventually(() => other.changes.isComplete);
    const { permit } = await one.driver.begin('key');
    const change = { ...entry, isChange: true };
    expect(await one.driver.set('key', change, permit)).toBe('stored');
    expect(await one.driver.set('key', change, permit)).toBe('outdated');
    await one.driver.deleteMatching('end');
    await eventually(() => other.told.some((told) => 'pattern' in told));
    expect(other.told.filter((told) => 'keys' in told)).toEqual([{ keys: ['key'] }]);
  });

  it('of another prefix are not told', async () => {
    const prefix = uniquePrefix();
    const [one, foreign] = [
      await openProcess(target(), prefix),
      await openProcess(target(), uniquePrefix()),
    ];
    const same = await openProcess(target(), prefix);
    await eventually(() => one.changes.isComplete);
    await foreign.driver.delete(['foreign']);
    await same.driver.delete(['same']);
    await eventually(() => one.told.length > 0);
    expect(one.told).toEqual([{ keys: ['same'] }]);
  });
});

describe('the channel of the cache', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });
  let server: Redis;

  beforeEach(() => {
    server = new Redis(redis().url);
  });

  afterEach(async () => {
    redis().process.thaw();
    server.disconnect();
    await proxy().heal();
  });

  const subscribers = async (prefix: string): Promise<number> => {
    const [, count] = await server.pubsub('NUMSUB', `${prefix}:cache:v2:changes`);
    return Number(count);
  };

  it('is subscribed to with the first listener, and left at shutdown', async () => {
    const prefix = uniquePrefix();
    const { changes, channel } = await openProcess({ url: redis().url }, prefix, false);
    expect([changes.isComplete, await subscribers(prefix)]).toEqual([false, 0]);
    changes.onChange(() => undefined);
    expect(changes.isComplete).toBe(false);
    await eventually(() => changes.isComplete);
    expect(await subscribers(prefix)).toBe(1);
    expect(changes.gaps).toBeGreaterThan(0);
    channel.onApplicationShutdown();
    expect(changes.isComplete).toBe(false);
  });

  it('grows a gap when its connection is lost, and tells again afterwards', async () => {
    const prefix = uniquePrefix();
    const one = await openProcess({ url: redis().url }, prefix);
    const other = await openProcess({ url: redis().url }, prefix, false);
    await eventually(() => one.changes.isComplete);
    const { gaps } = one.changes;
    await server.call('CLIENT', ['KILL', 'TYPE', 'pubsub']);
    await eventually(() => one.changes.gaps > gaps && one.changes.isComplete);
    await other.driver.delete(['key']);
    await eventually(() => one.told.length > 0);
    expect(one.told).toEqual([{ keys: ['key'] }]);
  });

  it.each([
    ['a server that is frozen', () => redis().process.freeze(), () => redis().process.thaw()],
    ['a network that swallows all', () => proxy().blackHole(), () => proxy().heal()],
  ])('is not complete behind %s, though nothing shows', async (_what, fail, heal) => {
    const { changes, connection } = await openProcess({ url: proxy().url }, uniquePrefix());
    await eventually(() => changes.isComplete);
    const { gaps } = changes;
    await fail();
    // No command is sent: the gate notices nothing.
    await eventually(() => !changes.isComplete);
    await heal();
    await eventually(() => changes.isComplete && changes.gaps > gaps);
    expect(connection.gate.isClosed).toBe(true);
  });

  it('is not complete while the gate is open, and has a gap afterwards', async () => {
    const { changes, connection } = await openProcess({ url: redis().url }, uniquePrefix());
    await eventually(() => changes.isComplete);
    const { gaps } = changes;
    connection.gate.linkDown('test');
    expect(changes.isComplete).toBe(false);
    await eventually(() => changes.isComplete);
    expect(changes.gaps).toBeGreaterThan(gaps);
  });

  it('is never complete for a user who may not subscribe, which is said', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await server.call('ACL', ['SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels']);
    const url = `redis://mute:secret@127.0.0.1:${redis().process.port}`;
    const { changes } = await openProcess({ url }, uniquePrefix());
    const isSaid = () => warned.mock.calls.some(([text]) => String(text).includes('NOPERM'));
    await eventually(isSaid);
    const saidBefore = warned.mock.calls.length;
    // It is asked again on the same connection, which answers well to everything else.
    await eventually(() => warned.mock.calls.length > saidBefore);
    expect(changes.isComplete).toBe(false);
    warned.mockRestore();
  });

  it('that a user may not publish on fails no change, and is said once', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await server.call('ACL', ['SETUSER', 'quiet', 'on', '>secret', '~*', '+@all', 'resetchannels']);
    const url = `redis://quiet:secret@127.0.0.1:${redis().process.port}`;
    const prefix = uniquePrefix();
    const { driver, connection } = await openProcess({ url }, prefix, false);
    expect(await driver.set('key', { ...entry, tags: ['tag'] })).toBe('stored');
    expect(await driver.delete(['key', 'other'])).toBe(1);
    await driver.set('match', entry);
    expect(await driver.deleteMatching('m*')).toBe(1);
    await driver.set('key', { ...entry, tags: ['tag'] });
    await driver.purge(['tag'], 'hard');
    expect(await driver.get('key')).toBeUndefined();
    expect([connection.gate.isClosed, connection.gate.counters.failures]).toEqual([true, 0]);
    const said = warned.mock.calls.map(([text]) => String(text));
    expect(said).toEqual([expect.stringContaining(`&${prefix}:cache:v2:changes`)]);
    warned.mockRestore();
  });

  it('counts what it cannot read as a gap', async () => {
    const prefix = uniquePrefix();
    const { changes, told } = await openProcess({ url: redis().url }, prefix);
    await eventually(() => changes.isComplete);
    const wrong = [{ later: 1 }, { keys: 'key' }, { keys: [1] }, { pattern: 1 }, { purged: ['a'] }];
    const messages = wrong.map((change) => JSON.stringify({ origin: 'x', change }));
    for (const text of ['no JSON', '1', '{}', ...messages]) {
      const { gaps } = changes;
      await server.publish(`${prefix}:cache:v2:changes`, text);
      await eventually(() => changes.gaps > gaps);
    }
    expect(told).toEqual([]);
  });
});
