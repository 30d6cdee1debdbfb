import { Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { EventStream } from '../../../src/common/events/index.js';
import { ThrottleAdminController, ThrottleService } from '../../../src/modules/throttle/index.js';
import { BlockedCounts } from '../../../src/modules/throttle/blocked-counts.js';
import { DegradedThrottleDriver } from '../../../src/modules/throttle/drivers/degraded-throttle.driver.js';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { TopOffenders } from '../../../src/modules/throttle/offenders/top-offenders.js';
import { RequestPolicies } from '../../../src/modules/throttle/requests/request-policies.js';
import {
  resolveThrottleOptions,
  type ThrottleOptions,
} from '../../../src/modules/throttle/throttle.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';

const LOGIN = { name: 'login', limit: 2, window: '15m' } as const;
const DAILY = { name: 'daily', limit: 50, window: '1d', strategy: 'fixed-window' } as const;

function create(options: ThrottleOptions = {}) {
  const clock = new FakeClock();
  const events = new EventStream();
  const heard: unknown[] = [];
  events.on('throttle.allowed', (event) => heard.push({ allowed: event }));
  events.on('throttle.blocked', (event) => heard.push({ blocked: event }));
  events.on('throttle.shadow_blocked', (event) => heard.push({ shadowBlocked: event }));
  const memory = new MemoryThrottleDriver({ clock, maxCounters: 100, maxHits: 100_000 });
  const resolved = resolveThrottleOptions(options);
  const away = new DegradedThrottleDriver(memory, () => 1);
  return {
    clock,
    events,
    resolved,
    heard,
    memory,
    service: new ThrottleService(memory, resolved, events),
    whileRedisIsAway: new ThrottleService(away, resolved, events),
  };
}

describe('a limit in shadow', () => {
  const TRIED = { name: 'tried', limit: 1, window: '1m', shadow: true } as const;
  const OTHER = { ...TRIED, name: 'other', limit: 3 } as const;

  it('never denies, is not in the outcome, and says what it would have denied', async () => {
    const { service, heard } = create();
    const outcomes = [];
    for (let count = 0; count < 3; count += 1) {
      outcomes.push(await service.consume('ip:1', [TRIED, DAILY]));
    }
    expect(outcomes).toMatchObject([49, 48, 47].map((remaining) => only('daily', remaining)));
    const wouldBlock = { subject: 'ip:1', policy: 'tried', retryAfterMs: 60_000 };
    const allowed = { allowed: { subjects: ['ip:1'] } };
    const shadowBlocked = { shadowBlocked: wouldBlock };
    await eventually(() => {
      expect(heard).toEqual([allowed, allowed, shadowBlocked, allowed, shadowBlocked]);
    });
  });

  it('decides as if it were enforced: what it denies it does not count', async () => {
    const { service, clock } = create();
    for (let second = 0; second < 60; second += 1) {
      await service.consume('ip:1', TRIED);
      clock.advance(1_000);
    }
    await expect(service.peek('ip:1', TRIED)).resolves.toMatchObject({
      decisions: [{ remaining: 1 }],
    });
  });

  it('runs the work also where nothing else limits it', async () => {
    const { service } = create();
    for (let count = 0; count < 3; count += 1) {
      await expect(service.withLimit('ip:1', TRIED, () => 'done')).resolves.toBe('done');
    }
  });

  it('counts no hit that an enforced one denies', async () => {
    const { service, heard } = create();
    for (let count = 0; count < 5; count += 1) await service.consume('ip:1', [LOGIN, OTHER]);
    await eventually(async () => {
      expect((await service.peek('ip:1', OTHER)).decisions).toMatchObject([{ remaining: 1 }]);
    });
    expect(heard).not.toContainEqual({ shadowBlocked: expect.anything() as unknown });
  });

  it('keeps no other in shadow from counting, unless they share the counter', async () => {
    const { service, heard } = create();
    const shared = { ...TRIED, limit: 2 };
    for (let count = 0; count < 2; count += 1) {
      await service.consume('ip:1', [TRIED, shared, OTHER]);
    }
    await eventually(async () => {
      expect((await service.peek('ip:1', [shared, OTHER])).decisions).toMatchObject([
        { policy: 'tried', remaining: 1 },
        { policy: 'other', remaining: 1 },
      ]);
    });
    expect(heard.filter((each) => !Object.hasOwn(Object(each), 'allowed'))).toHaveLength(1);
  });

  it('gives a hit back that is refunded, and nothing that it did not count', async () => {
    const { service } = create();
    await service.consume('ip:1', TRIED);
    const second = await service.consume('ip:1', [TRIED, OTHER, DAILY]);
    await expect(service.refund(second)).resolves.toBe(true);
    await expect(service.peek('ip:1', [TRIED, OTHER, DAILY])).resolves.toMatchObject({
      decisions: [{ remaining: 0 }, { remaining: 3 }, { remaining: 50 }],
    });
  });

  it('is looked at, given back, blocked and reset as any other', async () => {
    const { service } = create();
    const tried = { ...TRIED, block: 'manual' } as const;
    await service.consume('ip:1', tried);
    await expect(service.peek('ip:1', tried)).resolves.toMatchObject({ allowed: false });
    await service.grant('ip:1', tried, 1);
    await expect(service.peek('ip:1', tried)).resolves.toMatchObject({ allowed: true });
    await service.block('ip:1', tried, '1h');
    await expect(service.peek('ip:1', tried)).resolves.toMatchObject({ allowed: false });
    await expect(service.consume('ip:1', tried)).resolves.toMatchObject({ allowed: true });
    await expect(service.reset('ip:1', tried)).resolves.toBe(true);
  });

  it('lets everything through while Redis is away, also where limits are closed then', async () => {
    const { whileRedisIsAway } = create({ onRedisDown: 'closed' });
    const closed = { ...TRIED, onRedisDown: 'closed' } as const;
    for (const limit of [TRIED, closed]) {
      await expect(whileRedisIsAway.consume('ip:1', limit)).resolves.toMatchObject({
        allowed: true,
      });
      await expect(whileRedisIsAway.peek('ip:1', limit)).resolves.toMatchObject({
        decisions: [{ allowed: true, remaining: 1 }],
      });
    }
  });

  it('fails for nobody: what goes wrong with it is in the log', async () => {
    const { service, memory } = create();
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      await expect(
        service.consume('ip:1', [TRIED, OTHER, DAILY], { cost: 2 }),
      ).resolves.toMatchObject(only('daily', 48));
      await eventually(() => expect(logged).toHaveBeenCalledTimes(1));
      expect(logged).toHaveBeenLastCalledWith(expect.objectContaining({ option: 'cost' }));
      await expect(service.peek('ip:1', OTHER)).resolves.toMatchObject({
        decisions: [{ remaining: 1 }],
      });
      const { consume } = memory;
      const failure = new TypeError('a bug of the driver');
      jest.spyOn(memory, 'consume').mockImplementation((checks) => {
        return checks[0]?.policy.shadow ? Promise.reject(failure) : consume.call(memory, checks);
      });
      await expect(service.consume('ip:1', [TRIED, DAILY])).resolves.toMatchObject(
        only('daily', 47),
      );
      await eventually(() => expect(logged).toHaveBeenLastCalledWith(failure));
    } finally {
      logged.mockRestore();
    }
  });

  it('is not waited for', async () => {
    const { service, memory } = create();
    const { consume } = memory;
    jest.spyOn(memory, 'consume').mockImplementation((checks) => {
      return checks[0]?.policy.shadow ? new Promise(() => {}) : consume.call(memory, checks);
    });
    await expect(service.consume('ip:1', [TRIED, DAILY])).resolves.toMatchObject(only('daily', 49));
  });

  it('is counted apart for operators', async () => {
    const { service, memory, clock, events, resolved } = create({
      default: DAILY,
      routes: [{ ...TRIED, path: '/tried' }],
    });
    const policies = new RequestPolicies(resolved, new Reflector());
    const blocked = new BlockedCounts(events, policies);
    const offenders = new TopOffenders({ events, clock, connection: undefined });
    const controller = new ThrottleAdminController(memory, policies, blocked, offenders);
    for (let count = 0; count < 52; count += 1) await service.consume('ip:1', [TRIED, DAILY]);
    await eventually(() => {
      expect(controller.list().policies).toMatchObject([
        { name: 'daily', shadow: false, blocked: 2, shadow_blocked: 0 },
        { name: 'tried', shadow: true, blocked: 0, shadow_blocked: 49 },
      ]);
    });
    await expect(controller.peek('tried', 'ip:1')).resolves.toMatchObject({ allowed: false });
  });

  it('must not share a counter with one that is enforced', async () => {
    const { service } = create();
    const enforced = { ...TRIED, shadow: false };
    await expect(service.consume('ip:1', [enforced, TRIED])).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'shadow',
    });
  });

  /** What one limit alone decided. */
  function only(policy: string, remaining: number) {
    return { allowed: true, decisions: [{ policy, remaining }] };
  }
});
