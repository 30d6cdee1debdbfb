import { DegradedThrottleDriver } from '../../../src/modules/throttle/drivers/degraded-throttle.driver.js';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  checks,
  hit,
  hitTimes,
  policy,
  WINDOW,
} from '../../contracts/throttle/throttle-fixture.js';

const OPEN = policy({ name: 'open', onRedisDown: 'open', limit: 1 });
const CLOSED = policy({ name: 'closed', onRedisDown: 'closed' });

function degraded(instances = 1): DegradedThrottleDriver {
  const memory = new MemoryThrottleDriver({
    clock: new FakeClock(),
    maxCounters: 100,
    maxHits: 100_000,
  });
  return new DegradedThrottleDriver(memory, () => instances);
}

describe('while Redis is away', () => {
  it.each([
    [9, 1, 9],
    [9, 3, 3],
    [10, 3, 3],
    [2, 3, 1],
    [1, 100, 1],
  ])('a memory limit of %i on %i instances grants each %i', async (limit, instances, share) => {
    const driver = degraded(instances);
    await expect(hitTimes(driver, 20, policy({ limit }))).resolves.toBe(share);
    await expect(hit(driver, 'bob', policy({ limit }))).resolves.toMatchObject({ limit: share });
  });

  it('an open limit admits everything and reports nothing used', async () => {
    const driver = degraded();
    for (let count = 0; count < 5; count += 1) {
      await expect(driver.consume(checks('alice', [OPEN]))).resolves.toEqual({
        allowed: true,
        backing: 'none',
        decisions: [
          {
            policy: 'open',
            allowed: true,
            limit: 1,
            remaining: 1,
            resetMs: 0,
            retryAfterMs: 0,
            at: 0,
          },
        ],
      });
    }
  });

  it('a closed limit refuses every hit and every peek, naming itself', async () => {
    const driver = degraded();
    const down = { code: 'E_THROTTLE_BACKEND_DOWN', policy: 'closed' };
    await expect(driver.consume(checks('alice', [CLOSED]))).rejects.toMatchObject(down);
    await expect(driver.peek(checks('alice', [OPEN, CLOSED]))).rejects.toMatchObject(down);
  });

  it('a closed limit keeps the others from counting the hit', async () => {
    const driver = degraded();
    await expect(driver.consume(checks('alice', [policy(), CLOSED]))).rejects.toThrow();
    await expect(driver.peek(checks('alice', [policy()]))).resolves.toMatchObject({
      decisions: [{ remaining: 3 }],
    });
  });

  it('open and counted limits decide together, in the order asked', async () => {
    const driver = degraded();
    const policies = [OPEN, policy({ limit: 2 }), { ...OPEN, name: 'other' }];
    await expect(driver.consume(checks('alice', policies))).resolves.toMatchObject({
      allowed: true,
      backing: 'memory',
      decisions: [{ policy: 'open' }, { policy: 'api', remaining: 1 }, { policy: 'other' }],
    });
    await driver.consume(checks('alice', policies));
    await expect(driver.consume(checks('alice', policies))).resolves.toMatchObject({
      allowed: false,
      decisions: [
        { policy: 'open', allowed: true },
        { policy: 'api', allowed: false, retryAfterMs: WINDOW },
        { policy: 'other', allowed: true },
      ],
    });
  });

  it('two limits of one name each get their own decision', async () => {
    const driver = degraded();
    const policies = [
      policy({ strategy: 'fixed-window', limit: 5 }),
      policy({ strategy: 'sliding-window', limit: 2 }),
      policy({ onRedisDown: 'open', limit: 7 }),
    ];
    await expect(driver.consume(checks('alice', policies))).resolves.toMatchObject({
      decisions: [
        { limit: 5, remaining: 4 },
        { limit: 2, remaining: 1 },
        { limit: 7, remaining: 7 },
      ],
    });
  });

  it('a reset forgets what was counted here', async () => {
    const driver = degraded();
    await hit(driver, 'alice', policy());
    await expect(driver.reset(checks('alice', [policy()]))).resolves.toBe(true);
    await expect(driver.reset(checks('alice', [policy()]))).resolves.toBe(false);
  });
});
