import fc from 'fast-check';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import { useRedis } from '../../support/redis/shared-redis.js';
import { PATIENCE_MS, sampling, SEED } from '../../support/sampling.js';
import { openOnRedis, useLocks } from './lock-fixtures.js';
import { answersOf, LockModel, type Step, steps, timelessSteps } from './lock-model.js';

/** Steps on a real server cost round trips. */
const REDIS_SHARE = 0.15;

process.stderr.write(`lock properties: TEST_SEED=${SEED}\n`);

const noTime = (): void => undefined;

describe(`random sequences of calls, some repeated (TEST_SEED=${SEED})`, () => {
  const redis = useRedis('standalone');

  it(
    'the memory driver answers as the model does, also when time passes',
    async () => {
      const sameAnswers = fc.asyncProperty(steps, async (sequence) => {
        const model = new LockModel();
        const clock = new FakeClock();
        const memory = new MemoryLockDriver(clock);
        const expected = await answersOf(sequence, model, (ms) => model.advance(ms));
        const found = await answersOf(sequence, memory, (ms) => clock.advance(ms));
        expect(found).toEqual(expected);
      });
      await fc.assert(sameAnswers, sampling());
    },
    PATIENCE_MS,
  );

  describe('on redis', () => {
    const locks = useLocks(() => openOnRedis({ url: redis().url }, 'standalone'));
    let round = 0;

    it(
      'the answers are those of the model',
      async () => {
        const sameAnswers = fc.asyncProperty(timelessSteps, async (sequence) => {
          round += 1;
          // Locks of its own: releases of an earlier round are remembered for a while.
          const fresh = sequence.map((step): Step =>
            step.call === 'advance' ? step : { ...step, key: `${step.key}#${round}` },
          );
          const expected = await answersOf(fresh, new LockModel(), noTime);
          expect(await answersOf(fresh, locks().driver, noTime)).toEqual(expected);
        });
        await fc.assert(sameAnswers, sampling(REDIS_SHARE));
      },
      PATIENCE_MS,
    );
  });
});
