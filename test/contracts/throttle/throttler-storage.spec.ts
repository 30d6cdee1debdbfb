import { ThrottlerStorageService } from '@nestjs/throttler';
import fc from 'fast-check';
import { BackplaneThrottlerStorage } from '../../../src/modules/throttle/index.js';
import { RUNS, SEED } from './throttle.arbitraries.js';
import { memoryOpener, useRedisOpener } from './throttle-drivers.js';
import { type ThrottleFixture, useFixture } from './throttle-fixture.js';

/** Redis expires keys in real time: a tick is far longer than a case takes. */
const REDIS_TICK_MS = 10_000;
jest.setTimeout(30_000 + RUNS * 20);

type Storage = Pick<ThrottlerStorageService, 'increment'>;

/** One request of a client. */
interface Hit {
  /** Ticks since the one before. */
  readonly after: number;
  readonly key: string;
  readonly throttler: 'short' | 'long';
  readonly limit: number;
}

interface Sequence {
  readonly ttl: number;
  readonly blockDuration: number;
  readonly hits: readonly Hit[];
}

const STEADY = 3;

/** The key holds the name, as in what the guard makes. */
const hits: fc.Arbitrary<readonly Hit[]> = fc.array(
  fc.record({
    after: fc.nat({ max: 4 }),
    key: fc.constantFrom('alice', 'bob'),
    throttler: fc.constantFrom('short', 'long'),
    limit: fc.constant(STEADY),
  }),
  { minLength: 1, maxLength: 60 },
);

/** The limit depends on the request. */
const changing = hits.chain((steady) =>
  fc.tuple(...steady.map((hit) => fc.constantFrom(1, 2, 4, 5).map((limit) => ({ ...hit, limit })))),
);

/** Blocks that are shorter, as long, and longer than the window, and none. */
const sequences: fc.Arbitrary<Sequence> = fc.record({
  ttl: fc.integer({ min: 1, max: 8 }),
  blockDuration: fc.nat({ max: 12 }),
  hits: fc.oneof(hits, changing),
});

describe.each([
  ['memory', memoryOpener, { tickMs: 1, runs: Math.ceil(RUNS / 2) }],
  ['memory', memoryOpener, { tickMs: 700, runs: Math.ceil(RUNS / 4) }],
  ['redis', useRedisOpener('standalone'), { tickMs: REDIS_TICK_MS, runs: Math.ceil(RUNS / 10) }],
] as const)('storage for the throttler on %s', (_name, opener, target) => {
  const fixture = useFixture<ThrottleFixture>(opener.stepped);
  const { tickMs, runs } = target;
  let turn = 0;
  afterEach(() => jest.restoreAllMocks());

  it(`decides as the package’s own, hit by hit (${tickMs} ms a tick)`, async () => {
    const property = fc.asyncProperty(sequences, async (sequence) => {
      turn += 1;
      await expectAlike(sequence, `turn ${turn}`);
    });
    await fc.assert(property, { seed: SEED, numRuns: runs });
  });

  async function expectAlike(sequence: Sequence, prefix: string): Promise<void> {
    const { driver, clock } = fixture();
    jest.spyOn(Date, 'now').mockImplementation(() => clock.now());
    const ours = new BackplaneThrottlerStorage(driver, { onRedisDown: 'memory' });
    const theirs = new ThrottlerStorageService();
    for (const hit of sequence.hits) {
      clock.advance(hit.after * tickMs);
      const said = await answersOf([ours, theirs], hit, { ...sequence, prefix });
      expect(said[0]).toEqual(said[1]);
    }
    theirs.onApplicationShutdown();
  }

  /** What has to be the same. Of a block the end, of what is not blocked the number. */
  function answersOf(
    storages: readonly Storage[],
    { key, throttler, limit }: Hit,
    { ttl, blockDuration, prefix }: Omit<Sequence, 'hits'> & { readonly prefix: string },
  ): Promise<readonly unknown[]> {
    const numbers = [ttl * tickMs, limit, blockDuration * tickMs] as const;
    const ask = async (storage: Storage): Promise<unknown> => {
      const id = `${prefix} ${key} ${throttler}`;
      const record = await storage.increment(id, ...numbers, throttler);
      const { totalHits, isBlocked, timeToBlockExpire } = record;
      // After a limit was lowered theirs tells when the first hit leaves, ours when enough have.
      if (isBlocked) return { isBlocked, wait: limit === STEADY ? timeToBlockExpire : undefined };
      return { isBlocked, totalHits };
    };
    return Promise.all(storages.map(ask));
  }
});

describe('storage for the throttler', () => {
  const fixture = useFixture(memoryOpener.stepped);
  const storage = () => new BackplaneThrottlerStorage(fixture().driver, { onRedisDown: 'memory' });

  it.each([
    ['the first hit', 1, { totalHits: 1, timeToExpire: 2, isBlocked: false, timeToBlockExpire: 0 }],
    ['the last', 2, { totalHits: 2, timeToExpire: 2, isBlocked: false, timeToBlockExpire: 0 }],
    ['one more', 3, { totalHits: 3, timeToExpire: 4, isBlocked: true, timeToBlockExpire: 4 }],
  ])('takes milliseconds and tells whole seconds, never too few: %s', async (_, times, record) => {
    const asked = storage();
    let said: unknown;
    for (let count = 0; count < times; count += 1) {
      said = await asked.increment('alice', 1_500, 2, 3_200, 'default');
    }
    expect(said).toEqual(record);
  });

  it('counts throttlers that share a key each by itself', async () => {
    const asked = storage();
    await asked.increment('alice', 1_000, 1, 0, 'short');
    await expect(asked.increment('alice', 1_000, 1, 0, 'long')).resolves.toMatchObject({
      totalHits: 1,
      isBlocked: false,
    });
    await expect(asked.increment('alice', 1_000, 1, 0, 'short')).resolves.toMatchObject({
      isBlocked: true,
    });
  });

  it('lets nobody pass under a limit of 0, and everybody with no time to count', async () => {
    const asked = storage();
    for (let count = 0; count < 3; count += 1) {
      await expect(asked.increment('alice', 1_500, 0, 0, 'shut')).resolves.toEqual({
        totalHits: 1,
        timeToExpire: 2,
        isBlocked: true,
        timeToBlockExpire: 2,
      });
      await expect(asked.increment('alice', 0, 1, 0, 'open')).resolves.toMatchObject({
        isBlocked: false,
      });
    }
  });

  it.each([
    ['an endless limit', 1_000, Number.POSITIVE_INFINITY],
    ['one beyond what a list may hold', 1_000, 1_000_000],
    ['an endless window', Number.POSITIVE_INFINITY, 10],
    ['half a millisecond', 0.5, 10],
  ])('takes %s', async (_name, ttl, limit) => {
    const { isBlocked } = await storage().increment('alice', ttl, limit, ttl, 'odd');
    expect(isBlocked).toBe(false);
  });

  it('takes keys of any length, and tells them apart', async () => {
    const asked = storage();
    const long = 'x'.repeat(5_000);
    await asked.increment(`${long}a`, 1_000, 1, 0, 'default');
    await asked.increment('', 1_000, 1, 0, 'default');
    const said = await asked.increment(`${long}b`, 1_000, 1, 0, 'default');
    expect(said.isBlocked).toBe(false);
  });
});
