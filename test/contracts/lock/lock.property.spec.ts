import fc from 'fast-check';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/redis/shared-redis.js';
import { PATIENCE_MS, sampling, SEED } from '../../support/sampling.js';
import { openOnRedis, useLocks } from './lock-fixtures.js';
import { EXPIRE_MS, QueueRun, queueSteps, timelessQueueSteps } from './lock-queue-model.js';
import { PermitsRun, permitsSteps, timelessPermitsSteps } from './semaphore-model.js';
import { answersOf, LockModel, type Step, steps, timelessSteps } from './lock-model.js';

/** Steps on a real server cost round trips. */
const REDIS_SHARE = 0.15;

process.stderr.write(`lock properties: TEST_SEED=${SEED}\n`);

/** Each step is looked at until everybody has seen what it led to. */
const WAITING_SHARE = 0.04;

/** Above the longest time between two looks of the queue in memory. */
const LOOK_MS = 51;

/** All but what the queue in memory uses. */
const REAL_TIMERS = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
] as const;

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

describe(`random sequences of claims that wait (TEST_SEED=${SEED})`, () => {
  const redis = useRedis('standalone');

  describe('in memory', () => {
    // The queue looks at the clock from time to time: here as soon as a step is done.
    beforeEach(() => void jest.useFakeTimers({ doNotFake: [...REAL_TIMERS] }));
    afterEach(() => void jest.useRealTimers());

    it(
      'are granted in the order of arrival; nobody is left out, or gets what is not theirs',
      async () => {
        const sameStates = fc.asyncProperty(queueSteps, async (sequence) => {
          const clock = new FakeClock();
          const run = new QueueRun([new MemoryLockDriver(clock)]);
          for (const step of sequence) {
            await run.act(step);
            clock.advance(step.call === 'expire' ? EXPIRE_MS : 1);
            await jest.advanceTimersByTimeAsync(LOOK_MS);
            expect(await run.state()).toEqual(run.model.state);
          }
        });
        await fc.assert(sameStates, sampling(0.3));
      },
      PATIENCE_MS,
    );
  });

  describe('on redis, from two processes', () => {
    const locks = useLocks(() => openOnRedis({ url: redis().url }, 'standalone'));
    let round = 0;

    it(
      'are granted in the order of arrival; nobody is left out, or gets what is not theirs',
      async () => {
        const sameStates = fc.asyncProperty(timelessQueueSteps, async (sequence) => {
          round += 1;
          const { driver, peer } = locks();
          const run = new QueueRun([driver, peer], String(round));
          for (const step of sequence) {
            await run.act(step);
            await eventually(async () => expect(await run.state()).toEqual(run.model.state), {
              intervalMs: 1,
            });
          }
          await run.end();
        });
        await fc.assert(sameStates, sampling(WAITING_SHARE));
      },
      PATIENCE_MS,
    );
  });
});

describe(`random sequences of claims of permits (TEST_SEED=${SEED})`, () => {
  const redis = useRedis('standalone');

  describe('in memory', () => {
    beforeEach(() => void jest.useFakeTimers({ doNotFake: [...REAL_TIMERS] }));
    afterEach(() => void jest.useRealTimers());

    it(
      'never take more than there are, and are granted in the order of arrival',
      async () => {
        const sameStates = fc.asyncProperty(permitsSteps, async (sequence) => {
          const clock = new FakeClock();
          const run = new PermitsRun([new MemoryLockDriver(clock)], 'job');
          for (const step of sequence) {
            await run.act(step);
            clock.advance(step.call === 'expire' ? EXPIRE_MS : 1);
            await jest.advanceTimersByTimeAsync(LOOK_MS);
            expect(await run.state()).toEqual(run.model.state);
          }
        });
        await fc.assert(sameStates, sampling(0.15));
      },
      PATIENCE_MS,
    );
  });

  describe('on redis, from two processes', () => {
    const locks = useLocks(() => openOnRedis({ url: redis().url }, 'standalone'));
    let round = 0;

    it(
      'never take more than there are, and are granted in the order of arrival',
      async () => {
        const sameStates = fc.asyncProperty(timelessPermitsSteps, async (sequence) => {
          round += 1;
          const { driver, peer } = locks();
          const run = new PermitsRun([driver, peer], `job ${round}`);
          for (const step of sequence) {
            await run.act(step);
            await eventually(async () => expect(await run.state()).toEqual(run.model.state), {
              intervalMs: 1,
            });
          }
          await run.end();
        });
        await fc.assert(sameStates, sampling(WAITING_SHARE));
      },
      PATIENCE_MS,
    );
  });
});
