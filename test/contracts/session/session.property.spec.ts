import fc from 'fast-check';
import { RedisSessionDriver } from '../../../src/modules/session/drivers/redis-session.driver.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import {
  createSecret,
  createSessionId,
  formatCookieValue,
  parseCookieValue,
  userKeyOf,
} from '../../../src/modules/session/session-id.js';
import { FakeClock } from '../../../src/testing/index.js';
import { codePoint } from '../../support/code-point.js';
import { openRedis } from '../../support/connect.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { created, credentialOf, EAGER } from './session-fixture.js';
import { answersOf, expectedOf, steps } from './session.model.js';

const RUNS = Number(process.env['TEST_RUNS'] ?? 300);
const SEED = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000_000);
const PATIENCE_MS = 30_000 + 20 * RUNS;

const sampling = (share = 1) => ({ numRuns: Math.max(1, Math.ceil(RUNS * share)), seed: SEED });

describe(`random sequences of calls (TEST_SEED=${SEED})`, () => {
  const redis = useRedis('standalone');

  it(
    'the memory driver answers as the model does',
    async () => {
      const sameAnswers = fc.asyncProperty(steps, async (sequence) => {
        const clock = new FakeClock();
        const driver = new MemorySessionDriver({ clock, maxSessions: 1_000 });
        const found = await answersOf(sequence, driver, (ms) => clock.advance(ms));
        expect(found).toEqual(expectedOf(sequence));
      });
      await fc.assert(sameAnswers, sampling());
    },
    PATIENCE_MS,
  );

  it(
    'the redis driver answers as the model does',
    async () => {
      const { connection, close } = await openRedis(
        { url: redis().url },
        { prefix: uniquePrefix() },
      );
      const clock = new FakeClock();
      // Real time is not what runs out here: lives are short of the stepped clock only.
      const driver = new RedisSessionDriver(connection, { deadlineMs: 5_000, clock });
      const sameAnswers = fc.asyncProperty(steps, async (sequence) => {
        await driver.destroyAll('alice');
        await driver.destroyAll('bob');
        const slow = sequence.map((step) =>
          step.do === 'create' ? { ...step, life: step.life * PACE } : step,
        );
        const scaled = slow.map((step) =>
          step.do === 'wait' ? { ...step, ms: step.ms * PACE } : step,
        );
        const found = await answersOf(scaled, driver, (ms) => clock.advance(ms));
        expect(found).toEqual(expectedOf(scaled));
      });
      await fc.assert(sameAnswers, sampling(0.2)).finally(close);
    },
    PATIENCE_MS,
  );

  it(
    'nothing that races with destroyAll revives what was there before it',
    async () => {
      const { connection, close } = await openRedis(
        { url: redis().url },
        { prefix: uniquePrefix() },
      );
      const other = await openRedis(
        { url: redis().url },
        { prefix: connection.keys.root(ROOT).split(':')[0] ?? '' },
      );
      const drivers = [connection, other.connection].map(
        (each) => new RedisSessionDriver(each, { deadlineMs: 5_000 }),
      );
      const [first, second] = drivers;
      if (first === undefined || second === undefined) throw new Error('there are two');
      const calls = fc.array(fc.constantFrom('touch', 'validate', 'update', 'get'), {
        minLength: 1,
        maxLength: 12,
      });
      const staysEnded = fc.asyncProperty(calls, fc.nat(12), async (racing, at) => {
        const session = await created(first);
        const run = (name: string) => {
          if (name === 'validate') return second.validate(credentialOf(session), EAGER);
          if (name === 'update')
            return second.update(session.id, { version: '', data: session.data });
          return name === 'touch' ? second.touch(session.id) : second.get(session.id);
        };
        const before = racing.slice(0, at).map(run);
        const ended = first.destroyAll('alice');
        const after = racing.slice(at).map(run);
        await Promise.all([...before, ended, ...after]);
        expect(await second.get(session.id)).toBeUndefined();
        expect(await second.list('alice')).toEqual([]);
      });
      await fc.assert(staysEnded, sampling(0.2)).finally(() => {
        close();
        other.close();
      });
    },
    PATIENCE_MS,
  );
});

/** Makes lives long in real time, in which keys of Redis expire. */
const PACE = 1_000;

const ROOT = {
  module: 'session',
  version: 1,
  layout: '',
  type: 'hash',
  ttl: '',
  evictable: false,
  purpose: '',
} as const;

describe(`cookie values (TEST_SEED=${SEED})`, () => {
  it('are read as they were written', () => {
    const roundTrip = fc.property(fc.string({ minLength: 1, unit: codePoint }), (userId) => {
      const [id, userKey] = [createSessionId(userId), userKeyOf(userId)];
      const parsed = parseCookieValue(formatCookieValue(id, userKey, createSecret()));
      expect([parsed?.id, parsed?.userKey]).toEqual([id, userKey]);
    });
    fc.assert(roundTrip, sampling());
  });

  it('of any other form are nothing', () => {
    const nothing = fc.property(fc.string({ unit: codePoint }), (value) => {
      expect(parseCookieValue(value)).toBeUndefined();
    });
    fc.assert(nothing, sampling());
  });
});
