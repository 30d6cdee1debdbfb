import { Logger } from '@nestjs/common';
import { EventStream } from '../../../src/common/events/index.js';
import { ThrottleService } from '../../../src/modules/throttle/index.js';
import { DegradedThrottleDriver } from '../../../src/modules/throttle/drivers/degraded-throttle.driver.js';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import {
  resolveThrottleOptions,
  type ThrottleOptions,
} from '../../../src/modules/throttle/throttle.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { Deferred } from '../../support/deferred.js';

const LOGIN = { name: 'login', limit: 2, window: '15m' } as const;
const DAILY = { name: 'daily', limit: 50, window: '1d', strategy: 'fixed-window' } as const;

function create(options: ThrottleOptions = {}) {
  const clock = new FakeClock();
  const events = new EventStream();
  const heard: unknown[] = [];
  events.on('throttle.allowed', (event) => heard.push({ allowed: event }));
  events.on('throttle.blocked', (event) => heard.push({ blocked: event }));
  const memory = new MemoryThrottleDriver({ clock, maxCounters: 100, maxHits: 100_000 });
  const resolved = resolveThrottleOptions(options);
  return {
    clock,
    heard,
    memory,
    service: new ThrottleService(memory, resolved, events),
    whileRedisIsAway: new ThrottleService(
      new DegradedThrottleDriver(memory, () => 1),
      resolved,
      events,
    ),
  };
}

describe('ThrottleService', () => {
  it('counts a subject under every named limit it is given', async () => {
    const { service, clock } = create();
    await service.consume('ip:1', [LOGIN, DAILY]);
    clock.advance(60_000);
    await expect(service.consume('ip:1', [LOGIN, DAILY])).resolves.toEqual({
      allowed: true,
      backing: 'memory',
      decisions: [
        {
          policy: 'login',
          allowed: true,
          limit: 2,
          remaining: 0,
          resetMs: 14 * 60_000,
          retryAfterMs: 0,
          at: clock.now(),
        },
        {
          policy: 'daily',
          allowed: true,
          limit: 50,
          remaining: 48,
          resetMs: 86_400_000 - 60_000,
          retryAfterMs: 0,
          at: clock.now(),
        },
      ],
    });
    await expect(service.consume('ip:1', [DAILY, LOGIN])).resolves.toMatchObject({
      allowed: false,
    });
    await expect(service.peek('ip:1', DAILY)).resolves.toMatchObject({
      decisions: [{ remaining: 48 }],
    });
  });

  it('forgets what it is told to', async () => {
    const { service } = create();
    await service.consume('ip:1', [LOGIN, DAILY]);
    await expect(service.reset('ip:1', LOGIN)).resolves.toBe(true);
    await expect(service.reset('ip:1', LOGIN)).resolves.toBe(false);
    await expect(service.peek('ip:1', [LOGIN, DAILY])).resolves.toMatchObject({
      decisions: [{ remaining: 2 }, { remaining: 49 }],
    });
  });

  it('rejects, and never throws at once, for a limit or subject that is wrong', async () => {
    const { service } = create();
    const wrong = { ...LOGIN, limit: 0 };
    const refusal = { code: 'E_INVALID_OPTION', option: 'rate limit login.limit' };
    await expect(service.consume('ip:1', wrong)).rejects.toMatchObject(refusal);
    await expect(service.peek('ip:1', [LOGIN, wrong])).rejects.toMatchObject(refusal);
    await expect(service.reset('ip:1', wrong)).rejects.toMatchObject(refusal);
    const long = service.consume('x'.repeat(1_025), LOGIN);
    await expect(long).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
  });

  it('counts for several subjects at once, or for none of them', async () => {
    const { service } = create();
    const perAddress = { name: 'address', limit: 1, window: '1m', subject: 'ip:1' } as const;
    await service.consume('user:1', [LOGIN, perAddress]);
    await expect(service.consume('user:2', [LOGIN, perAddress])).resolves.toMatchObject({
      allowed: false,
      decisions: [{ allowed: true }, { allowed: false }],
    });
    await expect(service.peek('user:2', LOGIN)).resolves.toMatchObject({
      decisions: [{ remaining: 2 }],
    });
    await expect(service.peek('ip:1', { ...perAddress, subject: 'ip:2' })).resolves.toMatchObject({
      decisions: [{ remaining: 1 }],
    });
  });

  it('refuses limits that would share a counter and contradict each other', async () => {
    const { service } = create();
    const other = { ...LOGIN, window: '1h' } as const;
    await expect(service.consume('ip:1', [LOGIN, other])).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'window',
    });
    await expect(service.consume('ip:1', [LOGIN, { ...LOGIN, limit: 9 }])).resolves.toBeDefined();
  });

  it('takes hits back for an operator, as many as there are', async () => {
    const { service } = create();
    await service.consume('ip:1', [LOGIN, DAILY], { cost: 2 });
    await service.grant('ip:1', [LOGIN, DAILY], 1);
    await expect(service.peek('ip:1', [LOGIN, DAILY])).resolves.toMatchObject({
      decisions: [{ remaining: 1 }, { remaining: 49 }],
    });
    await service.grant('ip:1', LOGIN, 2);
    await expect(service.peek('ip:1', LOGIN)).resolves.toMatchObject({
      decisions: [{ remaining: 2, resetMs: 0 }],
    });
  });

  it('blocks a subject until the time is over, or it is reset', async () => {
    const { service, clock } = create();
    const watched = { ...LOGIN, block: 'manual' } as const;
    await service.block('ip:1', watched, '1h');
    await expect(service.consume('ip:1', watched)).resolves.toMatchObject({
      allowed: false,
      decisions: [{ remaining: 0, retryAfterMs: 3_600_000 }],
    });
    clock.advance(3_600_000);
    await expect(service.consume('ip:1', watched)).resolves.toMatchObject({ allowed: true });
    await service.block('ip:1', watched, '1h');
    await expect(service.reset('ip:1', watched)).resolves.toBe(true);
    await expect(service.consume('ip:1', watched)).resolves.toMatchObject({ allowed: true });
    await expect(service.block('ip:1', LOGIN, '1h')).rejects.toMatchObject({ option: 'block' });
    await expect(service.block('ip:1', watched, 'soon' as '1h')).rejects.toMatchObject({
      option: 'duration',
    });
  });

  it('uses the failure policy of the module where a limit has none of its own', async () => {
    const { whileRedisIsAway } = create({ onRedisDown: 'closed' });
    await expect(whileRedisIsAway.consume('ip:1', LOGIN)).rejects.toMatchObject({
      code: 'E_THROTTLE_BACKEND_DOWN',
      policy: 'login',
    });
    const own = { ...LOGIN, onRedisDown: 'memory' } as const;
    await expect(whileRedisIsAway.consume('ip:1', own)).resolves.toMatchObject({ allowed: true });
  });
});

describe('the events of ThrottleService', () => {
  it('tell of a hit that passed, and of each policy that denied one', async () => {
    const { service, heard } = create();
    const once = { ...DAILY, limit: 1 };
    await service.consume('ip:1', once);
    await service.consume('ip:1', [LOGIN, once]);
    await service.consume('ip:2', [{ ...LOGIN, limit: 1 }, once]);
    await service.consume('ip:2', [{ ...LOGIN, limit: 1 }, once]);
    expect(heard).toEqual([
      { allowed: { subjects: ['ip:1'] } },
      { blocked: { subject: 'ip:1', policy: 'daily', retryAfterMs: 86_400_000 } },
      { allowed: { subjects: ['ip:2', 'ip:2'] } },
      { blocked: { subject: 'ip:2', policy: 'login', retryAfterMs: 900_000 } },
      { blocked: { subject: 'ip:2', policy: 'daily', retryAfterMs: 86_400_000 } },
    ]);
  });

  it('do not tell of peeks and resets', async () => {
    const { service, heard } = create();
    await service.peek('ip:1', LOGIN);
    await service.reset('ip:1', LOGIN);
    expect(heard).toEqual([]);
  });

  it('counts a hit as often as it costs', async () => {
    const { service } = create();
    await expect(service.consume('ip:1', DAILY, { cost: 20 })).resolves.toMatchObject({
      decisions: [{ remaining: 30 }],
    });
    await expect(service.peek('ip:1', DAILY, { cost: 31 })).resolves.toMatchObject({
      allowed: false,
    });
    await expect(service.consume('ip:1', DAILY, { cost: 51 })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'cost',
    });
  });

  describe('refund', () => {
    it('takes an admitted hit back, once, with what it cost', async () => {
      const { service } = create();
      const outcome = await service.consume('ip:1', [LOGIN, DAILY], { cost: 2 });
      const refunds = await Promise.all([service.refund(outcome), service.refund(outcome)]);
      expect(refunds.toSorted()).toEqual([false, true]);
      await expect(service.peek('ip:1', [LOGIN, DAILY])).resolves.toMatchObject({
        decisions: [{ remaining: 2 }, { remaining: 50 }],
      });
    });

    it('has nothing to take back of a denied hit, or of an outcome that is not its own', async () => {
      const { service } = create();
      const first = await service.consume('ip:1', LOGIN);
      await service.consume('ip:1', LOGIN);
      const denied = await service.consume('ip:1', LOGIN);
      expect(await service.refund(denied)).toBe(false);
      expect(await service.refund({ ...first })).toBe(false);
      await expect(service.peek('ip:1', LOGIN)).resolves.toMatchObject({ allowed: false });
    });
  });

  describe('withLimit', () => {
    it('runs the work while the limits admit it, and resolves with what it gives', async () => {
      const { service } = create();
      const work = jest.fn(async () => 'done');
      await expect(service.withLimit('ip:1', LOGIN, work)).resolves.toBe('done');
      await service.withLimit('ip:1', LOGIN, () => 'at once');
      const refused = service.withLimit('ip:1', [DAILY, LOGIN], work);
      await expect(refused).rejects.toMatchObject({
        code: 'E_RATE_LIMITED',
        kind: 'exhausted',
        retryAfterMs: 15 * 60_000,
        message: 'Too many requests: "login" is used up. Try again in 15m.',
      });
      expect(work).toHaveBeenCalledTimes(1);
    });

    it.each(['succeeds', 'fails'])('holds a place while the work runs, and it %s', async (how) => {
      const { service } = create();
      const held = { name: 'exports', limit: 1, window: '1h', strategy: 'concurrency' } as const;
      const left = async () =>
        (await service.peek('ip:1', [held, LOGIN])).decisions.map(({ remaining }) => remaining);
      const work = new Deferred<string>();
      const first = service.withLimit('ip:1', [held, LOGIN], () => work.promise);
      // Either way: what it comes to is asked later.
      const settled = Promise.allSettled([first]);
      await expect(service.withLimit('ip:1', held, () => 'second')).rejects.toMatchObject({
        code: 'E_RATE_LIMITED',
      });
      expect(await left()).toEqual([0, 1]);
      if (how === 'fails') work.reject(new TypeError('a bug'));
      else work.resolve('done');
      const status = how === 'fails' ? 'rejected' : 'fulfilled';
      await expect(settled).resolves.toMatchObject([{ status }]);
      expect(await left()).toEqual([1, 1]);
    });

    it('gives what the work gives where the place cannot be given back', async () => {
      const { service, memory } = create();
      const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      jest.spyOn(memory, 'refund').mockRejectedValue(new TypeError('a bug of a driver'));
      const held = { name: 'exports', limit: 1, window: '1h', strategy: 'concurrency' } as const;
      await expect(service.withLimit('ip:1', held, () => 'done')).resolves.toBe('done');
      expect(logged).toHaveBeenCalledTimes(1);
      logged.mockRestore();
    });

    it('keeps the hit counted when the work fails', async () => {
      const { service } = create();
      const failing = service.withLimit('ip:1', LOGIN, () => {
        throw new TypeError('a bug');
      });
      await expect(failing).rejects.toBeInstanceOf(TypeError);
      await expect(service.peek('ip:1', LOGIN)).resolves.toMatchObject({
        decisions: [{ remaining: 1 }],
      });
    });
  });

  it('checkRateLimit decides in one line, apart for each key and window', async () => {
    const { service } = create();
    await expect(service.checkRateLimit('user:1', 2, '1m')).resolves.toMatchObject({
      allowed: true,
      limit: 2,
      remaining: 1,
    });
    await service.checkRateLimit('user:1', 2, '1m');
    await expect(service.checkRateLimit('user:1', 2, '1m')).resolves.toMatchObject({
      allowed: false,
      retryAfterMs: 60_000,
    });
    await expect(service.checkRateLimit('user:1', 2, '1h')).resolves.toMatchObject({
      remaining: 1,
    });
    await expect(service.checkRateLimit('user:2', 2, '1m')).resolves.toMatchObject({
      remaining: 1,
    });
    await expect(service.checkRateLimit('user:1', 0, '1m')).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
  });
});
