import type { Redis } from 'ioredis';
import { RedisBudget, runInRequest } from '../../../src/common/context/index.js';
import { masters } from '../../../src/common/redis/index.js';
import { RedisThrottleDriver } from '../../../src/modules/throttle/drivers/redis-throttle.driver.js';
import {
  THROTTLE_BLOCK,
  THROTTLE_COUNTER,
  type ThrottlePolicy,
} from '../../../src/modules/throttle/index.js';
import {
  ALL_STRATEGIES,
  checks,
  counted,
  hit,
  look,
  policy,
} from '../../contracts/throttle/throttle-fixture.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';

const DEADLINE_MS = 2_000;

// A server of our own: its script calls are counted.
const redis = useStarted(() => startStandalone());

let open: OpenRedis;
let server: Redis;
let driver: RedisThrottleDriver;

beforeEach(async () => {
  open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
  driver = new RedisThrottleDriver(open.connection, { deadlineMs: DEADLINE_MS });
  const [node] = masters(open.connection.client('command'));
  if (node === undefined) throw new Error('no server');
  server = node;
  // Loads the script.
  await driver.consume(checks('first', [policy()]));
});

afterEach(() => open.close());

/** How many scripts the server ran during `work`. */
async function scriptsOf(work: () => Promise<unknown>): Promise<number> {
  await server.config('RESETSTAT');
  await work();
  const stats = await server.info('commandstats');
  const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** In a request with so much of its time for Redis left. */
function withBudget<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return runInRequest({ requestId: 'test', redisBudget: new RedisBudget(ms) }, work);
}

describe('hits that come together', () => {
  it('are one script call, each decided by itself, in the order they came', async () => {
    const subjects = ['ada', 'bob', 'ada', 'ada', 'bob', 'ada'];
    const hits = () =>
      Promise.all(subjects.map((subject) => driver.consume(checks(subject, [policy()]))));
    let remaining: readonly (number | undefined)[] = [];
    const scripts = await scriptsOf(async () => {
      remaining = (await hits()).map(({ decisions }) => decisions[0]?.remaining);
    });
    expect(scripts).toBe(1);
    expect(remaining).toEqual([2, 2, 1, 0, 1, 0]);
    expect((await hits()).map(({ allowed }) => allowed)).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('are of any number of limits each', async () => {
    const asked = [[], [policy()], [policy({ name: 'b' }), policy({ name: 'c' })]];
    const outcomes = await Promise.all(
      asked.map((limits) => driver.consume(checks('ada', limits))),
    );
    const names = outcomes.map(({ decisions }) => decisions.map((each) => each.policy));
    expect(names).toEqual([[], ['api'], ['b', 'c']]);
  });

  it('are at most 64 to a call, so that Redis is not held up', async () => {
    const wide = policy({ limit: 1_000 });
    const hits = Array.from({ length: 130 }, () => checks('ada', [wide]));
    const scripts = await scriptsOf(() => Promise.all(hits.map((hit) => driver.consume(hit))));
    expect(scripts).toBe(3);
    await expect(look(driver, 'ada', wide)).resolves.toMatchObject({ remaining: 870 });
  });

  it('are sent also for a request that has no time for Redis left: it must not escape', async () => {
    const scripts = await scriptsOf(() =>
      Promise.all([
        withBudget(0, () => driver.consume(checks('ada', [policy()]))),
        withBudget(DEADLINE_MS * 2, () => driver.consume(checks('bob', [policy()]))),
      ]),
    );
    expect(scripts).toBe(1);
    await expect(look(driver, 'ada', policy())).resolves.toMatchObject({ remaining: 2 });
  });

  it('fail together, and count nothing, where the call fails', async () => {
    open.connection.gate.linkDown('test');
    const hits = Array.from({ length: 5 }, () => driver.consume(checks('ada', [policy()])));
    const outcomes = await Promise.allSettled(hits);
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    expect(outcomes[0]).toMatchObject({ reason: { code: 'E_REDIS_UNAVAILABLE', reason: 'open' } });
  });

  it('do not spend the time of the request that came first', async () => {
    const budget = new RedisBudget(DEADLINE_MS * 2);
    const first = runInRequest({ requestId: 'a', redisBudget: budget }, () =>
      driver.consume(checks('ada', [policy()])),
    );
    await Promise.all([first, driver.consume(checks('bob', [policy()]))]);
    const afterwards = budget.remainingMs;
    await driver.consume(checks('cid', [policy()]));
    expect(budget.remainingMs).toBe(afterwards);
    expect(afterwards).toBeLessThan(DEADLINE_MS * 2);
  });
});

/** What something else may have put under the key of a counter. */
const FOREIGN: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
  'a hash': (key) => server.hset(key, 'field', 'value'),
  'a list of words': (key) => server.rpush(key, 'three', 'words', 'here'),
  'a list that ends in a number': (key) => server.rpush(key, 'one', '1'),
  'a text': (key) => server.set(key, 'a text'),
  'a number': (key) => server.set(key, '42'),
  'numbers out of all bounds': (key) => server.set(key, `${'9'.repeat(40)}:1:1`),
};

const FOREIGN_COUNTERS = ALL_STRATEGIES.flatMap((strategy) =>
  Object.keys(FOREIGN).map((what) => [strategy, what] as const),
);

const UNREADABLE = { code: 'E_THROTTLE_COUNTER_UNREADABLE', policy: 'api', subject: 'eve' };

describe('a hit whose counter something else overwrote', () => {
  const keyOf = (asked: ThrottlePolicy, subject = 'eve') =>
    open.connection.keys.key(THROTTLE_COUNTER, subject, asked.name, asked.strategy);

  const blockOf = (asked: ThrottlePolicy) =>
    open.connection.keys.key(THROTTLE_BLOCK, 'eve', asked.name, asked.strategy, 'block');

  const overwrite = (what: string, key: string) => FOREIGN[what]?.(key);

  it.each(FOREIGN_COUNTERS)(
    'fails alone, of those that come together: %s, %s',
    async (...given) => {
      const [strategy, what] = given;
      const asked = policy({ strategy });
      await overwrite(what, keyOf(asked));
      const together = () =>
        Promise.allSettled(['ada', 'eve', 'bob'].map((subject) => hit(driver, subject, asked)));
      let answers: Awaited<ReturnType<typeof together>> = [];
      const scripts = await scriptsOf(async () => {
        answers = await together();
      });
      expect(scripts).toBe(1);
      expect(answers).toMatchObject([
        { value: { allowed: true } },
        { reason: UNREADABLE },
        { value: { allowed: true } },
      ]);
      const alone = policy({ strategy, name: 'alone' });
      const { remaining } = await hit(driver, 'ada', alone);
      await expect(look(driver, 'ada', asked)).resolves.toMatchObject({ remaining });
      await expect(look(driver, 'bob', asked)).resolves.toMatchObject({ remaining });
    },
  );

  it('counts under none of its limits, and leaves what is there as it is', async () => {
    const [first, last] = [policy({ name: 'first' }), policy({ name: 'last' })];
    const before = ['1', 'two', String(Date.now() + 1_000_000)];
    await server.rpush(keyOf(policy()), ...before);
    const asked = checks('eve', [first, policy(), last]);
    await expect(driver.consume(asked)).rejects.toMatchObject(UNREADABLE);
    await expect(look(driver, 'eve', first)).resolves.toMatchObject({ remaining: 3 });
    await expect(look(driver, 'eve', last)).resolves.toMatchObject({ remaining: 3 });
    await expect(server.lrange(keyOf(policy()), 0, -1)).resolves.toEqual(before);
  });

  it('is decided where words stand between the times, and never ends the server', async () => {
    const now = Date.now();
    const middle = [String(now - 10), 'two', String(now - 9), String(now - 8), String(now - 7)];
    await server.rpush(keyOf(policy()), ...middle);
    const [wide, narrow] = [policy({ limit: 100 }), policy({ limit: 6 })];
    const both = [...checks('eve', [wide], 3), ...checks('eve', [narrow], 1)];
    await expect(driver.consume(both)).resolves.toMatchObject({ allowed: true });

    const punishing = policy({ name: 'punishing', limit: 3, penalty: 1 });
    await server.rpush(keyOf(punishing), String(now - 10), 'two', String(now - 5));
    const hits = () => driver.consume(checks('eve', [punishing]));
    await expect(Promise.all([hits(), hits()])).resolves.toMatchObject([
      { allowed: false },
      { allowed: false },
    ]);
    await expect(server.llen(keyOf(punishing))).resolves.toBe(3);
  });

  it.each(['a hash', 'a text'])('fails where it is the block: %s', async (what) => {
    const asked = policy({ block: { durationMs: 1_000, longestMs: 1_000 } });
    await overwrite(what, blockOf(asked));
    await expect(hit(driver, 'eve', asked)).rejects.toMatchObject(UNREADABLE);
    await driver.block([{ subject: 'eve', policy: asked }], 1_000);
    await expect(hit(driver, 'eve', asked)).resolves.toMatchObject({ allowed: false });
  });

  it.each(ALL_STRATEGIES)(
    'is let in after a reset, and not given back before (%s)',
    async (given) => {
      const asked = policy({ strategy: given });
      const eve = checks('eve', [asked]);
      const outcome = await driver.consume(eve);
      await server.unlink(keyOf(asked));
      await overwrite('a hash', keyOf(asked));
      await expect(look(driver, 'eve', asked)).rejects.toMatchObject(UNREADABLE);
      await expect(driver.grant(eve)).rejects.toMatchObject(UNREADABLE);
      await expect(driver.refund(counted(eve, outcome))).resolves.toBe(false);
      await expect(driver.reset(eve)).resolves.toBe(true);
      await expect(hit(driver, 'eve', asked)).resolves.toMatchObject({ allowed: true });
    },
  );

  it('is not what a server that refuses to write says', async () => {
    const asked = policy({ strategy: 'fixed-window' });
    // Read and put right: the clock was set back.
    await server.set(keyOf(asked), `${Date.now() + 1_000_000}:1`);
    await server.config('SET', 'maxmemory', '1');
    try {
      await expect(hit(driver, 'eve', asked)).rejects.toMatchObject({ reason: 'refused' });
    } finally {
      await server.config('SET', 'maxmemory', '0');
    }
  });
});
