import type { RedisTarget } from '../../../src/common/redis/index.js';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import { type OpenRedis, openRedis } from '../../support/connect.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { SEED } from '../../support/sampling.js';

const HOUR = 3_600_000;
const LOADERS = 4;
const CHANGES = 60;

type Invalidation = readonly [name: string, run: (driver: CacheDriver) => Promise<unknown>];

const INVALIDATIONS: readonly Invalidation[] = [
  ['delete', (driver) => driver.delete(['key', 'other'])],
  ['pattern', (driver) => driver.deleteMatching('k*')],
  ['purge of a tag', (driver) => driver.purge(['tag'], 'hard')],
  ['purge of everything', (driver) => driver.purge('everything', 'hard')],
];

/** Lets others go first, for 0 to 3 turns: the same for the same seed, as far as that is ours. */
function randomPauses(seed: number): () => Promise<void> {
  let state = seed;
  return async () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    for (let turn = (state >>> 16) % 4; turn > 0; turn -= 1)
      await new Promise((resolve) => void setImmediate(resolve));
  };
}

describe.each(['standalone', 'cluster'] as const)('several connections on %s', (topology) => {
  const standalone = topology === 'standalone' ? useRedis('standalone') : undefined;
  const cluster = topology === 'cluster' ? useRedis('cluster') : undefined;
  const target = (): RedisTarget =>
    cluster ? { cluster: cluster().addresses } : { url: standalone?.().url ?? '' };
  let opened: OpenRedis[];
  let drivers: CacheDriver[];

  beforeEach(async () => {
    const prefix = uniquePrefix();
    opened = await Promise.all(
      Array.from({ length: LOADERS + 1 }, () => openRedis(target(), { prefix })),
    );
    drivers = opened.map(
      ({ connection }) => new RedisCacheDriver(connection, { deadlineMs: 5_000 }),
    );
  });

  afterEach(async () => {
    await drivers[0]?.deleteMatching('*');
    for (const { close } of opened) close();
  });

  it(`serve nothing that was loaded before an acknowledged change (TEST_SEED=${SEED})`, async () => {
    const [changing, ...loading] = drivers as [CacheDriver, ...CacheDriver[]];
    const pause = randomPauses(SEED);
    // What the source says, and since when all are to see it.
    let version = 0;
    let acknowledged = 0;
    let stored = 0;
    let outdated = 0;
    let isOver = false;
    const stale: unknown[] = [];

    const look = async (driver: CacheDriver): Promise<boolean> => {
      const least = acknowledged;
      const entry = await driver.get('key');
      if (entry && Number(String(entry.bytes)) < least) stale.push([String(entry.bytes), least]);
      return entry !== undefined;
    };
    const load = async (driver: CacheDriver): Promise<void> => {
      while (!isOver) {
        await pause();
        if (await look(driver)) continue;
        const { permit } = await driver.begin('key');
        const value = version;
        await pause();
        const entry = { bytes: Buffer.from(`${value}`), ttlMs: HOUR, tags: ['tag'] };
        if ((await driver.set('key', entry, permit)) === 'stored') stored += 1;
        else outdated += 1;
      }
    };
    const change = async (): Promise<void> => {
      for (let at = 0; at < CHANGES; at += 1) {
        // Some meet a load that is under way, the others an entry.
        while (at % 3 > 0 && !(await look(changing))) await pause();
        version += 1;
        const [, invalidate] = INVALIDATIONS[at % INVALIDATIONS.length] ?? [];
        await invalidate?.(changing);
        acknowledged = version;
        await look(changing);
      }
    };
    const changes = change().finally(() => (isOver = true));
    await Promise.all([changes, ...loading.map(load)]);
    expect(stale).toEqual([]);
    // Both outcomes were met, or nothing was tried.
    expect([stored > 0, outdated > 0]).toEqual([true, true]);
  });
});
