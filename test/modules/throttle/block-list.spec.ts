import { BlockListDriver } from '../../../src/modules/throttle/drivers/block-list.driver.js';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { ThrottleService } from '../../../src/modules/throttle/index.js';
import { resolveThrottleOptions } from '../../../src/modules/throttle/throttle.options.js';
import { EventStream } from '../../../src/common/events/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  checks,
  counted,
  hit,
  hitTimes,
  look,
  policy,
  WINDOW,
} from '../../contracts/throttle/throttle-fixture.js';

const THREE = policy({ limit: 3 });
const AGE = 5 * WINDOW;

/** The list, what is behind it, and how often that was asked to count. */
function listed({ maxEntries = 100, maxAgeMs = AGE } = {}) {
  const clock = new FakeClock();
  const behind = new MemoryThrottleDriver({ clock, maxCounters: 100, maxHits: 100_000 });
  const asked = jest.spyOn(behind, 'consume');
  const driver = new BlockListDriver(behind, { clock, maxEntries, maxAgeMs });
  const isAsked = async (work: () => Promise<unknown>): Promise<boolean> => {
    const before = asked.mock.calls.length;
    await work();
    return asked.mock.calls.length > before;
  };
  return { driver, behind, asked, clock, isAsked };
}

/** Alice, over that limit. */
async function over(asked = THREE, bounds: { maxEntries?: number; maxAgeMs?: number } = {}) {
  const list = listed(bounds);
  await hitTimes(list.driver, asked.limit + 1, asked);
  return { ...list, alice: () => list.isAsked(() => hit(list.driver, 'alice', asked)) };
}

describe('a subject over its limit', () => {
  it.each([
    'sliding-window',
    'fixed-window',
    'sliding-window-counter',
    'token-bucket',
    'gcra',
  ] as const)('is told the same without asking, until it may come again: %s', async (strategy) => {
    const three = policy({ strategy, burst: 3 });
    const { driver, behind, clock, asked } = await over(three);
    const { retryAfterMs } = await look(behind, 'alice', three);
    const calls = asked.mock.calls.length;
    for (let left = retryAfterMs; left > 1; left -= 1_000) {
      const expected = await look(behind, 'alice', three);
      await expect(hit(driver, 'alice', three)).resolves.toEqual(expected);
      clock.advance(Math.min(1_000, left - 2));
      if (left <= 1_000) break;
    }
    expect(asked).toHaveBeenCalledTimes(calls);
    clock.advance(1);
    await expect(hit(driver, 'alice', three)).resolves.toMatchObject({ retryAfterMs: 1 });
    clock.advance(1);
    await expect(hit(driver, 'alice', three)).resolves.toMatchObject({ allowed: true });
  });

  it('is not told on behalf of another, nor one that is within its limit', async () => {
    const { driver, isAsked } = await over();
    for (let count = 0; count < 3; count += 1) {
      expect(await isAsked(() => hit(driver, 'bob', THREE))).toBe(true);
    }
  });

  it('is asked for again at another cost, or under another limit', async () => {
    const { driver, isAsked, alice } = await over();
    expect(await isAsked(() => driver.consume(checks('alice', [THREE], 2)))).toBe(true);
    expect(await isAsked(() => hit(driver, 'alice', policy({ limit: 2 })))).toBe(true);
    expect(await alice()).toBe(true);
    expect(await alice()).toBe(false);
    expect(await isAsked(() => hit(driver, 'alice', policy({ limit: 3 })))).toBe(false);
  });

  it('is asked for again after a refund, a grant, a reset and a block through this process', async () => {
    const manual = policy({ limit: 3, block: { durationMs: 0, longestMs: 0 } });
    const { driver, alice, behind, clock } = await over(manual);
    const hits = checks('alice', [manual]);
    const outcome = await behind.peek(hits);
    const changes = [
      () => driver.refund(counted(hits, { ...outcome, backing: 'memory' })),
      () => driver.grant(hits),
      () => driver.reset(hits),
      () => driver.block(hits, 1_000),
    ];
    for (const change of changes) {
      await hitTimes(driver, 5, manual);
      expect(await alice()).toBe(false);
      clock.advance(1);
      await change();
      expect(await alice()).toBe(true);
    }
  });

  it('is let in again at most the longest age after another process took its hits back', async () => {
    const { driver, behind, clock, alice } = await over(THREE, { maxAgeMs: 5_000 });
    await behind.grant(checks('alice', [THREE]));
    clock.advance(4_999);
    expect(await alice()).toBe(false);
    clock.advance(1);
    await expect(hit(driver, 'alice', THREE)).resolves.toMatchObject({ allowed: true });
  });

  it('is asked for each time under a limit of how many at once, which may end at any moment', async () => {
    const { alice } = await over(policy({ strategy: 'concurrency' }));
    expect([await alice(), await alice()]).toEqual([true, true]);
  });

  it('may be asked for again where there are more than are remembered', async () => {
    const { driver, isAsked, alice } = await over(THREE, { maxEntries: 2 });
    const isBobAsked = () => isAsked(() => driver.consume(checks('bob', [THREE], 3)));
    const isCarolAsked = () => isAsked(() => driver.consume(checks('carol', [THREE], 3)));
    await isBobAsked();
    await isBobAsked();
    expect([await alice(), await isBobAsked()]).toEqual([false, false]);
    expect(await alice()).toBe(false);
    await isCarolAsked();
    await isCarolAsked();
    expect([await alice(), await isCarolAsked(), await isBobAsked()]).toEqual([false, false, true]);
  });

  it('is reported each time it is denied', async () => {
    const events = new EventStream();
    const denied = jest.fn();
    events.on('throttle.blocked', denied);
    const { driver, asked } = listed();
    const service = new ThrottleService(driver, resolveThrottleOptions({}), events);
    const limit = { name: 'mail', limit: 1, window: '1m' } as const;
    for (let count = 0; count < 5; count += 1) await service.consume('alice', { ...limit });
    expect(asked).toHaveBeenCalledTimes(2);
    expect(denied.mock.calls).toEqual(
      Array.from({ length: 4 }, () => [{ subject: 'alice', policy: 'mail', retryAfterMs: WINDOW }]),
    );
  });

  it('is asked for again when the list was cleared', async () => {
    const { driver, alice } = await over();
    driver.clear();
    expect(await alice()).toBe(true);
  });
});

describe('a denial with consequences', () => {
  it('is passed on each time under a limit with a penalty', async () => {
    const { alice } = await over(policy({ penalty: 1 }));
    expect([await alice(), await alice()]).toEqual([true, true]);
  });

  it('is passed on each time where the limit may outlast the block', async () => {
    const { alice } = await over(policy({ block: { durationMs: 1_000, longestMs: 1_000 } }));
    expect([await alice(), await alice()]).toEqual([true, true]);
  });

  it('is answered here while a block stands that has cleared the hits', async () => {
    const block = { durationMs: 1_000, longestMs: 1_000, clears: true };
    const cleared = policy({ block });
    const { driver, alice, clock } = await over(cleared);
    expect(await alice()).toBe(false);
    clock.advance(999);
    await expect(hit(driver, 'alice', cleared)).resolves.toMatchObject({ retryAfterMs: 1 });
    clock.advance(1);
    await expect(hitTimes(driver, 4, cleared)).resolves.toBe(3);
    await expect(hit(driver, 'alice', cleared)).resolves.toMatchObject({ retryAfterMs: 1_000 });
  });

  it('is answered here while a long block stands, and passed on once it is over', async () => {
    const held = policy({ penalty: 2, block: { durationMs: 3 * WINDOW, longestMs: 9 * WINDOW } });
    const { driver, alice, clock } = await over(held);
    expect(await alice()).toBe(false);
    clock.advance(3 * WINDOW - 1);
    await expect(hit(driver, 'alice', held)).resolves.toMatchObject({ retryAfterMs: 1 });
    clock.advance(1);
    await expect(hitTimes(driver, 4, held)).resolves.toBe(3);
    await expect(hit(driver, 'alice', held)).resolves.toMatchObject({ retryAfterMs: 6 * WINDOW });
  });
});

describe('a hit with several checks', () => {
  const nine = policy({ name: 'nine', limit: 9 });
  const tenant = { subject: 'acme', policy: nine, cost: 1 };
  const both = [...checks('alice', [THREE]), tenant];

  it('is told what all of them say', async () => {
    const { driver, behind, clock, isAsked } = await over();
    await driver.consume([tenant]);
    await driver.consume(both);
    clock.advance(1_000);
    const expected = await behind.peek(both);
    await expect(driver.consume(both)).resolves.toMatchObject({
      allowed: false,
      decisions: expected.decisions,
    });
    expect(expected.decisions).toMatchObject([{ allowed: false }, { allowed: true, remaining: 8 }]);
    expect(await isAsked(() => driver.consume(both))).toBe(false);
  });

  it('is passed on where one of them was not heard of, or has counted since', async () => {
    const { driver, isAsked } = await over();
    expect(await isAsked(() => driver.consume(both))).toBe(true);
    expect(await isAsked(() => driver.consume(both))).toBe(false);
    await driver.consume([tenant]);
    expect(await isAsked(() => driver.consume(both))).toBe(true);
  });

  it('is passed on when more may remain of one that allowed it', async () => {
    const { driver, behind, clock, isAsked } = await over();
    const brief = { ...nine, windowMs: 10_000 };
    const all = [...checks('alice', [THREE]), { ...tenant, policy: brief }];
    await hit(driver, 'acme', brief);
    await driver.consume(all);
    clock.advance(9_998);
    expect(await isAsked(() => driver.consume(all))).toBe(false);
    clock.advance(2);
    const { decisions } = await behind.peek(all);
    await expect(driver.consume(all)).resolves.toMatchObject({ decisions });
    expect(decisions).toMatchObject([{ allowed: false }, { remaining: 9 }]);
  });

  it('is passed on where none of those that are known denies', async () => {
    const { driver, isAsked } = await over();
    await driver.consume(both);
    expect(await isAsked(() => driver.consume([tenant]))).toBe(true);
  });
});

describe('an answer that takes its time', () => {
  it('is believed no longer than from when it was asked for, and told from when it came', async () => {
    const { driver, behind, clock, alice } = await over();
    driver.clear();
    const { consume } = behind;
    // It is decided 30 ms after it was asked for, and heard of 70 ms later.
    jest.spyOn(behind, 'consume').mockImplementationOnce(async (asked) => {
      clock.advance(30);
      const outcome = await consume.call(behind, asked);
      clock.advance(70);
      return outcome;
    });
    await hit(driver, 'alice', THREE);
    await expect(hit(driver, 'alice', THREE)).resolves.toMatchObject({
      allowed: false,
      retryAfterMs: WINDOW - 30,
    });
    await expect(look(behind, 'alice', THREE)).resolves.toMatchObject({
      retryAfterMs: WINDOW - 100,
    });
    clock.advance(WINDOW - 100 - 32);
    expect(await alice()).toBe(false);
    clock.advance(1);
    expect(await alice()).toBe(true);
  });

  it('that never comes leaves nothing to believe: the hit may have been counted', async () => {
    const { driver, behind, alice } = await over();
    jest.spyOn(behind, 'consume').mockRejectedValueOnce(new Error('lost'));
    await expect(driver.consume(checks('alice', [THREE], 2))).rejects.toThrow('lost');
    expect(await alice()).toBe(true);
  });
});
