import fc from 'fast-check';
import { decodePart, encodeTag } from '../../../src/common/redis/key-encoding.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import { useRedis } from '../../support/redis/shared-redis.js';
import { openOnRedis, useByteStore } from './cache-fixtures.js';
import { answersOf, CacheModel, steps, timelessSteps } from './cache-model.js';
import { PATIENCE_MS, sampling, SEED } from '../../support/sampling.js';

/** Steps on a real server cost round trips. */
const REDIS_SHARE = 0.25;

process.stderr.write(`cache properties: TEST_SEED=${SEED}\n`);

describe(`random sequences of calls (TEST_SEED=${SEED})`, () => {
  const redis = useRedis('standalone');
  const cluster = useRedis('cluster');

  it(
    'the memory driver answers as the model does, also when time passes',
    async () => {
      const sameAnswers = fc.asyncProperty(steps, async (sequence) => {
        const model = new CacheModel();
        const clock = new FakeClock();
        const driver = new MemoryCacheDriver({ clock, maxEntries: 1_000, maxBytes: 1_000_000 });
        const expected = await answersOf(sequence, {
          driver: model,
          advance: (ms) => model.advance(ms),
        });
        const found = await answersOf(sequence, { driver, advance: (ms) => clock.advance(ms) });
        expect(found).toEqual(expected);
      });
      await fc.assert(sameAnswers, sampling());
    },
    PATIENCE_MS,
  );

  describe.each([
    ['redis', () => openOnRedis({ url: redis().url }, 'standalone'), REDIS_SHARE],
    ['a cluster', () => openOnRedis({ cluster: cluster().addresses }, 'cluster'), REDIS_SHARE / 2],
  ])('on %s', (_name, open, share) => {
    const cache = useByteStore(open);

    it(
      'the answers are those of the model',
      async () => {
        const sameAnswers = fc.asyncProperty(timelessSteps, async (sequence) => {
          const { driver } = cache();
          await driver.deleteMatching('*');
          const expected = await answersOf(sequence, { driver: new CacheModel() });
          expect(await answersOf(sequence, { driver })).toEqual(expected);
        });
        await fc.assert(sameAnswers, sampling(share));
      },
      PATIENCE_MS,
    );
  });
});

describe(`encoded keys (TEST_SEED=${SEED})`, () => {
  /** Halves of surrogate pairs included. */
  const text = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) });

  it(
    'are decoded to the key they stand for',
    () => {
      const roundTrip = fc.property(text, (key) => {
        expect(decodePart(encodeTag(key))).toBe(key);
      });
      fc.assert(roundTrip, sampling());
    },
    PATIENCE_MS,
  );

  it(
    'hold no separator of slots, no glob character and no white space',
    () => {
      const isHarmless = fc.property(text, (key) => {
        expect(encodeTag(key)).toMatch(/^[A-Za-z0-9_.~@/,=+:%-]*$/);
      });
      fc.assert(isHarmless, sampling());
    },
    PATIENCE_MS,
  );
});
