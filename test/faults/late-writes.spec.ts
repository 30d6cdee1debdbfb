import { Redis } from 'ioredis';
import { MemoryCacheDriver } from '../../src/modules/cache/drivers/memory-cache.driver.js';
import { InvalidationJournal } from '../../src/modules/cache/drivers/invalidation-journal.js';
import { RedisCacheDriver } from '../../src/modules/cache/drivers/redis-cache.driver.js';
import type { CacheDriver } from '../../src/modules/cache/index.js';
import { RedisThrottleDriver } from '../../src/modules/throttle/drivers/redis-throttle.driver.js';
import type { ThrottlePolicy } from '../../src/modules/throttle/index.js';
import { FailoverDriver } from '../../src/common/redis/index.js';
import { SystemClock } from '../../src/common/time/index.js';
import { checks } from '../contracts/throttle/throttle-fixture.js';
import { openRedis, type OpenRedis } from '../support/connect.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';

const DEADLINE = { deadlineMs: 100 };
/** While nothing is wrong: a busy machine may take longer than the deadline. */
const PATIENT = { deadlineMs: 5_000 };
const MINUTE_MS = 60_000;

const POLICY: ThrottlePolicy = {
  name: 'late',
  strategy: 'sliding-window',
  limit: 50,
  windowMs: MINUTE_MS,
  burst: 50,
  penalty: 0,
  block: undefined,
  onRedisDown: 'memory',
  shadow: false,
};

const entryOf = (text: string) => ({ bytes: Buffer.from(text), ttlMs: MINUTE_MS });

describe('a write that timed out', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });
  let direct: Redis;
  let ours: OpenRedis;
  let prefix: string;
  const others: OpenRedis[] = [];

  beforeEach(() => {
    prefix = uniquePrefix();
    direct = new Redis(redis().url);
  });

  afterEach(async () => {
    for (const open of [ours, ...others.splice(0)]) open.close();
    redis().process.thaw();
    direct.disconnect();
    await proxy().heal();
  });

  /** How often the server ran (or refused) one of our scripts. */
  async function scriptCalls(): Promise<number> {
    const stats = await direct.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('on a frozen server neither stores nor counts anything when it runs after the thaw', async () => {
    ours = await openRedis({ url: redis().url }, { prefix, breaker: { failureThreshold: 100 } });
    const cache = new RedisCacheDriver(ours.connection, DEADLINE);
    const throttle = new RedisThrottleDriver(ours.connection, DEADLINE);
    const patientCache = new RedisCacheDriver(ours.connection, PATIENT);
    const patientThrottle = new RedisThrottleDriver(ours.connection, PATIENT);
    await patientCache.set('k', entryOf('before'));
    await patientThrottle.consume(checks('client', [POLICY]));
    const callsBefore = await scriptCalls();

    redis().process.freeze();
    const writes = [
      cache.set('k', entryOf('late')),
      ...Array.from({ length: 20 }, () => throttle.consume(checks('client', [POLICY]))),
    ];
    const outcomes = await Promise.allSettled(writes);
    // One script call for the cache, and one for all hits, which came together.
    redis().process.thaw();

    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    await eventually(async () => (await scriptCalls()) >= callsBefore + 2);
    expect(String((await patientCache.get('k'))?.bytes)).toBe('before');
    const { decisions } = await patientThrottle.peek(checks('client', [POLICY]));
    expect(decisions[0]?.remaining).toBe(POLICY.limit - 1);
  });

  it('in a slow network does not overwrite what another process stored since', async () => {
    ours = await openRedis({ url: proxy().url }, { prefix, breaker: { failureThreshold: 100 } });
    const slow = new RedisCacheDriver(ours.connection, DEADLINE);
    const other = await openRedis({ url: redis().url }, { prefix });
    others.push(other);
    const quick = new RedisCacheDriver(other.connection, PATIENT);
    const before = new RedisCacheDriver(ours.connection, PATIENT);
    await before.set('k', entryOf('before'));
    const callsBefore = await scriptCalls();

    await proxy().delay(400);
    await expect(slow.set('k', entryOf('late'))).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      outcome: 'unknown',
    });
    await quick.set('k', entryOf('newer'));

    await eventually(async () => (await scriptCalls()) >= callsBefore + 2);
    expect(String((await quick.get('k'))?.bytes)).toBe('newer');
  });

  it('and was deleted meanwhile stays deleted: the deletion is replayed before Redis is served', async () => {
    ours = await openRedis({ url: redis().url }, { prefix });
    const primary = new RedisCacheDriver(ours.connection, DEADLINE);
    const { driver: cache } = failover(primary, ours);
    const before = new RedisCacheDriver(ours.connection, PATIENT);
    await before.set('k', entryOf('before'));
    let degraded = 0;
    let recovered = 0;
    ours.events.on('redis.degraded', () => (degraded += 1));
    ours.events.on('redis.recovered', () => (recovered += 1));

    redis().process.freeze();
    await cache.set('k', entryOf('late'));
    expect(await cache.delete(['k'])).toBe(0);
    await eventually(async () => {
      await cache.get('another');
      return degraded > 0;
    });
    redis().process.thaw();

    await eventually(() => recovered > 0 && recovered === degraded);
    await eventually(async () => expect(await primary.get('k')).toBeUndefined());
    expect(await cache.get('k')).toBeUndefined();
  });
});

function failover(primary: CacheDriver, { connection }: OpenRedis): FailoverDriver<CacheDriver> {
  const clock = new SystemClock();
  const memory = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 1_000 });
  return new FailoverDriver<CacheDriver>({
    primary,
    fallback: memory,
    gate: connection.gate,
    journal: new InvalidationJournal(memory),
  });
}
